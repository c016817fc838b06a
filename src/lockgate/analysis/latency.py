"""Latency: are more of the canary's requests slower than a bound than of the baseline's at the same time?

The count of requests above a bound is one like that of errors, so each bound has an e-process of
:mod:`lockgate.analysis.counts` with a tolerance and a dispersion of its own; the whole histogram adds one more. The
average of e-processes is one, and needs no correction for their number. Bounds are fixed before anything is tested on
them: by the traffic before, or else by the baseline's first windows, which are then not tested.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from lockgate.analysis import shape
from lockgate.analysis.cases import Case, Questions
from lockgate.analysis.counts import Counts, GoodTest, WorseTest, log_mean
from lockgate.analysis.dispersion import LENGTHS, Dispersion, successive
from lockgate.analysis.histogram import Histogram, histogram, nearest, usable_bounds
from lockgate.core.canary import Criteria
from lockgate.core.window import Minute, Side

RATIOS = (1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 30.0)
FEWEST_REQUESTS = 500
"""Of the traffic before, or of the baseline's first windows, to learn from."""
FEWEST_BLOCKS = 12
"""Minutes before, or first windows."""
UNTIMED = 36
"""Windows with requests and without any times, after which nobody is taken to measure them."""
ASKED = (0.5, 0.1, 0.01)
"""Shares above a bound at which the canary must be shown to be as fast, for promotion."""
RAREST_ASKED = 0.005
ERRATIC = 1000.0
"""A bound whose count scatters more than this says nothing. Much more than for errors: many requests are above a bound,
and what moves all of them a little makes a large factor, which still leaves much evidence."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One that is tested."""

    milliseconds: float
    dispersion: float
    """Of the count above it, on all instances together, from minute to minute."""
    asked: bool
    """It must be shown to be good for promotion."""
    case: Case = field(default_factory=Case)


@dataclass(frozen=True, slots=True)
class Latency:
    """What is known of it so far."""

    learning: tuple[Histogram, ...] = ()
    """The baseline's first windows with times, while there are no bounds."""
    untimed: int = 0
    """Windows without, before the first of those."""
    chosen: bool = False
    """The bounds are fixed; without any, latency is not tested."""
    bounds: tuple[Bound, ...] = ()
    erratic: tuple[float, ...] = ()
    """Bounds that are left out because the count above them scatters too much."""
    usual: tuple[float, ...] = ()
    """Share of the baseline's requests in each cell between the bounds (:mod:`lockgate.analysis.shape`)."""
    shape: tuple[float, ...] = ()
    """Logarithms of the e-values of the whole histogram."""
    instances: int = 0
    """That the dispersion was learnt of."""

    @property
    def edges(self) -> tuple[float, ...]:
        return tuple(bound.milliseconds for bound in self.bounds)


