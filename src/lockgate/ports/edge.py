"""The outside world that the engine changes and asks: instances, routers, artifacts, tasks, numbers, rules."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from lockgate.core.artifact import Artifact, ArtifactKind, Reference, Tree
from lockgate.core.canary import Metric
from lockgate.core.envelope import Signature
from lockgate.core.ids import InstanceId, Instant, RevisionId
from lockgate.core.inventory import Observed
from lockgate.core.keyring import Keyring
from lockgate.core.plan import Fence, InstanceSpec
from lockgate.core.policy import Judgement, Policy, RuleProblem
from lockgate.core.traffic import Key, Route, RouterCaps, RouteStatus, Sample, TargetCaps
from lockgate.core.verification import HttpAnswer
from lockgate.core.window import Reading


class Phase(StrEnum):
    """Of something started and polled."""

    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Polled:
    """Answer to a poll: how it stands, and why."""

    phase: Phase
    because: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Part of an instance's output."""

    text: str
    next: int
    """Pass it as ``after`` to read on."""


class Target(Protocol):
    """Where instances live. ``observe`` and ``prepare`` return at once; what takes long goes on behind them."""

    @property
    def caps(self) -> TargetCaps: ...

    def prepare(self, key: Key, spec: InstanceSpec, fence: Fence) -> Polled:
        """Makes the artifact ready to start here. Call again until it is done."""

    def observe(self, key: Key) -> Observed:
        """Every instance of every revision, with its health as just seen."""

    def ensure(self, key: Key, spec: InstanceSpec, count: int, fence: Fence) -> None:
        """At least ``count`` instances of the spec's revision exist: those missing, or dead, are started in the
        lowest free slots. Never removes any. Does not wait for them to be ready."""

    def retire(self, key: Key, instances: Collection[InstanceId], fence: Fence) -> None:
        """Those instances are asked to stop, then made to; they stay observable as stopping until they are gone."""

    def logs(self, key: Key, instance: InstanceId, after: int, limit: int) -> LogChunk: ...


class Router(Protocol):
    """Who gets which revision."""

    @property
    def caps(self) -> RouterCaps: ...

    def apply(self, route: Route, fence: Fence) -> None:
        """The whole desired state of one key. Returns once the data plane has accepted it. Raises
        :class:`RouteRejected` (the route before stays in force) or :class:`Unavailable`."""

    def status(self, key: Key) -> RouteStatus: ...

    def sample(self, key: Key) -> Mapping[RevisionId, Sample]:
        """What each revision has counted since counting began, pinned requests aside; nothing at all where requests are
        not counted. Raises Unavailable."""

    def remove(self, key: Key, fence: Fence) -> None:
        """The key takes no traffic any more and its address is free."""


class Signer(Protocol):
    """Keeps the key that signs for this installation, and gives it to nobody."""

    def ring(self) -> Keyring: ...

    def sign(self, message: bytes) -> Signature:
        """By the ring's current key. Raises ComponentMissing when it is not there."""

    def verify(self, pem: str, message: bytes, signature: bytes) -> bool: ...

    def rotate(self, at: Instant, actor: str, reason: str) -> Keyring:
        """A new key signs from now on, introduced by the old one; the old one is forgotten, but for its public half."""


class Source(Protocol):
    """Where artifacts of one kind come from."""

    @property
    def kind(self) -> ArtifactKind: ...

    def resolve(self, reference: Reference, folder: Path) -> Artifact:
        """Once, to a digest, with everything needed later kept in Lockgate's own store. Relative paths are relative
        to ``folder``. Raises ArtifactMissing, ArtifactYanked, ArtifactAltered, ArtifactMistyped, Unavailable."""

    def materialise(self, artifact: Artifact) -> Tree:
        """On this machine, without the network. Quick when it is there already."""

    def latest(self, reference: Reference, folder: Path) -> Reference:
        """What a moving reference points at now; an exact one is returned as it is."""


class Task(Protocol):
    """Something that runs and ends. It outlives the control plane and is found again by its handle."""

    def start(self, handle: str, inputs: Mapping[str, str], words: Sequence[str], timeout: float, fence: Fence) -> None:
        """Idempotent: a handle that has been started is not started again."""

    def poll(self, handle: str) -> Polled: ...

    def cancel(self, handle: str) -> None: ...


class Http(Protocol):
    """Asks over HTTP, without following redirects and without keeping connections."""

    def request(self, method: str, url: str, headers: Mapping[str, str], timeout: float) -> HttpAnswer:
        """Raises :class:`Unavailable` when no whole answer came in time."""


class MetricSource(Protocol):
    """Where metrics come from that Lockgate does not measure itself."""

    def read(self, metric: Metric, labels: Mapping[str, str], at: Instant) -> Reading:
        """What the metric of one side stands at, at that moment. ``labels``: what is filled in for ``{revision}``,
        ``{application}``, ``{environment}``, ``{component}`` and ``{side}`` in the metric's settings. Where there is no
        data the reading is empty and says why. Raises Unavailable when the source does not answer or fails, Invalid for
        settings it can do nothing with, ComponentMissing for a program or secret that is not there."""


class Policies(Protocol):
    """Who works out the rules of policies, within limits of time and memory. Both raise ComponentMissing where that
    cannot be done on this machine, and Unavailable while it cannot be done."""

    def check(self, policy: Policy) -> tuple[RuleProblem, ...]:
        """What is wrong with its rule and message: unknown fields, types that do not fit, a result that is neither true
        nor false, too much work."""

    def judge(self, policies: Sequence[Policy], document: Mapping[str, Any]) -> tuple[Judgement, ...]:
        """What comes of each, on these facts (``lockgate.core.facts.document``). Only exactly true holds."""
