"""Whereabouts: the desk that tells what runs or ran in a place, and where something runs or ran."""

from dataclasses import dataclass

from lockgate.core.errors import Invalid, NotFound, Problem
from lockgate.core.holding import Placed
from lockgate.core.ids import Instant, ReleaseId
from lockgate.core.inventory import STALE_AFTER, Condition
from lockgate.core.package import Package, sought
from lockgate.engine.promoter import Promoter
from lockgate.messages import FoundView, InventoryView, RunningView, WhereView
from lockgate.ports import Clock, Store

MOST = 5000
"""Rows of one answer."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Reads what was written down; asks no target."""

    store: Store
    clock: Clock
    promoter: Promoter

    def inventory(self, environment: str, application: str, at: Instant | None, limit: int) -> InventoryView:
        """What runs there now, or ran at that moment. Raises NotFound for an environment that there is not and never
        was, Invalid for a moment to come."""
        now = self.clock.now()
        _demand_past(at, now)
        most = min(limit, MOST)
        if at is None:
            found = self.store.holdings.now(environment, application, most + 1)
        else:
            found = tuple(Placed(one) for one in self.store.holdings.at(environment, application, at, most + 1))
        if not found and environment:
            self._demand_known(environment)
        running = tuple(_view(one, now) for one in found[:most])
        return InventoryView(now if at is None else at, running, len(found) > most)

    def where(self, what: str, at: Instant | None, ever: bool, limit: int) -> WhereView:
        """Raises Invalid for what cannot be looked for."""
        now = self.clock.now()
        _demand_past(at, now)
        found = self.store.holdings.find(sought(what), at, ever, min(limit, MOST))
        return WhereView(
            what=what,
            at=now if at is None else at,
            running=tuple(_view(one, now) for one in sorted(found.placed, key=_by_place)),
            found=tuple(_found(release, package) for release, package in found.packages),
            releases=len({one.holding.release for one in found.placed}),
            more=found.more,
        )

    def _demand_known(self, environment: str) -> None:
        try:
            self.promoter.catalogue().get(environment)
        except NotFound:
            if not self.store.holdings.at(environment, "", self.clock.now(), 1):
                raise


def _demand_past(at: Instant | None, now: Instant) -> None:
    if at is not None and at > now:
        raise Invalid([Problem("request", None, "at", "that is still to come.", "Name a moment that is over.")])


def _by_place(one: Placed) -> tuple[str, str, bool, float, str]:
    held = one.holding
    return (held.environment, held.application, held.until is not None, -held.since, held.cell)


def _found(release: ReleaseId, one: Package) -> FoundView:
    return FoundView(release, one.name, one.version, one.purl, one.digest, one.component)


def _view(one: Placed, now: Instant) -> RunningView:
    held = one.holding
    instances, observed_at, because = _seen(one, now)
    return RunningView(
        application=held.application,
        environment=held.environment,
        release=held.release,
        release_label=held.label,
        deployment=held.deployment,
        since=held.since,
        until=held.until,
        by=held.by,
        cell=held.cell,
        instances=instances,
        observed_at=observed_at,
        because=because,
    )


def _seen(one: Placed, now: Instant) -> tuple[int | None, Instant | None, str]:
    """Ready instances, when they were observed, and why that is unknown. Stale is unknown, not nothing."""
    if one.holding.until is not None:
        return None, None, ""
    if not one.observed:
        return None, None, "It has not been observed yet."
    at = min(observed.observed_at for observed in one.observed)
    age = now - at
    if age > STALE_AFTER:
        return None, at, f"It was last observed {age:.0f} s ago."
    if age < -STALE_AFTER:
        return None, at, "Its last observation lies in the future: the clock has jumped back."
    return sum(i.condition is Condition.READY for seen in one.observed for i in seen.instances), at, ""
