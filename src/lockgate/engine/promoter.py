"""Promoter: which release may enter which environment, and which is offered to the next.

The gates are the same for every path: they are asked when a deployment is requested, and again when its turn comes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from lockgate.core.admission import Admission
from lockgate.core.approval import Review
from lockgate.core.audit import SYSTEM, Event
from lockgate.core.deployment import Deployment, Kind, State, Want
from lockgate.core.environment import Catalogue, Environment, Promote, Queueing
from lockgate.core.errors import (
    ComponentMissing,
    Denied,
    Invalid,
    KeyBusy,
    Problem,
    RecordAltered,
    SecretUnusable,
    Terminal,
    Unavailable,
)
from lockgate.core.gate import Answer, Verdict, weigh
from lockgate.core.ids import DeploymentId, Instant
from lockgate.core.moment import told
from lockgate.core.people import Caller, listed
from lockgate.core.plan import Plan, make_plan
from lockgate.core.release import Release
from lockgate.engine import life, minutes
from lockgate.engine.consent import Consent
from lockgate.engine.gatehouse import Gatehouse
from lockgate.engine.pinning import pinned
from lockgate.gates import approval
from lockgate.ports import Clock, SecretVault, Selection, Store

RECHECK = 30.0
"""Seconds after which a waiting deployment's gates are asked again, even if nobody acted."""

LOOK_AGAIN = 60.0
"""The same for one whose wait has a known end: what decides that may be changed meanwhile."""

BUSY = 0.25
"""Seconds until a deployment looks again whether its turn has come."""

ITSELF = Caller(SYSTEM, personal=True)
"""Lockgate, when it promotes by itself."""

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
    consent: Consent
    vault: SecretVault

    def plan(self, release: Release, environment: Environment) -> Plan:
        """With the secrets as they are now. Raises Invalid, CapabilityMissing, and what pinning a secret raises."""
        plan = make_plan(release, pinned(self.vault, release, environment))
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
        broke = row.review_due is not None
        return Admission(
            release,
            environment,
            plan,
            *asked,
            row,
            personal=row.personal,
            break_glass=broke,
            as_recorded=row.as_recorded,
            insists=row.insists,
        )

    def open(
        self,
        release: Release,
        plan: Plan,
        *,
        by: Caller,
        reason: str = "",
        occasion: str = "",
        kind: Kind = Kind.DEPLOY,
        urgent: bool = False,
        not_before: Instant | None = None,
        break_glass: bool = False,
        as_recorded: bool = False,
        insists: bool = False,
        train: str = "",
    ) -> Deployment:
        """Records a deployment; ``reason`` as somebody said it. Raises Denied when a gate says no: nothing is recorded
        then."""
        environment = self.catalogue().get(plan.environment)
        now = self.clock.now()
        review = emergency(environment, release, by, reason, now) if break_glass else None
        asked = (kind, by.name, reason, urgent, not_before)
        asking = Admission(release, environment, plan, *asked, personal=by.personal, break_glass=break_glass)
        asking = replace(asking, as_recorded=as_recorded, insists=insists)
        verdicts = self.verdicts(asking)
        deciding = weigh(verdicts)
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
            actor=by.name,
            created_at=now,
            reason=reason,
            occasion=occasion,
            urgent=urgent,
            not_before=not_before,
            personal=by.personal,
            as_recorded=as_recorded,
            insists=insists,
            train=train,
            review_due=review.due if review else None,
            because="It was requested.",
            state_since=now,
            next_at=now,
        )
        events = [_requested(new, _said(environment, verdicts), now)]
        if review is not None:
            loud = f"{by.name} broke the glass in {environment.name}: {reason}"
            events.append(life.event_of(new, "deployment.break_glass", loud, now))
        supersede = urgent or (environment.queueing is Queueing.NEWEST and not_before is None)
        return self.store.deployments.add(new, supersede, [by.signed(event) for event in events], review)

    def _note_denied(self, asking: Admission, deciding: Verdict, now: Instant) -> None:
        """For the record: of what Lockgate itself asked, the refused promotion tells. Nobody else is that, whatever
        they say they are called."""
        if not (asking.actor == SYSTEM and asking.personal):
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
        row = self._renewed(row, now)
        verdicts = self._asked(row)
        row = self._noted(row, verdicts, now)
        deciding = weigh(verdicts)
        if deciding.answer is Answer.DENY:
            return self._save(*life.moved(row, State.FAILED, deciding.because, now))
        if deciding.answer is Answer.WAIT:
            until = now + RECHECK if deciding.until is None else min(deciding.until, now + LOOK_AGAIN)
            return self._wait(row, State.GATED, deciding.because, until, deciding.who)
        return self._begin(row, deciding, now)

    def enter(self, release: Release, by: Caller) -> None:
        """A new release goes to the first environments that take it by themselves."""
        for environment in self.catalogue().first():
            if environment.promote is not Promote.ON_DEMAND:
                plan = self.plan(release, environment)
                self.open(release, plan, by=by, occasion=f"{environment.name} takes every new release.")

    def offer(self, row: Deployment) -> None:
        """A release that has succeeded goes on to the environments that take it by themselves."""
        release = self.store.releases.get(row.release)
        for environment in self.catalogue().following(row.environment):
            if environment.promote is not Promote.ON_DEMAND and not self._offered(row, environment):
                self._offer_to(release, environment, row)

    def _offer_to(self, release: Release, environment: Environment, row: Deployment) -> None:
        now = self.clock.now()
        try:
            plan = self.plan(release, environment)
            self.open(release, plan, by=ITSELF, occasion=f"It succeeded in {row.environment}.")
        except Terminal as error:
            data = {"to": environment.name}
            because = f"It is not promoted to {environment.name}: {error}"
            self._save(row, life.event_of(row, "promotion.refused", because, now, data=data), keep=True)

    def _offered(self, row: Deployment, environment: Environment) -> bool:
        """Asked again after a crash, so by what is recorded: was it deployed there since it succeeded here?"""
        there = Selection(row.application, environment.name, release=row.release, limit=1)
        return any(d.created_at >= (row.ended_at or 0.0) for d in self.store.history.select(there))

    def _asked(self, row: Deployment) -> tuple[Verdict, ...]:
        try:
            admission = self.admission(row)
        except Invalid as error:
            return (Verdict("catalogue", Answer.WAIT, str(error), None, "the environments' owner"),)
        except RecordAltered as error:
            return (Verdict("integrity", Answer.DENY, str(error)),)
        return self.verdicts(admission)

    def _noted(self, row: Deployment, verdicts: tuple[Verdict, ...], now: Instant) -> Deployment:
        """With an event of what its gates put on record, if that has changed."""
        event = minutes.of(self.store.history, row, verdicts, now)
        return self._save(row, event, keep=True) if event else row

    def _renewed(self, row: Deployment, now: Instant) -> Deployment:
        """What waits for approvals is planned as the environment is now, and approvals of anything else are void. What
        hinders that is left to the gate, which then stays shut."""
        try:
            admission = self.admission(row)
            found = self.consent.renewed(admission, row, now)
            if found is not None:
                self.refuse_unless_able(self.store.releases.plan(found[0].plan))
                row = self._save(*found, keep=True)
                admission = self.admission(row)
            self.consent.void(admission, now)
        except (Invalid, RecordAltered, SecretUnusable, ComponentMissing, Unavailable):
            return row
        return row

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
            rejection = self.store.approvals.rejection(row.id)
            because = (
                f"{rejection.person} rejected it: {rejection.reason}"
                if rejection
                else "Somebody ended it before it began."
            )
            return self._save(*life.moved(row, State.ABORTED, because, now))
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


