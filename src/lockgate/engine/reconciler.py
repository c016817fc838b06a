"""Reconciler: keeps what holds an environment running as it was deployed, and writes down what it sees.

A deployment that has succeeded stays a row: it is looked at every few seconds. What is missing is started again; a
route that the data plane has lost is given again. Instances that Lockgate did not put there are reported, not touched.
"""

from dataclasses import dataclass, replace
from functools import partial

from lockgate.core.deployment import Deployment
from lockgate.core.errors import Fenced, Retryable, Terminal
from lockgate.core.inventory import Condition, Observed
from lockgate.core.plan import Fence, Plan, Shift
from lockgate.core.traffic import ALL, Share
from lockgate.engine import pinning, upkeep
from lockgate.engine.course import Leg, legs_of
from lockgate.engine.executor import Executor, Executors, route_for
from lockgate.engine.recorder import Recorder
from lockgate.engine.scene import Sight
from lockgate.ports import Clock, Phase, Store

ROUND = 5.0
"""Seconds between two looks at what holds an environment."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """``executors`` are asked for each plan's own."""

    store: Store
    clock: Clock
    executors: Executors

    def keep(self, row: Deployment) -> Deployment:
        """One round. Only the holder of an environment is kept; another row is left to rest."""
        if not row.holds:
            return self._rest(replace(row, next_at=None))
        plan = self.store.releases.plan(row.kept)
        return self._write_down(row, [sentence for part in plan.parts() for sentence in self._keep_part(row, part)])

    def tend(self, row: Deployment, part: Plan) -> list[str]:
        """A cell that a deployment is not walking now is kept as ``part`` has it. One that another deployment has left
        half-way is not touched before its turn. Returns what was mended."""
        return self._keep_part(row, part, halfway=False)

    def failure(self, part: Plan) -> str:
        """Why a cell that had arrived is bad after all; empty: nothing shows that it is."""
        for leg in legs_of(part, None, back=False):
            assert leg.target is not None
            try:
                observed = self.executors(part).look(leg).observed
            except (Retryable, Terminal):
                continue
            for instance in observed.of(leg.target.revision):
                if instance.condition is Condition.FAILED:
                    return f"{leg.key.part} had arrived, and then {instance.id} failed: {instance.because}"
        return ""

    def _keep_part(self, row: Deployment, part: Plan, *, halfway: bool = True) -> list[str]:
        mended: list[str] = []
        try:
            executor = self.executors(part)
            for leg in legs_of(part, None, back=False):
                mended += self._keep_leg(row, leg, executor, halfway)
        except Fenced:
            raise
        except (Retryable, Terminal) as error:
            mended.append(f"{upkeep.HINDERED}{error}")
        return mended

    def _keep_leg(self, row: Deployment, leg: Leg, executor: Executor, halfway: bool) -> list[str]:
        assert leg.target is not None
        sight = executor.look(leg)
        self.store.inventory.note(sight.observed)
        if not halfway and not set(sight.observed.revisions()) <= {leg.target.revision}:
            return []
        fence = Fence(row.id, row.generation)
        mended = self._keep_instances(leg, sight.observed, executor, fence)
        mended += self._keep_route(leg, sight, executor, fence)
        if leg.target is not None and sight.route is not None:
            levels = partial(executor.analyst.levels, leg, leg.target.revision)
            Recorder(self.store, self.clock).note(leg.key, leg.target.revision, executor.router, levels)
        return mended

    def _keep_instances(self, leg: Leg, observed: Observed, executor: Executor, fence: Fence) -> list[str]:
        target = leg.target
        assert target is not None
        there = len(observed.of(target.revision))
        if there >= target.replicas:
            return []
        if executor.target.prepare(leg.key, target.spec, fence).phase is not Phase.DONE:
            return [f"{leg.key.part} is being prepared again on {leg.key.environment}."]
        executor.target.ensure(leg.key, target.spec, target.replicas, fence)
        missing = target.replicas - there
        changed = pinning.changes(executor.vault, target.spec)
        told = f"{missing} of {target.replicas} instances of {leg.key.part} were gone; they are started again."
        return [f"{told} {changed} They have what is there now." if changed else told]

    def _keep_route(self, leg: Leg, sight: Sight, executor: Executor, fence: Fence) -> list[str]:
        """The route names every ready instance, unless none is: then the one before stays."""
        target = leg.target
        assert target is not None
        ready = {i.endpoint for i in sight.observed.ready(target.revision)}
        if sight.route is None or not ready:
            return []
        pool = sight.pool(target.revision)
        if sight.route.live and pool and pool.weight == ALL and set(pool.endpoints) == ready:
            return []
        shift = Shift({target.revision: Share(ALL, len(ready))})
        executor.router.apply(route_for(leg, shift, sight), fence)
        return [f"Traffic of {leg.key.part} was given again to its {len(ready)} ready instances."]

    def _write_down(self, row: Deployment, mended: list[str]) -> Deployment:
        now = self.clock.now()
        kept, events = upkeep.told(row, mended, now)
        due = now + (ROUND / 5 if mended else ROUND)
        return self.store.deployments.save(replace(kept, next_at=due), now, events, keep_claim=False)

    def _rest(self, row: Deployment) -> Deployment:
        return self.store.deployments.save(row, self.clock.now(), [], keep_claim=False)
