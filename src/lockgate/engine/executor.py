"""Executor: does one step, by the ports. Every step is idempotent: done again after a crash it does no more.

It looks before it acts (the sight is a moment old, the plan may be days old) and returns what came of it as a value.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lockgate.core.deployment import Deployment, Kind, Progress
from lockgate.core.ids import RevisionId
from lockgate.core.inventory import Condition, Instance
from lockgate.core.plan import (
    AwaitReady,
    Drain,
    Ensure,
    Fence,
    InstanceSpec,
    Observe,
    Plan,
    Prepare,
    Retire,
    Shift,
    Step,
    Verify,
    Warm,
)
from lockgate.core.traffic import Route, RoutePool, Share
from lockgate.engine import pinning
from lockgate.engine.analyst import Analyst
from lockgate.engine.course import Leg
from lockgate.engine.outcome import Outcome
from lockgate.engine.scene import Sight, running_requests
from lockgate.engine.verifier import Verifier
from lockgate.ports import Clock, Phase, Router, SecretVault, Target

ATTENTIVE = 0.05
"""Seconds between two looks at what starts, unless its target stirs the clock before."""


@dataclass(frozen=True, slots=True)
class Executor:
    """Knows the target and the router of one environment."""

    target: Target
    router: Router
    verifier: Verifier
    analyst: Analyst
    clock: Clock
    vault: SecretVault

    def carry_out(self, row: Deployment, leg: Leg, step: Step, sight: Sight) -> Outcome:
        """Raises what the ports raise: Retryable, Terminal."""
        fence = Fence(row.id, row.generation)
        if isinstance(step, Prepare | Ensure) and (changed := self._changed(row, leg, step.revision)):
            because = f"{changed} Deploy again, so that the plan says what is used."
            return Outcome(row.progress, failure=because, blame=False)
        match step:
            case Prepare():
                return self._prepare(row.progress, leg, fence)
            case Ensure():
                self.target.ensure(leg.key, _spec(leg, step.revision), step.count, fence)
                return Outcome(row.progress)
            case AwaitReady():
                return self._await_ready(row, leg, step, sight, fence)
            case Warm():
                return self._warm(row.progress, leg, sight)
            case Verify():
                return self.verifier.verify(row, leg, step, sight)
            case Observe():
                return self.analyst.watch(row, leg, step, sight)
            case Shift():
                self.router.apply(route_for(leg, step, sight), fence)
                return Outcome(replace(row.progress, draining={}))
            case Drain():
                return self._drain(row.progress, step, sight)
            case Retire():
                return self._retire(row.progress, leg, step, sight, fence)
        raise AssertionError(f"no way to carry out {step}")

    def _changed(self, row: Deployment, leg: Leg, revision: RevisionId) -> str:
        """Why the new instances would get other secrets than somebody consented to. Those of what ran before, and those
        that are gone back to, get what is there: that is better than nothing."""
        if row.kind is not Kind.DEPLOY or leg.walk.back or leg.target is None or revision != leg.target.revision:
            return ""
        return pinning.changes(self.vault, leg.target.spec)

    def look(self, leg: Leg) -> Sight:
        """What runs on the leg's key, and what the data plane does with it. What it is told from now on may hold the
        secrets of what runs there."""
        self.vault.learn([s for part in (leg.before, leg.target) if part for s in part.spec.secrets.values()])
        route = self.router.status(leg.key) if leg.walk.routed else None
        return Sight(self.target.observe(leg.key), route, self.clock.now())

    def affirm(self, row: Deployment, leg: Leg, sight: Sight) -> Sight:
        """Gives the last route again where the data plane has not taken it: whoever gave it may have been killed half
        way, and what is written down would otherwise pass for what is in force."""
        route = sight.route
        if route is None or route.live or not (route.pools or route.holding):
            return sight
        self.router.apply(route_as_seen(leg, sight), Fence(row.id, row.generation))
        return self.look(leg)

    def _prepare(self, progress: Progress, leg: Leg, fence: Fence) -> Outcome:
        spec = _spec(leg)
        polled = self.target.prepare(leg.key, spec, fence)
        if polled.phase is Phase.DONE:
            return Outcome(replace(progress, prepared=progress.prepared | {spec.revision}))
        if polled.phase is Phase.FAILED:
            return Outcome(progress, failure=f"{leg.key.part} could not be prepared: {polled.because}")
        return Outcome(progress, wait=0.01, because=polled.because or f"{spec.artifact.label()} is being prepared.")

    def _await_ready(self, row: Deployment, leg: Leg, step: AwaitReady, sight: Sight, fence: Fence) -> Outcome:
        failed = [i for i in sight.observed.of(step.revision) if i.condition is Condition.FAILED]
        if failed and leg.walk.back:
            self.target.retire(leg.key, [i.id for i in failed], fence)
            return Outcome(row.progress, wait=1.0, because=f"It starts {failed[0].id} again: {failed[0].because}")
        own = step.revision == leg.walk.to
        if failed:
            return Outcome(row.progress, failure=f"{leg.key.part} did not start: {failed[0].because}", blame=own)
        waited, allowed = self.clock.now() - row.progress.since, _spec(leg, step.revision).health.start_within
        ready = len(sight.observed.ready(step.revision))
        missing = step.count - ready
        if missing > 0 and len(sight.observed.of(step.revision)) < step.count:
            self.target.ensure(leg.key, _spec(leg, step.revision), step.count, fence)
        if waited > allowed and not leg.walk.back:
            why = next((i.because for i in sight.observed.of(step.revision) if i.because), "it gave no sign")
            return Outcome(
                row.progress,
                failure=f"{missing} of {step.count} instances of {leg.key.part} were not ready after "
                f"{allowed:g} s: {why}",
                blame=own,
            )
        return Outcome(row.progress, wait=ATTENTIVE, because=f"{ready} of {step.count} instances are ready.")

    def _warm(self, progress: Progress, leg: Leg, sight: Sight) -> Outcome:
        assert leg.target is not None
        warmed = set(progress.warmed)
        for instance in sight.observed.ready(leg.target.revision):
            if instance.id not in warmed:
                self.verifier.warm(instance.endpoint, leg)
                warmed.add(instance.id)
        return Outcome(replace(progress, warmed=frozenset(warmed)))

    def _drain(self, progress: Progress, step: Drain, sight: Sight) -> Outcome:
        now = self.clock.now()
        since = progress.draining.get(step.revision)
        if since is None or since > now:
            progress = replace(progress, draining={**progress.draining, step.revision: now})
        running = running_requests(sight.pool(step.revision))
        count = "an unknown number of" if running is None else str(running)
        return Outcome(progress, wait=0.02, because=f"{count} requests are still running on the instances that leave.")

    def _retire(self, progress: Progress, leg: Leg, step: Retire, sight: Sight, fence: Fence) -> Outcome:
        leaving = leavers(sight, step, routed=leg.walk.routed)
        if leg.walk.routed and not step.keep and sight.pool(step.revision) is not None:
            self.router.apply(route_as_seen(leg, sight, without=step.revision), fence)
        to_stop = [i.id for i in leaving if i.condition is not Condition.STOPPING]
        if to_stop:
            self.target.retire(leg.key, to_stop, fence)
        return Outcome(progress, wait=0.02, because=f"{len(leaving)} instances are stopping.")


def leavers(sight: Sight, step: Retire, *, routed: bool) -> tuple[Instance, ...]:
    """Which instances go: all but ``keep``; those in rotation stay, otherwise the highest slots go first."""
    instances = sight.observed.of(step.revision)
    in_rotation = {i.id for i in sight.in_rotation(step.revision)} if routed else set()
    by_worth = sorted(instances, key=lambda i: (i.id not in in_rotation, i.condition is not Condition.READY, i.slot))
    return tuple(by_worth[step.keep :])


def route_for(leg: Leg, step: Shift, sight: Sight) -> Route:
    """The shares as a route: each pool's ready instances in the lowest slots, and pools that leave with weight 0, so
    that their last requests stay visible."""
    pools = [_route_pool(revision, share, sight) for revision, share in step.shares.items()]
    leaving = sight.route.pools if sight.route else {}
    pools += [
        RoutePool(revision, status.endpoints, 0)
        for revision, status in leaving.items()
        if revision not in step.shares and sight.observed.of(revision)
    ]
    hold = leg.strategy.hold if step.hold else 0.0
    route = Route(leg.key, leg.listen, leg.path, tuple(pools), hold=hold)
    canary = leg.strategy.canary
    if canary is None or leg.walk.back or leg.walk.to not in step.shares or len(step.shares) < 2:
        return route
    return replace(route, pins=canary.pins, pinned=leg.walk.to, sticky=canary.sticky)


def _route_pool(revision: RevisionId, share: Share, sight: Sight) -> RoutePool:
    endpoints = tuple(i.endpoint for i in sight.observed.ready(revision)[: share.seats])
    return RoutePool(revision, endpoints, share.weight)


def route_as_seen(leg: Leg, sight: Sight, *, without: RevisionId | None = None) -> Route:
    """The route that was given last, perhaps without a pool that has no traffic any more."""
    assert sight.route is not None
    pools = tuple(
        RoutePool(revision, status.endpoints, status.weight)
        for revision, status in sight.route.pools.items()
        if revision != without
    )
    seen = sight.route
    hold = leg.strategy.hold if seen.holding else 0.0
    return Route(
        leg.key, leg.listen, leg.path, pools, hold=hold, pins=seen.pins, pinned=seen.pinned, sticky=seen.sticky
    )


def _spec(leg: Leg, revision: RevisionId | None = None) -> InstanceSpec:
    """Of what is walked to, or of what it is compared with."""
    if leg.before and revision == leg.before.revision:
        return leg.before.spec
    assert leg.target is not None, "a walk to nothing starts no instances"
    return leg.target.spec


Executors = Callable[[Plan], Executor]
"""The executor for a plan: by its kind of target and that target's settings."""
