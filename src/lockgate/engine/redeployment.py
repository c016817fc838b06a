"""Redeployment: exactly the recorded plan once more, through every gate.

Before that, the same release is planned on the environment as it is now. If that plan differs in anything, what was
asked for would not be what people expect of it, so it is refused with each difference as a sentence.
"""

from dataclasses import dataclass

from lockgate.core.deployment import Deployment
from lockgate.core.difference import differences
from lockgate.core.environment import Environment
from lockgate.core.errors import CapabilityMissing, Conflict, Invalid
from lockgate.core.ids import DeploymentId
from lockgate.core.people import NOBODY, Caller
from lockgate.core.plan import Plan
from lockgate.engine import forecast, views
from lockgate.engine.forecast import Expected
from lockgate.engine.notary import Notary
from lockgate.engine.promoter import Promoter
from lockgate.messages import DeploymentView
from lockgate.messages.audit import Redeploy
from lockgate.ports import Store, Ticker

MOST = 20
"""Differences that are told one by one."""


@dataclass(frozen=True, slots=True)
class Redeployment:
    store: Store
    promoter: Promoter
    ticker: Ticker
    notary: Notary
    caller: Caller = NOBODY

    def redeploy(self, deployment: str, request: Redeploy) -> DeploymentView:
        """Raises NotFound, RecordAltered, Conflict when it would not be the same, Denied: nothing is recorded then."""
        row = self.store.history.deployment(DeploymentId(deployment))
        plan, environment = self.store.releases.plan(row.plan), self.promoter.catalogue().get(row.environment)
        self.notary.demand_plan(plan)
        if request.as_recorded:
            self._demand_targets(row, plan, environment)
        else:
            self._demand_same(row, plan, environment)
        if not request.blind:
            self._refuse_blind(plan, row)
        occasion = f"{row.id} once more, exactly as it was recorded."
        release = self.store.releases.get(plan.release)
        by, urgent = self.caller.speaking(request.actor), request.urgent
        new = self.promoter.open(
            release, plan, by=by, reason=request.reason, occasion=occasion, urgent=urgent, as_recorded=True
        )
        self.ticker.wake()
        return views.deployment_view(new)

    def _refuse_blind(self, plan: Plan, row: Deployment) -> None:
        """As for any other deployment of a canary that could notice nothing."""
        holder = self.store.history.holder(row.application, row.environment)
        previous = self.store.releases.plan(holder.kept) if holder else None
        now = self.promoter.clock.now()
        forecast.refuse_blind(forecast.forecasts(self.store, plan, previous, now, Expected()))

    def _demand_same(self, row: Deployment, plan: Plan, environment: Environment) -> None:
        try:
            now = self.promoter.plan(self.store.releases.get(plan.release), environment)
        except (Invalid, CapabilityMissing) as error:
            because = f"Redeploying {row.id} would not repeat it: its release cannot be planned there any more. {error}"
            raise Conflict(because, _way_out(row)) from error
        found = differences(plan, now)
        if found:
            told = [f"  {one.sentence()}" for one in found[:MOST]]
            told += [f"  and {len(found) - MOST} more."] if len(found) > MOST else []
            because = f"Redeploying {row.id} would not repeat it, for {environment.name} has changed since:"
            raise Conflict("\n".join([because, *told, _way_out(row)]))

    def _demand_targets(self, row: Deployment, plan: Plan, environment: Environment) -> None:
        """What was recorded must still have a place to run."""
        places = environment.places()
        for name in plan.names:
            part, place = plan.within(name), places.get(name)
            if place is None:
                where = f"the cell {name}" if name else "one piece, without cells"
                raise Conflict(f"{row.id} was deployed on {where}, which {environment.name} does not have any more.")
            if (part.target, dict(part.target_settings)) != (place.target.kind, dict(place.target.settings)):
                cell = f"'s cell {name}" if name else ""
                because = f"The target of {environment.name}{cell} is another one than when {row.id} was recorded."
                raise Conflict(because, "Deploy the release instead: that makes a plan for the target there is now.")
        self.promoter.refuse_unless_able(plan)


def _way_out(row: Deployment) -> str:
    return (
        f"Deploy the release as it would be now: lockgate deploy {row.release} --to {row.environment}; "
        f"or what was recorded even so: lockgate redeploy {row.id} --as-recorded"
    )