def emergency(environment: Environment, release: Release, by: Caller, reason: str, now: Instant) -> Review:
    """What is to be looked at afterwards. Raises Denied unless the environment lets the caller, and Invalid without a
    reason."""
    rule, name = environment.break_glass, environment.name
    if rule is None:
        because = f"{name} has no glass to break: environments.yaml gives it no `break_glass`."
        raise Denied(because, f"Whoever runs {name} can add one; until then its rules hold.")
    if not by.personal:
        raise Denied("Who you are is not proven, and an emergency needs a name.", "Sign in as yourself: lockgate login")
    if not by.groups & set(rule.groups):
        raise Denied(f"{by.name} may not break the glass in {name}: only {listed(rule.groups)} may.")
    if not reason.strip():
        raise Invalid([Problem("request", None, "reason", "an emergency needs one.", "Give --reason TEXT.")])
    reviewers = environment.approvals.groups if environment.approvals else rule.groups
    return Review("", release.name, name, by.name, reason, now, now + rule.review, reviewers)


def _requested(new: Deployment, said: Mapping[str, str], now: Instant) -> Event:
    """With how it came about, and why."""
    planned = f", not before {told(new.not_before)}" if new.not_before is not None else ""
    why = ": ".join(text for text in (new.occasion.rstrip(".") if new.reason else new.occasion, new.reason) if text)
    because = f"{new.release_label} to {new.environment}{planned}" + (f": {why}" if why else ".")
    data = {"plan": new.plan, "kind": new.kind.value, **said}
    return life.event_of(new, "deployment.requested", because, now, data=data)


def _said(environment: Environment, verdicts: tuple[Verdict, ...]) -> Mapping[str, str]:
    """What was said of approvals when it was requested, for the record: an exemption is one that can be read there."""
    if environment.approvals is None:
        return {}
    return {"approvals": next((v.because for v in verdicts if v.gate == approval.GATE), "")}
