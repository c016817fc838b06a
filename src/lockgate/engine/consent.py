"""Consent: what would be deployed if it began now, and what people have said of exactly that.

Nothing is remembered as approved: each time the deployment is planned anew, from its release and the environment as
they are now, and approvals count for that plan or not at all. The desk where they are given is ``engine.approvals``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lockgate.core.admission import Admission
from lockgate.core.approval import Approval, ApprovalExemption, ApprovalRule, Delegation, Party, Subject, members
from lockgate.core.audit import Event
from lockgate.core.deployment import WAITING, Deployment
from lockgate.core.difference import Difference, between, differences
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.gate import Verdict
from lockgate.core.ids import Digest, Instant, digest_of, plain
from lockgate.core.people import Person, listed
from lockgate.core.plan import Plan, make_plan
from lockgate.engine import life
from lockgate.engine.pinning import pinned
from lockgate.gates import approval, review
from lockgate.ports import SecretVault, Store

Bound = Callable[[Admission], Mapping[str, str]]
"""What else consent binds: name -> digest, such as of the policies in force."""

TERMS = "terms it was asked for by"
ASKED = ("kind", "actor", "personal", "reason", "urgent", "not_before", "break_glass", "insists", "as_recorded")
"""Of an admission, what neither the plan nor the environment holds."""


@dataclass(frozen=True, slots=True)
class Consent:
    """``catalogue`` gives the environments and groups as they are written now; ``vault`` tells what their secrets are
    now; ``bound`` what other rules add."""

    store: Store
    catalogue: Callable[[], Catalogue]
    vault: SecretVault
    bound: Sequence[Bound] = ()

    def questions(self) -> tuple[tuple[str, Callable[[Admission, Instant], Verdict]], ...]:
        """For the gatehouse."""
        return ((approval.GATE, self.approved), (review.GATE, self.reviewed))

    def approved(self, admission: Admission, now: Instant) -> Verdict:
        """Raises Invalid while the environments cannot be read, or the release cannot be planned there any more, and
        what pinning a secret raises."""
        return approval.evaluate(self.facts(admission), now)

    def reviewed(self, admission: Admission, now: Instant) -> Verdict:
        name = admission.environment.name
        still = tuple(r for r in self.store.reviews.open() if r.environment == name and r.deployment != _id(admission))
        urgent = admission.urgent or admission.rollback
        return review.evaluate(review.Facts(name, still, urgent), now)

    def subject(self, admission: Admission) -> Subject:
        """What consent would be given to now."""
        bound: dict[str, str] = {"policies": admission.environment.policy_digest, TERMS: _terms(admission)}
        bound |= {name: digest for one in self.bound for name, digest in one(admission).items()}
        return Subject(self.planned(admission).digest, _rules(admission.environment), bound)

    def planned(self, admission: Admission) -> Plan:
        """As it would be planned now, with the secrets as they are now. What is gone back to, or deployed once more as
        it was recorded, is the plan that ran, with the configuration it had. What has begun, or needs nobody's
        consent, stays as it was planned. Raises Invalid, and what pinning a secret raises."""
        rule, row = admission.environment.approvals, admission.row
        begun = row is not None and row.state not in WAITING
        if rule is None or _exempt(admission, rule) or admission.rollback or admission.as_recorded or begun:
            return admission.plan
        return make_plan(admission.release, pinned(self.vault, admission.release, admission.environment))

    def facts(self, admission: Admission) -> approval.Facts:
        """All that the gate wants to know."""
        environment, rule = admission.environment, admission.environment.approvals
        deployment = _id(admission)
        subject = self.subject(admission)
        given = self.store.approvals.of(deployment) if deployment else ()
        people = {person.name: person for person in self.store.people.all()}
        able = members(self.catalogue().groups, rule.groups) if rule else ()
        return approval.Facts(
            release=admission.release.label(),
            environment=environment.name,
            rule=rule,
            subject=subject.digest,
            deployment=deployment,
            personal=admission.personal,
            exempt=_exempt(admission, rule),
            unplanned=subject.plan != admission.plan.digest,
            changed=self._changed(admission, subject, given),
            members=tuple(name for name in able if name in people),
            parts=_parts(admission, rule, people.values()),
            approvals=given,
            delegations=tuple(one for one in self.store.delegations.all() if _between_these(one, people)),
            known={person.name: person.added_at for person in people.values()},
            rejection=self.store.approvals.rejection(deployment) if deployment else None,
        )

    def renewed(self, admission: Admission, row: Deployment, now: Instant) -> tuple[Deployment, Event] | None:
        """A deployment that waits for approvals and would be planned otherwise now: planned so, with the event that
        tells of it. None: it stays as it is."""
        fresh = self.planned(admission)
        if fresh.digest == row.plan:
            return None
        told = _told(_sentences(differences(admission.plan, fresh)))
        because = f"It is planned anew, because what it would deploy has changed: {told}."
        after = replace(row, plan=self.store.releases.put_plan(fresh))
        return after, life.event_of(after, "deployment.planned_anew", because, now)

    def void(self, admission: Admission, now: Instant) -> None:
        """Approvals that were given to something else are marked, so that they stay void, and it is told once."""
        if admission.environment.approvals is None or admission.row is None:
            return
        given, subject = self.store.approvals.of(admission.row.id), self.subject(admission)
        stale = [one for one in given if one.subject != subject.digest and not one.void]
        if not stale:
            return
        changed = self._changed(admission, subject, tuple(stale))
        because = f"The approval of {listed(one.person for one in stale)} is void: {changed}."
        event = replace(life.event_of(admission.row, "approval.void", because, now), audited=True)
        self.store.approvals.void(admission.row.id, [replace(one, void=changed) for one in stale], event)

    def _changed(self, admission: Admission, subject: Subject, given: tuple[Approval, ...]) -> str:
        """What is not as it was when somebody last approved, or when it was planned."""
        seen = [one.seen for one in given if one.seen is not None and one.subject != subject.digest]
        if seen:
            return _told(self._since(seen[-1], subject, admission))
        if subject.plan != admission.plan.digest:
            return _told(_sentences(differences(admission.plan, self.planned(admission))))
        return ""

    def _since(self, old: Subject, new: Subject, admission: Admission) -> Iterable[str]:
        """The environment's rules are told first; the plan only for what they do not explain."""
        told = _sentences(between(plain(old.rules), plain(new.rules)))
        told += [
            f"the {name} have changed"
            for name in {*old.bound, *new.bound}
            if old.bound.get(name) != new.bound.get(name)
        ]
        if not told:
            told += _sentences(differences(self.store.releases.plan(old.plan), self.planned(admission)))
        return told


