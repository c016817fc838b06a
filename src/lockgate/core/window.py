"""Window: what both sides of a canary got between two moments, and how a canary is judged by it.

Both sides have the same edges, so that whatever befalls both (a dependency that is down, the time of day) cancels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of a metric that counts: how many were bad, of how many."""

    bad: int
    whole: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a metric's source says of one side at one moment. Nothing at all: there is no data, which is not zero."""

    at: Instant
    totals: Mapping[str, Ratio] = field(default_factory=dict)
    """Of a metric that counts: who counted (``host:port`` where the source tells, else empty) -> totals that only
    grow, or begin again at 0."""
    value: float | None = None
    """Of a gauge. Finite."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Of a gauge, who it is of -> each one's own, where the source tells; ``value`` is their mean."""
    because: str = ""
    """Why there is no data, as a sentence."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one side got in a window. Increments, not totals."""

    requests: int = 0
    errors: int = 0
    latency: Mapping[float, int] = field(default_factory=dict)
    """Upper bound in milliseconds -> requests at or below it; the largest is infinite and has them all."""
    counts: Mapping[str, Ratio] = field(default_factory=dict)
    """Metric -> what it counted."""
    gauges: Mapping[str, float] = field(default_factory=dict)
    """Metric -> its level, in the windows that have one."""
    instances: int = 0
    """In rotation at the end."""


@dataclass(frozen=True, slots=True)
class Window:
    """One look."""

    number: int
    """1, 2, 3 ... in a rollout."""
    start: Instant
    end: Instant
    stage: int
    """Index of the canary's stage."""
    weight: int
    """Basis points that the canary was given, of what it shares with its baseline."""
    canary: Side
    baseline: Side
    component: str = ""
    excluded: str = ""
    """Why it is not counted (instances that warm up, counters that began again); empty: it is."""


@dataclass(frozen=True, slots=True)
class Minute:
    """What the instances of one revision got in a minute before the rollout, for how much such numbers scatter."""

    at: Instant
    """Its end."""
    instances: Mapping[str, Ratio]
    """Instance -> errors, of requests."""
    latency: Mapping[float, int] = field(default_factory=dict)
    """Of all of them together, as in :class:`Side`."""
    gauges: Mapping[str, float] = field(default_factory=dict)
    """Metric -> the difference between two halves of the instances."""


class Advice(StrEnum):
    """What the evidence advises."""

    GO_ON = "go-on"
    """Neither one nor the other yet."""
    ROLL_BACK = "roll-back"
    PROMOTE = "promote"
    """It is shown to be good."""


@dataclass(frozen=True, slots=True)
class Term:
    """One metric's part of the evidence."""

    metric: str
    """``errors``, ``latency``, ``objective``, ``sample ratio`` or a metric's own name."""
    against: float
    """Natural logarithm of the e-value that the canary is worse."""
    good: float | None
    """The same that it is good; None: this metric is not asked for promotion."""
    because: str
    """What it saw, as a sentence."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What all windows so far say."""

    advice: Advice
    because: str
    """A sentence a user can act on, with figures."""
    against: float
    """Natural logarithm of the e-value of all metrics together; ``threshold`` rolls it back."""
    threshold: float
    good: float
    """The least of what speaks for it; ``needed`` promotes it."""
    needed: float
    terms: tuple[Term, ...] = ()
    trusted: bool = True
    """False: errors come in such bursts that their count decides nothing."""
