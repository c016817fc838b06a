"""Forecast: what the canaries of a plan could find out at the traffic there is, before anybody meets them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.analysis import planning
from lockgate.analysis.dispersion import Dispersion, learnt
from lockgate.analysis.planning import Detection, Traffic
from lockgate.core.canary import Canary
from lockgate.core.errors import Conflict
from lockgate.core.ids import Instant
from lockgate.core.plan import Plan
from lockgate.core.traffic import ALL
from lockgate.core.window import Minute
from lockgate.engine.course import Leg
from lockgate.engine.rollout import Tour
from lockgate.messages import DetectionView, ForecastView
from lockgate.ports import Store

LOOKED_BACK = 3600.0
"""Seconds of the traffic so far that count as what is to come."""
FEWEST = 5
"""Minutes without which nothing is known of it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Somebody's own numbers; None: what was measured."""

    rate: float | None = None
    errors: float | None = None


def forecasts(
    store: Store, plan: Plan, previous: Plan | None, now: Instant, expected: Expected
) -> tuple[ForecastView, ...]:
    """Of every component that would be shown as a canary, in every cell."""
    if plan.strategy.canary is None or previous is None:
        return ()
    tour = Tour(plan, previous)
    legs = [leg for cell in tour.cells for leg in tour.legs(cell) if _is_canary(leg)]
    return tuple(_forecast(leg, store.traffic.since(leg.key, now - LOOKED_BACK), expected) for leg in legs)


def refuse_blind(found: Sequence[ForecastView]) -> None:
    """Raises Conflict when a ramp cannot detect anything."""
    for one in found:
        if not one.detects:
            raise Conflict(one.sentences[-1], "Change its steps, or deploy it all the same with --blind.")


def _is_canary(leg: Leg) -> bool:
    changed = leg.target and leg.before and leg.before.revision != leg.target.revision
    return bool(changed and leg.walk.routed and leg.strategy.canary)


def _forecast(leg: Leg, past: Sequence[Minute], expected: Expected) -> ForecastView:
    canary = leg.strategy.canary
    assert canary is not None
    traffic = _traffic(past, canary, expected)
    name = leg.key.part
    if traffic is None:
        sentence = (
            f"Nothing is known of the traffic of {name} yet: less than {FEWEST} min were seen. Give numbers of your "
            "own with --rate and --errors."
        )
        return ForecastView(name, None, None, (), None, detects=True, sentences=(sentence,))
    plan = planning.plan(canary.criteria, canary.stages, traffic, canary.within)
    return ForecastView(
        component=name,
        rate=traffic.rate,
        errors=traffic.errors,
        detections=tuple(map(_detection, plan.detections)),
        promotion=plan.promotion,
        detects=plan.detects,
        sentences=(_opening(name, traffic), *plan.because),
    )


def _opening(name: str, traffic: Traffic) -> str:
    scatter = traffic.dispersion
    known = (
        f"they scatter {scatter.factor:.3g} times as much as by chance"
        if scatter.known
        else "how they scatter is not known"
    )
    return f"{name} has {traffic.rate:.3g} requests a second, of which {100 * traffic.errors:.3g} % fail; {known}."


def _traffic(past: Sequence[Minute], canary: Canary, expected: Expected) -> Traffic | None:
    requests = sum(ratio.whole for minute in past for ratio in minute.instances.values())
    failed = sum(ratio.bad for minute in past for ratio in minute.instances.values())
    rate = expected.rate if expected.rate is not None else (requests / 60 / len(past) if len(past) >= FEWEST else None)
    if rate is None:
        return None
    errors = expected.errors if expected.errors is not None else (failed / requests if requests else 0.0)
    given = canary.criteria.dispersion
    scatter = Dispersion(given, 1) if given else learnt(past, canary.stages[0].weight / ALL)
    return Traffic(rate, errors, scatter)


def _detection(one: Detection) -> DetectionView:
    ratio = None if math.isinf(one.ratio) else one.ratio
    return DetectionView(ratio, one.errors, one.seconds, None if one.stage is None else one.stage + 1)
