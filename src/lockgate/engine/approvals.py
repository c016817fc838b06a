"""Approvals: the desk where people say yes or no to what waits, act for each other, and look at emergencies.

What is said is only recorded here. Whether it is enough is asked of the gate, at each look at the deployment.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lockgate.core.admission import Admission
from lockgate.core.approval import DAY, Approval, Delegation, Rejection, Review, members
from lockgate.core.audit import Event
from lockgate.core.deployment import WAITING, Deployment
from lockgate.core.environment import Environment
from lockgate.core.errors import Conflict, Denied, Invalid, LockgateError, NotFound, Problem
from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import DeploymentId, Digest, Instant
from lockgate.core.invitation import Invitation, opened, sealed
from lockgate.core.people import NOBODY, Caller, listed
from lockgate.core.secret import Secret
from lockgate.engine import life, planner
from lockgate.engine.consent import Consent
from lockgate.gates import approval
from lockgate.messages.approvals import (
    ApprovalView,
    Approve,
    Confirm,
    Delegate,
    DelegationView,
    EndDelegation,
    GivenView,
    Inbox,
    Reject,
    ReviewView,
)
from lockgate.ports import Clock, Selection, Store, Ticker

LONGEST = 90 * DAY
"""Seconds of a delegation: one for ever is a member of the group."""

UNPROVEN = (
    "Who you are is not proven: the server's own token is anybody's. Sign in as yourself: lockgate person add NAME, "
    "then lockgate login."
)


@dataclass(frozen=True, slots=True)
class ApprovalDesk:
    """``admit`` makes the admission of a recorded deployment, from the environment as it is now."""

    store: Store
    clock: Clock
    ticker: Ticker
    consent: Consent
    admit: Callable[[Deployment], Admission]
    key: Secret
    """That links are signed with."""
    caller: Caller = NOBODY

    # --- looking ---

    def view(self, deployment: str) -> ApprovalView:
        """What is to be approved, and what has been said. Raises NotFound."""
        row = self.store.history.deployment(DeploymentId(deployment))
        return self._view(self.admit(row), row)

    def inbox(self) -> Inbox:
        """All that waits for somebody, what waits for the caller first."""
        waiting = self.store.history.select(Selection(states=WAITING, limit=500))
        views = [view for row in waiting if (view := self._awaited(row)) is not None]
        now = self.clock.now()
        return Inbox(
            tuple(sorted(views, key=lambda v: not v.may)),
            tuple(review_view(review, now) for review in self.store.reviews.open()),
        )

    def problems(self) -> tuple[str, ...]:
        """Emergencies that a second person should have looked at."""
        now = self.clock.now()
        return tuple(overdue_words(review) for review in self.store.reviews.open() if review.overdue(now))

    # --- saying ---

    def approve(self, deployment: str, request: Approve) -> ApprovalView:
        """Raises Denied for those who may not, Conflict when what they have seen is not what would be deployed."""
        row = self._waiting(deployment, "approved")
        admission, now = self.admit(row), self.clock.now()
        facts = self.consent.facts(admission)
        self._demand_personal()
        behalf, hindrance = self._authority(facts, request.behalf, now)
        if hindrance:
            raise Denied(hindrance, self._who_can(facts, row, "approve"))
        subject = self.consent.subject(admission)
        if request.subject != subject.digest:
            because = (
                f"What {row.id} would deploy is not what you have seen: {facts.changed or 'it has changed since'}."
            )
            raise Conflict(because, f"Look at it again: lockgate approvals {row.id}")
        self.consent.void(admission, now)
        self.store.releases.put_plan(self.consent.planned(admission))  # the deployment takes it at its next look
        begins = max(now, row.not_before or now)
        until = begins + (facts.rule.expires if facts.rule else DAY)
        given = Approval(row.id, self.caller.name, subject.digest, now, until, request.comment, subject, behalf)
        self.store.approvals.give(given, self._event(row, "approval.given", _given_words(given, row), given))
        self.ticker.wake()
        return self.view(row.id)

    def reject(self, deployment: str, request: Reject) -> ApprovalView:
        """Ends it. Raises Denied, Conflict, Invalid without a reason."""
        row = self._waiting(deployment, "rejected")
        self._demand_personal()
        facts = self.consent.facts(self.admit(row))
        if facts.rule is None:
            raise Conflict(f"{row.environment} asks for no approvals.", f"To end it: lockgate abort {row.id}")
        covering = self._covering(facts, self.clock.now())
        if self.caller.name not in facts.members and not covering:
            because = f"Only {listed(facts.rule.groups)} may reject what goes to {row.environment}."
            raise Denied(because, self._who_can(facts, row, "reject"))
        if not request.reason.strip():
            raise Invalid([Problem("request", None, "reason", "a rejection needs one.", "Say what must be different.")])
        now = self.clock.now()
        because = f"{self.caller.name} rejected {row.release_label} in {row.environment}: {request.reason}"
        event = self._event(row, "approval.rejected", because)
        self.store.approvals.reject(Rejection(row.id, self.caller.name, now, request.reason), event)
        self.ticker.wake()
        return self.view(row.id)

    def confirm(self, deployment: str, request: Confirm) -> ReviewView:
        """A second person has looked at an emergency. Raises Denied, NotFound, Conflict."""
        found = self.store.reviews.of(deployment)
        if found is None:
            raise NotFound(f"{deployment} broke no glass: there is nothing to look at.", "See lockgate history.")
        self._demand_personal()
        if self.caller.name == found.actor:
            raise Denied(f"{found.actor} broke the glass: somebody else must look at it.", self._who_reviews(found))
        if not self.caller.groups & set(found.groups):
            because = f"Only {listed(found.groups)} may look at an emergency in {found.environment}."
            raise Denied(because, self._who_reviews(found))
        if not request.comment.strip():
            raise Invalid([Problem("request", None, "comment", "say what you found.", "Give --comment TEXT.")])
        now = self.clock.now()
        done = replace(found, person=self.caller.name, reviewed_at=now, comment=request.comment)
        row = self.store.history.deployment(DeploymentId(deployment))
        because = f"{self.caller.name} looked at {found.deployment}, which broke the glass: {request.comment}"
        self.store.reviews.confirm(done, self._event(row, "deployment.reviewed", because))
        self.ticker.wake()
        return review_view(done, now)

    # --- acting for each other ---

    def delegations(self) -> tuple[DelegationView, ...]:
        """Those that are not over."""
        now = self.clock.now()
        return tuple(_delegation_view(d) for d in self.store.delegations.all() if now < d.until)

    def delegate(self, request: Delegate) -> DelegationView:
        """Somebody else may approve in the caller's place. Raises Denied, NotFound, Invalid."""
        self._demand_personal()
        now = self.clock.now()
        known = {person.name for person in self.store.people.all()}
        if request.to not in known or request.to == self.caller.name:
            because = f"{request.to[:100]!r} is not another person that the server knows."
            raise NotFound(because, f"There are: {', '.join(sorted(known - {self.caller.name})) or 'none'}.")
        if not now < request.until <= now + LONGEST:
            because = "it must be later than now, and at most 90 days away."
            raise Invalid([Problem("request", None, "until", because)])
        places = self._places_of(request.environment)
        made = Delegation(self.caller.name, request.to, now, request.until, request.environment)
        because = f"{made.giver} lets {made.taker} approve in their place in {listed(places)}."
        event = Event("approval.delegated", now, because, environment=request.environment, data={"to": made.taker})
        return _delegation_view(self.store.delegations.add(made, self.caller.signed(event)))

    def end(self, delegation: str, request: EndDelegation) -> None:
        """Approvals that were given by it do not count any more. Raises Denied, NotFound."""
        found = next((d for d in self.store.delegations.all() if d.id == delegation), None)
        if found is None:
            raise NotFound(f"There is no delegation {delegation[:100]!r}.", "See lockgate approval delegations.")
        if self.caller.personal and self.caller.name not in (found.giver, found.taker):
            because = f"Only {found.giver} and {found.taker} may end it, and whoever runs the server."
            raise Denied(because, f"Ask one of them: lockgate approval end {found.id}")
        because = f"{found.taker} does not approve in the place of {found.giver} any more."
        event = Event("approval.delegation_ended", self.clock.now(), because, environment=found.environment)
        self.store.delegations.end(delegation, self.caller.speaking(request.actor).signed(event))
        self.ticker.wake()

    # --- links ---

    def invitation(self, deployment: str, person: str) -> str:
        """The path of a signed link for one person to what is to be approved now. It still asks them to sign in."""
        row = self._waiting(deployment, "approved")
        subject = self.consent.subject(self.admit(row)).digest
        rule = self.admit(row).environment.approvals
        return invitation_path(self.key, row.id, subject, person, self.clock.now() + (rule.expires if rule else DAY))

    def invited(self, text: str) -> tuple[Invitation, ApprovalView]:
        """Whom a link is for, and what it shows. Raises Denied."""
        invitation = opened(text, self.key, self.clock.now())
        return invitation, self.view(invitation.deployment)

    # --- inside ---

    def _waiting(self, deployment: str, what: str) -> Deployment:
        row = self.store.history.deployment(DeploymentId(deployment))
        if row.state not in WAITING:
            because = f"{row.id} is {row.state.value.replace('_', ' ')}: only what has not begun can be {what}."
            raise Conflict(because, f"To take it back: lockgate abort {row.id}, or lockgate rollback.")
        return row

    def _demand_personal(self) -> None:
        if not self.caller.personal:
            raise Denied(UNPROVEN)

    def _authority(self, facts: approval.Facts, behalf: str, now: Instant) -> tuple[str, str]:
        """In whose place the caller may approve (empty: their own), and what hinders them (empty: nothing)."""
        name, rule = self.caller.name, facts.rule
        if rule is None or facts.exempt:
            return "", facts.exempt or f"{facts.environment} asks for no approvals."
        if not self.caller.personal:
            return "", UNPROVEN
        if name in facts.parts:
            return "", f"{name} is the {facts.parts[name].value}, who may not approve what goes to {facts.environment}."
        if name in facts.members and not behalf:
            return "", ""
        for giver in self._covering(facts, now):
            if giver not in facts.parts and behalf in ("", giver):
                return giver, ""
        meant = f" in the place of {behalf}" if behalf else ""
        return "", f"Only {listed(rule.groups)} may approve what goes to {facts.environment}; {name} may not{meant}."

    def _who_can(self, facts: approval.Facts, row: Deployment, what: str) -> str:
        """The next step of somebody who was refused: whom to ask, or what else there is to do."""
        if facts.rule is None or facts.exempt:
            return f"There is nothing to {what}. See what it waits for: lockgate explain {row.id}"
        have = {one.person for one in facts.approvals if one.subject == facts.subject and not one.void}
        kept_out = set(facts.parts) | have if what == "approve" else set()
        able = [name for name in facts.members if name not in kept_out | {self.caller.name}]
        others = f"{listed(able)} can: lockgate {what} {row.id}{' --reason TEXT' if what == 'reject' else ''}"
        groups = listed(facts.rule.groups)
        return others if able else f"Nobody else can, as it is: add people to {groups} in environments.yaml."

    def _who_reviews(self, found: Review) -> str:
        """The same for an emergency."""
        able = [name for name in members(self.consent.catalogue().groups, found.groups) if name != found.actor]
        others = f"{listed(able)} can: lockgate review {found.deployment} --comment TEXT"
        return others if able else f"Nobody can, as it is: add people to {listed(found.groups)} in environments.yaml."

    def _covering(self, facts: approval.Facts, now: Instant) -> tuple[str, ...]:
        """Members who have delegated their right to the caller."""
        mine = (d for d in facts.delegations if d.taker == self.caller.name and d.covers(facts.environment, now))
        return tuple(d.giver for d in mine if d.giver in facts.members)

    def _places_of(self, environment: str) -> tuple[str, ...]:
        """Where the caller may approve, so that there is something to delegate."""
        catalogue = self.consent.catalogue()
        chosen = (catalogue.get(environment),) if environment else catalogue.in_order()
        mine = tuple(e.name for e in chosen if self._belongs(e))
        if not mine:
            because = (
                f"{self.caller.name} may approve nothing {f'in {environment} ' if environment else ''}to delegate."
            )
            raise Denied(because, "Who may is in `approvals` and `groups` of environments.yaml; its owner can add you.")
        return mine

    def _belongs(self, environment: Environment) -> bool:
        groups = self.consent.catalogue().groups
        rule = environment.approvals
        return rule is not None and any(self.caller.name in groups.get(group, ()) for group in rule.groups)

    def _awaited(self, row: Deployment) -> ApprovalView | None:
        """What waits for people, and not for time or its turn."""
        try:
            admission = self.admit(row)
            view = self._view(admission, row) if admission.environment.approvals else None
        except LockgateError:
            return None
        return view if view is not None and view.answer == Answer.WAIT else None

    def _view(self, admission: Admission, row: Deployment) -> ApprovalView:
        now = self.clock.now()
        facts = self.consent.facts(admission)
        verdict = approval.evaluate(facts, now)
        final = row.state not in WAITING
        _, hindrance = self._authority(facts, "", now)
        if not hindrance and any(a.person == self.caller.name and a.subject == facts.subject for a in facts.approvals):
            hindrance = f"{self.caller.name} has approved it."
        holder = self.store.history.holder(row.application, row.environment)
        previous = self.store.releases.plan(holder.kept) if holder else None
        plan = admission.plan if final else self.consent.planned(admission)
        found = self.store.reviews.of(row.id)
        return ApprovalView(
            deployment=row.id,
            application=row.application,
            environment=row.environment,
            release_label=row.release_label,
            actor=row.actor,
            reason=row.reason or row.occasion,
            subject=facts.subject,
            answer=verdict.answer.value,
            because=row.because if final else verdict.because,
            who="" if final else verdict.who,
            sentences=planner.plan_words(plan, previous),
            needed=facts.rule.count if facts.rule and not facts.exempt else 0,
            given=tuple(_given_view(a, verdict, facts) for a in facts.approvals),
            authors=admission.release.written_by(),
            built_by=admission.release.built_by or admission.release.created_by,
            may=not final and not hindrance and verdict.answer is Answer.WAIT,
            hindrance="" if final else hindrance,
            final=final,
            review=review_view(found, now) if found else None,
        )

    def _event(self, row: Deployment, kind: str, because: str, given: Approval | None = None) -> Event:
        data: dict[str, str] = {"subject": given.subject, "plan": row.plan} if given else {}
        if given and given.behalf:
            data["behalf"] = given.behalf
        return self.caller.signed(life.event_of(row, kind, because, self.clock.now(), data=data))


