"""Approval: have enough of the right people consented to exactly what would be deployed?

An approval counts while it is for the subject as it is now, has not expired, its giver may still approve and had no
part in the deployment, and neither the giver nor whoever delegated it has been counted already.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lockgate.core.approval import Approval, ApprovalRule, Delegation, Party, Rejection
from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Digest, Instant
from lockgate.core.people import listed

GATE = "approval"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the deployment, and what people have said of it."""

    release: str
    """Its label, for people."""
    environment: str
    rule: ApprovalRule | None
    """What the environment demands; None: nothing."""
    subject: Digest
    """What would be deployed if it began now, and by which rules."""
    deployment: str = ""
    """Empty: it is not recorded yet."""
    personal: bool = False
    """Who asked for it is proven."""
    exempt: str = ""
    """Why it needs no approval; empty: it does."""
    unplanned: bool = False
    """What is recorded is not what would be planned now."""
    changed: str = ""
    """What is not as it was when somebody approved; empty: nothing."""
    members: tuple[str, ...] = ()
    """Who may approve here, and is known."""
    parts: Mapping[str, Party] = field(default_factory=dict)
    """Who had a part in it that keeps them from approving it."""
    approvals: tuple[Approval, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    """Those in force."""
    known: Mapping[str, Instant] = field(default_factory=dict)
    """Everybody who could sign in, and since when: what was said under a name before is somebody else's word."""
    rejection: Rejection | None = None


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """WAIT until enough have approved; DENY once somebody has rejected it, and when it cannot be known who may."""
    rule = facts.rule
    if facts.rejection is not None:
        said = f"{facts.rejection.person} rejected it: {facts.rejection.reason}"
        return Verdict(GATE, Answer.DENY, said, who="whoever may ask for another deployment")
    if rule is None:
        return _open(f"{facts.environment} asks for no approvals.")
    if facts.exempt:
        return _open(facts.exempt)
    if Party.REQUESTER in rule.barred and not facts.personal:
        because = (
            f"Who asks for a deployment to {facts.environment} may not approve it, but it is not proven who asks: "
            "the server's own token is anybody's. Sign in as yourself (lockgate person add NAME, lockgate login) and "
            "ask again."
        )
        return Verdict(GATE, Answer.DENY, because, who="whoever asks for it")
    if facts.unplanned:
        because = f"What it would deploy has changed since it was planned: {facts.changed}. It is planned anew."
        return Verdict(GATE, Answer.WAIT, because)
    counted = _counted(facts, now)
    if len(counted) >= rule.count:
        return _open(f"{listed(_named(a) for a in counted)} approved it.")
    return _waiting(facts, rule, counted, now)


def _counted(facts: Facts, now: Instant) -> list[Approval]:
    """Own approvals first, so that a delegated one never takes the place of its giver's own."""
    people: set[str] = set()
    authorities: set[str] = set()
    counted = []
    for one in sorted(facts.approvals, key=lambda a: (a.behalf != "", a.at, a.person)):
        if _objection(one, facts, now) or one.person in people or one.authority in authorities:
            continue
        people.add(one.person)
        authorities.add(one.authority)
        counted.append(one)
    return counted


def _objection(one: Approval, facts: Facts, now: Instant) -> str:
    """Why an approval does not count; empty: it does."""
    if one.void or one.subject != facts.subject:
        return f"{_named(one)} is void: {one.void or facts.changed or 'something has changed since'}"
    if now >= one.until:
        return f"{_named(one)} expired at {_clock(one.until)}"
    if one.person not in facts.known:
        return f"{_named(one)} does not count: {one.person} has been removed"
    if one.at < facts.known[one.person]:
        return f"{_named(one)} does not count: {one.person} has been removed and added anew since"
    if one.authority not in facts.members:
        return f"{_named(one)} does not count: {one.authority} may not approve here"
    for name in (one.person, one.authority):
        if name in facts.parts:
            return f"{_named(one)} does not count: {name} is the {facts.parts[name].value}"
    if one.behalf and not _delegated(one, facts):
        return f"{_named(one)} does not count: {one.behalf} has not delegated it, or not any more"
    return ""


def _delegated(one: Approval, facts: Facts) -> bool:
    return any(
        (d.giver, d.taker) == (one.behalf, one.person) and d.covers(facts.environment, one.at)
        for d in facts.delegations
    )


def _waiting(facts: Facts, rule: ApprovalRule, counted: list[Approval], now: Instant) -> Verdict:
    has = f": {listed(_named(a) for a in counted)}" if counted else ""
    people = "person" if rule.count == 1 else "people"
    said = [f"{rule.count} {people} of {listed(rule.groups)} must approve it; {len(counted) or 'none'} did{has}."]
    objections = [why for one in facts.approvals if (why := _objection(one, facts, now))]
    said += [f"The approval of {why}." for why in dict.fromkeys(objections)]
    able = [name for name in facts.members if name not in facts.parts]
    out = [f"{name} ({facts.parts[name].value})" for name in facts.members if name in facts.parts]
    if out:
        said.append(f"{listed(out)} may not.")
    if len(able) < rule.count:
        said.append(f"There are not enough others: add people to {listed(rule.groups)} in environments.yaml.")
    left = [name for name in able if name not in {n for a in counted for n in (a.person, a.authority)}]
    said += [f"Look at it with: lockgate approvals {facts.deployment}"] if facts.deployment else []
    return Verdict(GATE, Answer.WAIT, " ".join(said), who=listed(left) if left else f"the owner of {facts.environment}")


def _named(one: Approval) -> str:
    return f"{one.person} for {one.behalf}" if one.behalf else one.person


def _clock(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _open(because: str) -> Verdict:
    return Verdict(GATE, Answer.PASS, because)
