"""Windows: from totals at two moments to what both sides got in between. Pure.

Totals come from a router and from sources of metrics; both sides of a window are cut at the same moments. What cannot
be told apart is left out with a sentence, and nothing is ever negative.

Instances that warm up are left out by their addresses. Then both sides are counted in tries of the other addresses
instead of users' requests, latency and gauges, which nobody tells by address, have nothing to say, and the weight is
that of the addresses that count: each instance of a pool gets as much as its neighbours.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from lockgate.core.ids import Instant, RevisionId
from lockgate.core.traffic import ALL, Sample
from lockgate.core.window import Minute, Ratio, Reading, Side

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Totals:
    """What one side had counted at a moment, since counting began."""

    sample: Sample
    """Of all its revisions (:func:`together`)."""
    revisions: frozenset[RevisionId] = frozenset()
    endpoints: tuple[str, ...] = ()
    """In rotation, as ``host:port``."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """Metric -> what its source said."""


@dataclass(frozen=True, slots=True)
class Look:
    """Both sides at one moment."""

    at: Instant
    canary: Totals
    baseline: Totals


@dataclass(frozen=True, slots=True)
class Cut:
    """What lies between two looks."""

    canary: Side
    baseline: Side
    weight: int
    """Basis points of what both sides count that the canary's part should be."""
    excluded: str = ""
    """Why it is not to be counted, as a sentence; empty: it is."""


@dataclass(frozen=True, slots=True)
class Youth:
    """Which instances are too young to be counted."""

    ready: Mapping[str, Instant] = field(default_factory=dict)
    """``host:port`` -> when the instance there first became ready. One that is not here has long been."""
    warm_up: float = 60.0
    """Seconds."""

    def without(self, endpoints: Iterable[str]) -> "Youth":
        """Those never count."""
        return replace(self, ready={**self.ready, **dict.fromkeys(endpoints, math.inf)})

    def warming(self, at: Instant) -> frozenset[str]:
        """Those that at that moment were not warm yet."""
        return frozenset(endpoint for endpoint, since in self.ready.items() if at < since + self.warm_up)


def together(samples: Mapping[RevisionId, Sample], revisions: Collection[RevisionId]) -> Sample:
    """What one side's revisions have counted, of all that a router says of a key. One that it has not counted for yet
    has nothing, in the epoch of the others."""
    epoch = next((sample.epoch for sample in samples.values()), "")
    own = [samples[name] for name in revisions if name in samples]
    endpoints = {endpoint for sample in own for endpoint in sample.endpoints}
    return Sample(
        epoch,
        sum(sample.requests for sample in own),
        _added(sample.by_class for sample in own),
        _added(sample.latency_ms for sample in own),
        {e: _summed(sample.endpoints[e] for sample in own if e in sample.endpoints) for e in endpoints},
    )


def cut(before: Look, after: Look, weight: int, youth: Youth) -> Cut:
    """``weight``: basis points that the canary had all the time from ``before`` to ``after``."""
    empty = Cut(Side(instances=len(after.canary.endpoints)), Side(instances=len(after.baseline.endpoints)), weight)
    if because := _unusable(before, after):
        return replace(empty, excluded=because)
    whole = replace(empty, canary=_side(before.canary, after.canary), baseline=_side(before.baseline, after.baseline))
    whole = _with_metrics(whole, before, after, frozenset())
    warming = youth.warming(before.at)
    sides = (("canary", before.canary, after.canary), ("baseline", before.baseline, after.baseline))
    young = [(name, then, now) for name, then, now in sides if warming.intersection(then.endpoints + now.endpoints)]
    if not young:
        return whole
    for name, then, now in young:
        if because := _too_young(name, then, now, warming):
            return replace(whole, excluded=because)
    return _of_grown_up(whole, before, after, warming)


def minute(before: Sample, after: Sample, at: Instant) -> Minute | None:
    """What each instance of a revision got between two samples; None when the counts cannot be compared."""
    if _unlike(before, after):
        return None
    increments = _by_endpoint(before, after)
    counted = {endpoint: ratio for endpoint, ratio in increments.items() if ratio.whole}
    return Minute(at, counted, _latency(before, after))


def increase(before: Reading, after: Reading, without: Collection[str] = ()) -> Ratio | None:
    """Of a metric that counts, without some who counted; None: there is no data.

    Who has begun again at 0 counts from there, and who is seen for the first time counts from the next reading on: its
    total may be of any age. Source of both: the raw counters of Prometheus, between the same two moments for all."""
    known = [name for name in after.totals if name in before.totals and name not in without]
    if not known or after.at <= before.at:
        return None
    return _summed(_risen(before.totals[name], after.totals[name]) for name in known)


# --- what cannot be used ---


def _unusable(before: Look, after: Look) -> str:
    if after.at <= before.at:
        return "The clock has not moved forward since the look before."
    for name, then, now in (("canary", before.canary, after.canary), ("baseline", before.baseline, after.baseline)):
        if then.revisions != now.revisions:
            return f"Other revisions than at the look before are the {name}."
        if because := _unlike(then.sample, now.sample):
            return f"The counts of the {name} cannot be compared: {because}"
    return ""


