"""Promoter: which release may enter which environment, and which is offered to the next.

The gates are the same for every path: they are asked when a deployment is requested, and again when its turn comes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lockgate.core.admission import Admission
from lockgate.core.audit import SYSTEM, Event
from lockgate.core.deployment import Deployment, Kind, State, Want
from lockgate.core.environment import Catalogue, Environment, Promote, Queueing
from lockgate.core.errors import Denied, Invalid, KeyBusy, RecordAltered
from lockgate.core.gate import Answer, Verdict, weigh
from lockgate.core.ids import DeploymentId, Instant
from lockgate.core.moment import told
from lockgate.core.plan import Plan, make_plan
from lockgate.core.release import Release
from lockgate.engine import life
from lockgate.engine.gatehouse import Gatehouse
from lockgate.ports import Clock, Selection, Store

RECHECK = 30.0
"""Seconds after which a waiting deployment's gates are asked again, even if nobody acted."""

LOOK_AGAIN = 60.0
"""The same for one whose wait has a known end: what decides that may be changed meanwhile."""

BUSY = 0.25
"""Seconds until a deployment looks again whether its turn has come."""

IN_LINE = 60.0
"""The same for one that is woken by the end of the one ahead: thousands may wait, and none of them costs anything."""


@dataclass(frozen=True, slots=True)
class Promoter:
    """``catalogue`` gives the environments as they are written now; it raises Invalid while they cannot be read."""

    store: Store
    clock: Clock
    catalogue: Callable[[], Catalogue]
    refuse_unless_able: Callable[[Plan], None]
    gatehouse: Gatehouse

    def plan(self, release: Release, environment: Environment) -> Plan:
        """Raises Invalid, CapabilityMissing."""
        plan = make_plan(release, environment)
        self.refuse_unless_able(plan)
        return plan

    def verdicts(self, admission: Admission) -> tuple[Verdict, ...]:
        """Every gate's answer."""
        return self.gatehouse.verdicts(admission, self.clock.now())

    def admission(self, row: Deployment) -> Admission:
        """Of one that is recorded. Raises Invalid while the environments cannot be read, NotFound if it has none."""
        environment = self.catalogue().get(row.environment)
        release, plan = self.store.releases.get(row.release), self.store.releases.plan(row.plan)
        asked = (row.kind, row.actor, row.reason, row.urgent, row.not_before)
        return Admission(release, environment, plan, *asked, row)

    def open(
        self,
        release: Release,
        plan: Plan,
        *,
        actor: str,
        reason: str,
        kind: Kind = Kind.DEPLOY,
        urgent: bool = False,
        not_before: Instant | None = None,
    ) -> Deployment:
        """Records a deployment. Raises Denied when a gate says no: nothing is recorded then."""
        environment = self.catalogue().get(plan.environment)
        asking = Admission(release, environment, plan, kind, actor, reason, urgent, not_before)
        deciding = weigh(self.verdicts(asking))
        now = self.clock.now()
        if deciding.answer is Answer.DENY:
            self._note_denied(asking, deciding, now)
            raise Denied(deciding.because)
        new = Deployment(
            id=DeploymentId(""),
            number=0,
            application=release.name,
            environment=environment.name,
            release=release.id,
            release_label=release.label(),
            plan=self.store.releases.put_plan(plan),
            kind=kind,
            actor=actor,
            created_at=now,
            reason=reason,
            urgent=urgent,
            not_before=not_before,
            because="It was requested.",
            state_since=now,
            next_at=now,
        )
        planned = f", not before {told(not_before)}" if not_before is not None else ""
        because = f"{release.label()} to {environment.name}{planned}" + (f": {reason}" if reason else ".")
        data = {"plan": new.plan, "kind": kind.value}
        event = life.event_of(new, "deployment.requested", because, now, actor=actor, data=data)
        supersede = urgent or (environment.queueing is Queueing.NEWEST and not_before is None)
        return self.store.deployments.add(new, supersede, [replace(event, audited=True)])

    def _note_denied(self, asking: Admission, deciding: Verdict, now: Instant) -> None:
        """For the record: of what Lockgate itself asked, the refused promotion tells."""
        if asking.actor != SYSTEM:
            event = Event(
                "deployment.denied",
                now,
                f"{asking.release.label()} may not enter {asking.environment.name}: {deciding.because}",
                actor=asking.actor,
                application=asking.release.name,
                environment=asking.environment.name,
                release=asking.release.id,
                data={"gate": deciding.gate, "plan": asking.plan.digest, "kind": asking.kind.value},
            )
            self.store.audit.note(event)

    def admit(self, row: Deployment) -> Deployment:
        """A deployment that has not begun: ends it, lets it wait, or starts it. Returns the row as written; it is
        still claimed if it has begun."""
        now = self.clock.now()
        if row.want is not Want.RUN:
            return self._held(row, now)
        deciding = self._deciding(row)
        if deciding.answer is Answer.DENY:
            return self._save(*life.moved(row, State.FAILED, deciding.because, now))
        if deciding.answer is Answer.WAIT:
            until = now + RECHECK if deciding.until is None else min(deciding.until, now + LOOK_AGAIN)
            return self._wait(row, State.GATED, deciding.because, until, deciding.who)
        return self._begin(row, deciding, now)

    def enter(self, release: Release, actor: str) -> None:
        """A new release goes to the first environments that take it by themselves."""
        for environment in self.catalogue().first():
            if environment.promote is Promote.AUTOMATIC:
                plan = self.plan(release, environment)
                self.open(release, plan, actor=actor, reason=f"{environment.name} takes every new release.")

    def offer(self, row: Deployment) -> None:
        """A release that has succeeded goes on to the environments that take it by themselves."""
        release = self.store.releases.get(row.release)
        for environment in self.catalogue().following(row.environment):
            if environment.promote is Promote.AUTOMATIC and not self._offered(row, environment):
                self._offer_to(release, environment, row)

    def _offer_to(self, release: Release, environment: Environment, row: Deployment) -> None:
        now = self.clock.now()
        try:
            plan = self.plan(release, environment)
            self.open(release, plan, actor=SYSTEM, reason=f"It succeeded in {row.environment}.")
        except (Denied, Invalid) as error:
            data = {"to": environment.name}
            because = f"It is not promoted to {environment.name}: {error}"
            self._save(row, life.event_of(row, "promotion.refused", because, now, data=data), keep=True)

    def _offered(self, row: Deployment, environment: Environment) -> bool:
        """Asked again after a crash, so by what is recorded: was it deployed there since it succeeded here?"""
        there = Selection(row.application, environment.name, release=row.release, limit=1)
        return any(d.created_at >= (row.ended_at or 0.0) for d in self.store.history.select(there))

    def _deciding(self, row: Deployment) -> Verdict:
        try:
            admission = self.admission(row)
        except Invalid as error:
            return Verdict("catalogue", Answer.WAIT, str(error), None, "the environments' owner")
        except RecordAltered as error:
            return Verdict("integrity", Answer.DENY, str(error))
        return weigh(self.verdicts(admission))

    def _begin(self, row: Deployment, let_in: Verdict, now: Instant) -> Deployment:
        holder = self.store.history.holder(row.application, row.environment)
        if row.state is not State.READY:
            row = self._save(*life.moved(row, State.READY, let_in.because, now), keep=True)
        starting, event = life.moved(row, State.RUNNING, f"It changes {row.environment}.", now)
        starting = replace(starting, started_at=now, previous=holder.kept if holder else None)
        exempted = life.event_of(row, "deployment.exempted", let_in.because, now, actor=row.actor)
        events = [replace(exempted, audited=True), event] if let_in.exempted else [event]
        try:
            return self._save(starting, *events, keep=True)
        except KeyBusy as busy:
            pause = IN_LINE if busy.in_line else BUSY
            return self._wait(row, State.READY, busy.because, now + pause, "")

    def _held(self, row: Deployment, now: Instant) -> Deployment:
        if row.want is Want.ABORT:
            return self._save(*life.moved(row, State.ABORTED, "Somebody ended it before it began.", now))
        if row.want is Want.GIVE_WAY:
            return self._save(*life.moved(row, State.SUPERSEDED, "A more urgent deployment took its place.", now))
        because = "Somebody paused it before it began."
        return self._wait(row, State.GATED, because, None, "whoever may resume or abort it")

    def _wait(self, row: Deployment, state: State, because: str, until: Instant | None, who: str) -> Deployment:
        """Written with an event only when something a person would notice has changed."""
        if (row.state, row.because) == (state, because):
            return self._save(replace(row, next_at=until))
        waiting, event = life.moved(row, state, because, self.clock.now(), who=who)
        return self._save(replace(waiting, next_at=until), event)

    def _save(self, row: Deployment, *events: Event, keep: bool = False) -> Deployment:
        return self.store.deployments.save(row, self.clock.now(), events, keep_claim=keep)
