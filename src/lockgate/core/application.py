"""Application and its components: what a team ships, as its own file says it. Nothing here names an environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lockgate.core import template
from lockgate.core.artifact import Reference
from lockgate.core.canary import Canary
from lockgate.core.ids import LATER, Digest


class StrategyKind(StrEnum):
    """How a change is spread in time."""

    RECREATE = "recreate"
    ROLLING = "rolling"
    BLUE_GREEN = "blue-green"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Strategy:
    """A tactic and its settings. Counts and times that do not belong to the kind are ignored by it."""

    kind: StrategyKind = StrategyKind.BLUE_GREEN
    batch: str = "25%"
    """Rolling: instances replaced at a time, a count (``2``) or a share of the replicas (``25%``, at least one)."""
    drain: float = 30.0
    """Seconds a released instance may take to finish its requests before it is stopped all the same."""
    hold: float = 30.0
    """Recreate: seconds a request waits while nothing runs, before it is refused."""
    canary: Canary | None = field(default=None, metadata=LATER)
    """Of a canary: its stages, and what decides."""

    def batch_of(self, replicas: int) -> int:
        """Instances a rolling step replaces: at least one, at most all."""
        count = -(-replicas * int(self.batch[:-1]) // 100) if self.batch.endswith("%") else int(self.batch)
        return max(1, min(count, replicas))


@dataclass(frozen=True, slots=True)
class Health:
    """When an instance is ready: ``passes`` good answers in a row from its own process."""

    path: str = ""
    """HTTP path that answers 2xx; empty: the port accepting connections is enough."""
    passes: int = 2
    timeout: float = 2.0
    """Seconds one answer may take."""
    interval: float = 1.0
    """Seconds between checks once ready."""
    start_within: float = 60.0
    """Seconds from start to ready; later is a failed start."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of one instance; None is no limit. Applied where the machine can."""

    memory_bytes: int | None = None
    cpu: float | None = None
    """Cores."""
    pids: int | None = None
    open_files: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """How an instance is ended, after the router has drained it."""

    signal: str = "TERM"
    grace: float = 10.0
    """Seconds from the signal to KILL of everything it started."""


@dataclass(frozen=True, slots=True)
class Container:
    """How an image runs. Of use only to a component whose artifact is one."""

    entrypoint: tuple[str, ...] = ()
    """Instead of the image's own; empty: that one. ``run`` stands for its arguments."""
    port: int | None = None
    """Fixed port that the program listens on inside; None: it listens on ``{port}``, which is allotted."""
    user: str = ""
    """Name or number, with ``:group`` if need be; empty: the image's own."""
    read_only: bool = False
    """Its root file system cannot be written."""
    capabilities: tuple[str, ...] | None = None
    """Exactly these, without ``CAP_``; None: the engine's usual ones but NET_RAW, MKNOD and AUDIT_WRITE."""
    gain_privileges: bool = False
    """Its programs may become more than their user is, as ``sudo`` does."""
    mounts: Mapping[str, str] = field(default_factory=dict)
    """Folder inside -> folder of the machine (``/srv/data``) or volume that outlives the instance (``data``), with
    ``:ro`` behind it when it must not be written. Values are filled in."""
    scratch: tuple[str, ...] = ()
    """Folders inside that are empty, writable and in memory."""


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """One request and what its answer must be."""

    path: str
    method: str = "GET"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent."""
    expect_headers: Mapping[str, str] = field(default_factory=dict)
    """Must be in the answer, with exactly this value."""
    json: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    """Path in the JSON answer (``rows.0.id``) -> value it must have."""
    contains: str = ""
    within: float | None = None
    """Seconds the answer may take; None: only the timeout counts."""
    timeout: float = 5.0
    attempts: int = 1

    def label(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """A program that must end with 0. It finds the address in ``{url}`` and in ``LOCKGATE_URL``."""

    run: tuple[str, ...]
    timeout: float = 60.0

    def label(self) -> str:
        return " ".join(self.run)


Check = HttpCheck | CommandCheck


@dataclass(frozen=True, slots=True)
class Component:
    """One deployable part of an application.

    ``run`` is a command line in words; ``{host}``, ``{port}``, ``{work}``, ``{artifact}``, ``{values.NAME}``,
    ``{files.NAME}`` and ``{secrets.NAME}`` are filled in (:mod:`lockgate.core.template`). A component whose command
    and environment do not mention ``{port}``, and whose container has no port of its own, takes no traffic.
    """

    name: str
    artifact: Reference
    run: tuple[str, ...] = ()
    """Empty, for an image: its own command."""
    health: Health = Health()
    replicas: int = 1
    files: Mapping[str, Reference] = field(default_factory=dict)
    """Name in the working folder -> artifact found there."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables; the same is filled in."""
    secrets: tuple[str, ...] = field(default=(), metadata=LATER)
    """Names of the environment's secrets that an instance may read, each in a file: ``{secrets.NAME}`` is its path."""
    after: tuple[str, ...] = ()
    """Components that must be deployed before this one."""
    path: str = "/"
    """Prefix of the request path that this component serves."""
    resources: Resources = Resources()
    stop: Stop = Stop()
    warm_up: tuple[str, ...] = ()
    """Paths requested of each new instance before it gets traffic."""
    container: Container = field(default=Container(), metadata=LATER)
    needs: tuple[str, ...] = field(default=(), metadata=LATER)
    """Capabilities that an environment must have for it."""

    @property
    def takes_traffic(self) -> bool:
        return takes_traffic(self.run, self.env, self.container)


def takes_traffic(command: Sequence[str], env: Mapping[str, str], container: Container) -> bool:
    """Whether it is told an allotted port, or has one of its own."""
    told = any(template.mentions(text, "port") for text in (*command, *container.entrypoint, *env.values()))
    return told or container.port is not None


@dataclass(frozen=True, slots=True)
class Application:
    """What ``lockgate.yaml`` says."""

    name: str
    components: Mapping[str, Component]
    strategy: Strategy = Strategy()
    verify: tuple[Check, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    """Defaults for ``{values.NAME}``; an environment's own values win."""
    requires: Mapping[str, str] = field(default_factory=dict, metadata=LATER)
    """Application that must run in the same environment -> range of its versions."""
    templates: Mapping[str, Digest] = field(default_factory=dict, metadata=LATER)
    """``python-web@1`` -> digest of the template's file, of each that the definition was made with."""

    def in_order(self) -> tuple[Component, ...]:
        """Components, each behind those it comes after; otherwise as written. The definition holds no cycle."""
        done: dict[str, Component] = {}

        def visit(component: Component) -> None:
            for name in component.after:
                if name not in done:
                    visit(self.components[name])
            done.setdefault(component.name, component)

        for component in self.components.values():
            visit(component)
        return tuple(done.values())