def _unlike(before: Sample, after: Sample) -> str:
    if _began(before) and before.epoch != after.epoch:
        return "the router has started again since the look before."
    pairs = [(before.requests, after.requests), (before.errors, after.errors)]
    pairs += [(count, after.latency_ms.get(bound, 0)) for bound, count in before.latency_ms.items()]
    pairs += [(ratio.whole, _whole(after, endpoint)) for endpoint, ratio in before.endpoints.items()]
    pairs += [(ratio.bad, _bad(after, endpoint)) for endpoint, ratio in before.endpoints.items()]
    return "the router's counters went back." if any(now < then for then, now in pairs) else ""


def _began(sample: Sample) -> bool:
    return bool(sample.epoch) or bool(sample.requests) or bool(sample.endpoints)


def _whole(sample: Sample, endpoint: str) -> int:
    return sample.endpoints.get(endpoint, Ratio(0, 0)).whole


def _bad(sample: Sample, endpoint: str) -> int:
    return sample.endpoints.get(endpoint, Ratio(0, 0)).bad


# --- increments ---


def _side(before: Totals, after: Totals) -> Side:
    requests = after.sample.requests - before.sample.requests
    errors = after.sample.errors - before.sample.errors
    latency = _latency(before.sample, after.sample)
    # An answer that breaks off may have been counted as a request a window earlier.
    return Side(requests, min(errors, requests), latency, instances=len(after.endpoints))


def _latency(before: Sample, after: Sample) -> dict[float, int]:
    """Increments at each bound, with an infinite one that has them all."""
    found = {bound: count - before.latency_ms.get(bound, 0) for bound, count in after.latency_ms.items()}
    return {**found, math.inf: max(found.values())} if found else {}


def _by_endpoint(before: Sample, after: Sample) -> dict[str, Ratio]:
    return {
        endpoint: Ratio(ratio.bad - _bad(before, endpoint), ratio.whole - _whole(before, endpoint))
        for endpoint, ratio in after.endpoints.items()
    }


def _risen(before: Ratio, after: Ratio) -> Ratio:
    if after.bad < before.bad or after.whole < before.whole:
        return Ratio(min(after.bad, after.whole), after.whole)
    whole = after.whole - before.whole
    return Ratio(min(after.bad - before.bad, whole), whole)


def _added(counts: Iterable[Mapping[T, int]]) -> dict[T, int]:
    found: dict[T, int] = {}
    for one in counts:
        for name, count in one.items():
            found[name] = found.get(name, 0) + count
    return found


def _summed(ratios: Iterable[Ratio]) -> Ratio:
    found = tuple(ratios)
    return Ratio(sum(ratio.bad for ratio in found), sum(ratio.whole for ratio in found))


# --- warming up ---


def _too_young(name: str, before: Totals, after: Totals, warming: frozenset[str]) -> str:
    """Why the side cannot be told from what warms up; empty if it can."""
    if set(before.endpoints) != set(after.endpoints):
        return f"Instances of the {name} that warm up have joined or left in between."
    if warming.issuperset(after.endpoints):
        return f"Every instance of the {name} is still warming up."
    if not after.sample.endpoints:
        return f"Instances of the {name} warm up, and the router does not tell them from the others."
    return ""


def _of_grown_up(whole: Cut, before: Look, after: Look, warming: frozenset[str]) -> Cut:
    canary = replace(_grown_up(before.canary, after.canary, warming), instances=whole.canary.instances)
    baseline = replace(_grown_up(before.baseline, after.baseline, warming), instances=whole.baseline.instances)
    canary_share, baseline_share = (_share(side.endpoints, warming) for side in (after.canary, after.baseline))
    ours, theirs = whole.weight * canary_share, (ALL - whole.weight) * baseline_share
    weight = round(ALL * ours / (ours + theirs)) if ours + theirs else whole.weight
    return _with_metrics(Cut(canary, baseline, weight), before, after, warming)


def _grown_up(before: Totals, after: Totals, warming: frozenset[str]) -> Side:
    increments = _by_endpoint(before.sample, after.sample)
    counted = _summed(ratio for endpoint, ratio in increments.items() if endpoint not in warming)
    return Side(counted.whole, min(counted.bad, counted.whole))


def _share(endpoints: tuple[str, ...], warming: frozenset[str]) -> float:
    return sum(endpoint not in warming for endpoint in endpoints) / len(endpoints) if endpoints else 1.0


# --- metrics ---


def _with_metrics(found: Cut, before: Look, after: Look, warming: frozenset[str]) -> Cut:
    """Only those that both sides have."""
    ours, theirs = _counts(before.canary, after.canary, warming), _counts(before.baseline, after.baseline, warming)
    level, other = ({}, {}) if warming else (_gauges(after.canary), _gauges(after.baseline))
    return replace(
        found,
        canary=replace(found.canary, counts=_common(ours, theirs), gauges=_common(level, other)),
        baseline=replace(found.baseline, counts=_common(theirs, ours), gauges=_common(other, level)),
    )


def _counts(before: Totals, after: Totals, warming: frozenset[str]) -> dict[str, Ratio]:
    found: dict[str, Ratio] = {}
    for name, now in after.readings.items():
        then = before.readings.get(name)
        # Who counted must be known by address when some of them do not count.
        told = not warming or set(now.totals) <= set(after.endpoints)
        if then and told and (ratio := increase(then, now, warming)):
            found[name] = ratio
    return found


def _gauges(after: Totals) -> dict[str, float]:
    return {name: now.value for name, now in after.readings.items() if now.value is not None}


def _common(own: Mapping[str, T], other: Collection[str]) -> dict[str, T]:
    return {name: value for name, value in own.items() if name in other}