def _terms(admission: Admission) -> Digest:
    """As what, by whom, why and for when it was asked for: people agree to that, too."""
    terms = {name: getattr(admission, name) for name in ASKED}
    return digest_of(terms)


def _rules(environment: Environment) -> Mapping[str, Any]:
    """The environment as it is written. Of its windows not the days that they come to: those are in a calendar's file,
    and the window has a gate of its own. What its policies say is bound by their digest."""
    windows = tuple(replace(rule, occasions=(), fault="") for rule in environment.windows)
    rules: Mapping[str, Any] = plain(replace(environment, windows=windows, rules=None))
    return rules


def _between_these(made: Delegation, people: Mapping[str, Person]) -> bool:
    """Whoever was removed and is added anew under the name has delegated nothing yet, and nobody to them."""
    return all(name in people and people[name].added_at <= made.since for name in (made.giver, made.taker))


def _id(admission: Admission) -> str:
    return admission.row.id if admission.row else ""


def _exempt(admission: Admission, rule: ApprovalRule | None) -> str:
    if admission.break_glass:
        return f"{admission.actor} broke the glass: {admission.reason}"
    if rule is not None and admission.rollback and ApprovalExemption.ROLLBACK in rule.exempt:
        return f"It is a rollback, which {admission.environment.name} exempts from approvals."
    return ""


def _parts(admission: Admission, rule: ApprovalRule | None, people: Iterable[Person]) -> Mapping[str, Party]:
    """Who had a part in it that the rule bars."""
    if rule is None:
        return {}
    release = admission.release
    called = {
        Party.REQUESTER: (admission.actor,),
        Party.AUTHOR: release.written_by(),
        Party.BUILDER: tuple(name for name in (release.built_by, release.created_by) if name),
    }
    return {
        person.name: party
        for person in people
        for party in reversed(rule.barred)
        if any(person.goes_by(name) for name in called[party])
    }


def _told(changes: Iterable[str]) -> str:
    """The first few."""
    known = list(changes)
    more = f", and {len(known) - 3} more" if len(known) > 3 else ""
    return ", ".join(known[:3]) + more or "something in it"


def _sentences(found: Iterable[Difference]) -> list[str]:
    """What stands for much first: the release before the artifacts in it."""
    shallow = sorted(found, key=lambda one: one.path.count("."))
    return [f"{one.path} is {_shown(one.after)} now, not {_shown(one.before)}" for one in shallow]


def _shown(json: str) -> str:
    """Without the quotes, and not too much of it."""
    text = json.removeprefix('"').removesuffix('"') or "nothing"
    text = "nothing" if text in ("null", "{}", "[]") else text
    return text if len(text) <= 60 else f"{text[:57]}..."
