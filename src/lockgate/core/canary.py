"""Canary: a change that a growing part of the traffic meets, and what decides how it goes on.

Settings only, as values; the tests they name are those of ``lockgate.analysis``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from lockgate.core.traffic import ALL
from lockgate.core.traffic import Pin as Pin


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the ramp."""

    weight: int
    """Basis points of the traffic that the canary has; less than all of it."""
    soak: float
    """Seconds that it lasts at least, whatever the evidence says."""
    hold: bool = False
    """It waits for a person before it goes on."""


class Inconclusive(StrEnum):
    """What becomes of a canary that the evidence has neither condemned nor cleared when its time is over."""

    PAUSE = "pause"
    """Somebody decides."""
    PROMOTE = "promote"
    """It goes on, if the evidence against it has not grown at all (e-value below 1) and there was any traffic."""
    ROLL_BACK = "roll-back"


class Baseline(StrEnum):
    """What the canary is compared with."""

    ALL = "all"
    """Every instance of the release before."""
    FRESH = "fresh"
    """Instances of the release before that start together with the canary's, as many as it has: for what depends on
    how long a program has run (caches, just-in-time compilers)."""


class MetricKind(StrEnum):
    """How the numbers of a metric are to be read."""

    COUNTER = "counter"
    """Two totals that only grow: bad ones, of all. Tested as errors are."""
    GAUGE = "gauge"
    """A level, once a minute, of which more is worse. The difference between both sides is tested."""


@dataclass(frozen=True, slots=True)
class Metric:
    """Something else that users feel, from outside Lockgate: for each side a number, or two."""

    name: str
    source: str
    """``prometheus``, ``http`` or ``command``."""
    kind: MetricKind
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the source: ``url``, ``bad``, ``all``, ``value``, ``run`` ... with ``{revision}``, ``{application}``,
    ``{environment}``, ``{cell}``, ``{component}`` and ``{side}`` (``canary``, ``baseline``) to be filled in."""
    higher_is_better: bool = False
    share: float = 1.0
    """Its part of alpha, in proportion to those of the others."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is tested, and how surely. Frozen with the plan: changing them after seeing data would void the bound."""

    alpha: float = 0.01
    """Chance that a release as good as the one before is rolled back, over the whole rollout and all metrics."""
    beta: float = 0.05
    """Chance that a release at least ``ruled_out`` times as bad is promoted early."""
    tolerance: float = 1.25
    """How many times as many errors are as good."""
    absolute: float = 0.0
    """Share of the requests that may fail in addition, whatever the baseline's do."""
    ruled_out: float = 2.0
    """How many times as many errors must be ruled out for early promotion, and ``negligible`` more."""
    negligible: float = 0.001
    """Share of the requests that may fail in addition and still count as good: without it nothing could ever be shown
    where nothing fails."""
    latency: bool = True
    """Whether it is also tested if the canary is slower."""
    latency_tolerance: float = 1.2
    """How many times as many requests above a bound are as good."""
    objective: float | None = None
    """Share of the canary's requests that may fail at all (service level objective); None: it is only compared."""
    window: float = 5.0
    """Seconds between two looks."""
    warm_up: float = 60.0
    """Seconds after an instance has become ready in which what it does is not counted."""
    dispersion: float | None = None
    """How much more errors scatter than independent ones would; None: learnt from the traffic before."""
    baseline: Baseline = Baseline.ALL
    metrics: tuple[Metric, ...] = ()


DEFAULT_STAGES = (
    Stage(100, 300.0),
    Stage(500, 600.0),
    Stage(2500, 900.0),
    Stage(5000, 1800.0),
)


@dataclass(frozen=True, slots=True)
class Canary:
    """How a release is shown to ever more users."""

    stages: tuple[Stage, ...] = DEFAULT_STAGES
    """Weights rise."""
    instances: int | None = None
    """How many it has while it is a canary; None: as many of the replicas as its weight, at least one."""
    early: bool = True
    """It gets all the traffic as soon as it is shown to be good and its present stage has lasted."""
    within: float = 7200.0
    """Seconds after which it must have been decided."""
    inconclusive: Inconclusive = Inconclusive.PAUSE
    pins: tuple[Pin, ...] = ()
    sticky: bool = False
    """A user who has met the canary meets it again; nobody goes back as its weight grows."""
    criteria: Criteria = Criteria()

    def shared(self, parts: int) -> "Canary":
        """One of so many that go on for one deployment and share one alpha."""
        return self if parts < 2 else replace(self, criteria=replace(self.criteria, alpha=self.criteria.alpha / parts))

    def instances_at(self, weight: int, replicas: int) -> int:
        """At ``weight`` basis points, of ``replicas``: rounded up, at least one, at most all."""
        count = self.instances if self.instances is not None else -(-replicas * weight // ALL)
        return max(1, min(count, replicas))