def begin(past: Sequence[Minute]) -> Latency | None:
    """By the traffic before, if it was enough. None: it had requests, but nobody took their time."""
    minutes = [histogram(minute.latency) for minute in sorted(past, key=lambda one: one.at)]
    busy = [minute for minute in minutes if minute.requests]
    if not busy:
        unmeasured = any(ratio.whole for minute in past for ratio in minute.instances.values())
        return None if unmeasured else Latency()
    if len(busy) < FEWEST_BLOCKS or sum(one.requests for one in busy) < FEWEST_REQUESTS:
        return Latency()
    longer: dict[int, Histogram] = defaultdict(Histogram)
    for minute in sorted(past, key=lambda one: one.at):
        block = math.ceil(minute.at / LENGTHS[-1])
        longer[block] = longer[block].plus(histogram(minute.latency))
    instances = sorted(len(minute.instances) for minute in past)[len(past) // 2]
    return _chosen(busy, list(longer.values()), instances)


def add(criteria: Criteria, latency: Latency, canary: Side, baseline: Side) -> Latency:
    """A window more."""
    mine, theirs = histogram(canary.latency), histogram(baseline.latency)
    if not latency.chosen:
        return _learnt(latency, theirs, baseline)
    if not (mine.requests and theirs.requests and latency.bounds):
        return latency
    part = _part(latency.instances, canary, baseline)
    scatter = [max(1.0, 1 + part * (bound.dispersion - 1)) for bound in latency.bounds]
    bounds = tuple(
        _added(criteria, bound, mine.counts(theirs, bound.milliseconds), own)
        for bound, own in zip(latency.bounds, scatter, strict=True)
    )
    return replace(latency, bounds=bounds, shape=_shape(criteria, latency, mine, theirs, max(scatter)))


def against(criteria: Criteria, latency: Latency) -> float:
    """Logarithm of the e-value that the canary is slower: of the average over bounds, ratios and the shape."""
    if not latency.bounds:
        return 0.0
    each = [questions(criteria, bound).against(bound.case) for bound in latency.bounds]
    return log_mean([*each, shape.log_evidence(latency.shape)])


def for_it(criteria: Criteria, latency: Latency) -> float | None:
    """Logarithm of the e-value that it is as fast: the least of the bounds that are asked, all of which must be shown.
    None: it is not tested."""
    if latency.chosen and not latency.bounds:
        return None
    asked = (questions(criteria, bound).for_it(bound.case) for bound in latency.bounds if bound.asked)
    return min((one for one in asked if one is not None), default=0.0)


def worst(criteria: Criteria, latency: Latency) -> Bound | None:
    """The bound with the most evidence."""
    return max(latency.bounds, key=lambda one: questions(criteria, one).against(one.case), default=None)


def questions(criteria: Criteria, bound: Bound, scatter: float = 1.0) -> Questions:
    """What is asked at a bound; ``scatter``: dispersion between the two sides."""
    worse = WorseTest(criteria.latency_tolerance, 0.0, scatter, RATIOS)
    return Questions(worse, GoodTest(criteria.ruled_out, 0.0, scatter) if bound.asked else None)


def _part(instances: int, canary: Side, baseline: Side) -> float:
    """How much of the scatter of all instances together is to be expected between the two sides.

    If each instance has a noise of its own, all ``I`` together have ``1/I`` of its variance, and the sides ``1/I1`` and
    ``1/I0``, which counts with ``w (1 - w)`` for the weight ``w``. Where instances move together it is less."""
    if not (instances and canary.instances and baseline.instances):
        return 1.0
    w = canary.requests / max(1, canary.requests + baseline.requests)
    return w * (1 - w) * instances * (1 / canary.instances + 1 / baseline.instances)


def _added(criteria: Criteria, bound: Bound, counts: Counts | None, scatter: float) -> Bound:
    return replace(bound, case=questions(criteria, bound, scatter).add(bound.case, counts)) if counts else bound


def _shape(
    criteria: Criteria, latency: Latency, canary: Histogram, baseline: Histogram, scatter: float
) -> tuple[float, ...]:
    edges = latency.edges
    if not _has(canary, edges) or not _has(baseline, edges):
        return latency.shape
    return shape.add(latency.shape, edges, latency.usual, canary, baseline, criteria.latency_tolerance, scatter)


def _has(one: Histogram, edges: tuple[float, ...]) -> bool:
    """All of them, and its counts fall as they must."""
    above = one.above or {}
    if not all(edge in above for edge in edges):
        return False
    falling = [one.requests, *(above[edge] for edge in edges), 0]
    return all(more >= less for more, less in pairwise(falling))


def _learnt(latency: Latency, times: Histogram, baseline: Side) -> Latency:
    """One of the first windows more. After many without any times there will be none."""
    if not times.requests:
        untimed = latency.untimed + (baseline.requests > 0 and not latency.learning)
        return replace(latency, untimed=untimed, chosen=untimed >= UNTIMED)
    learning = (*latency.learning, times)
    if len(learning) < FEWEST_BLOCKS:
        return replace(latency, learning=learning)
    if sum(one.requests for one in learning) < FEWEST_REQUESTS:
        return replace(latency, learning=_shorter(learning))
    return _chosen(learning, [], baseline.instances)


def _shorter(learning: tuple[Histogram, ...]) -> tuple[Histogram, ...]:
    """Pairs of windows as one, so that little traffic does not need many of them."""
    return tuple(a.plus(b) for a, b in zip(learning[::2], learning[1::2], strict=True))


def _chosen(blocks: Sequence[Histogram], longer: Sequence[Histogram], instances: int) -> Latency:
    whole = Histogram()
    for block in blocks:
        whole = whole.plus(block)
    scatter = {edge: _scatter(edge, blocks, longer) for edge in usable_bounds(whole)}
    kept = {edge: one for edge, one in scatter.items() if one.factor <= ERRATIC}
    shares = {edge: (whole.above or {})[edge] / whole.requests for edge in kept}
    asked = nearest({edge: share for edge, share in shares.items() if share >= RAREST_ASKED}, ASKED)
    return Latency(
        chosen=True,
        bounds=tuple(Bound(edge, one.factor, edge in asked) for edge, one in kept.items()),
        erratic=tuple(edge for edge in scatter if edge not in kept),
        usual=shape.usual_cells(whole, tuple(kept)) if kept else (),
        instances=instances,
    )


def _scatter(edge: float, blocks: Sequence[Histogram], longer: Sequence[Histogram]) -> Dispersion:
    found = [successive([_above(one, edge) for one in several]) for several in (blocks, longer)]
    return max(found, key=lambda one: one.factor)


def _above(one: Histogram, edge: float) -> tuple[int, int]:
    above: Mapping[float, int] = one.above or {}
    return above.get(edge, 0), one.requests