def invitation_path(key: Secret, deployment: str, subject: Digest, person: str, until: Instant) -> str:
    """For whoever sends messages to people: put the server's own address in front of it."""
    return f"/approve/{sealed(Invitation(deployment, subject, person, until), key)}"


def overdue_words(review: Review) -> str:
    """For the board and the doctor."""
    return (
        f"{review.deployment} broke the glass in {review.environment} ({review.actor}: {review.reason}), and nobody "
        f"has looked at it in time. A member of {listed(review.groups)} other than {review.actor} can: "
        f"lockgate review {review.deployment} --comment TEXT"
    )


def review_view(review: Review, now: Instant) -> ReviewView:
    return ReviewView(
        review.deployment,
        review.application,
        review.environment,
        review.actor,
        review.reason,
        review.at,
        review.due,
        review.overdue(now),
        review.person,
        review.comment,
    )


def _given_words(given: Approval, row: Deployment) -> str:
    place = f" in the place of {given.behalf}" if given.behalf else ""
    comment = f": {given.comment}" if given.comment else "."
    return f"{given.person} approved {row.release_label} in {row.environment}{place}{comment}"


def _given_view(one: Approval, verdict: Verdict, facts: approval.Facts) -> GivenView:
    void = one.void or ("" if one.subject == facts.subject else facts.changed or "something has changed since")
    return GivenView(one.person, one.at, one.until, one.comment, one.behalf, void)


def _delegation_view(made: Delegation) -> DelegationView:
    return DelegationView(made.id, made.giver, made.taker, made.since, made.until, made.environment)
