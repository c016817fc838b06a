"""Vulnerabilities: a release enters only when a recent scan of it found nothing too bad that nobody has taken on.

A rollback passes: it brings back what was let in here before, and an incident is no time for a new scan.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lockgate.core.environment import VulnerabilityRule
from lockgate.core.finding import FindingCounts, Waiver
from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant

GATE = "vulnerabilities"
NAMED = 3
"""How many are named in the sentence; all of them are told by ``lockgate findings``."""

_WHO = "whoever can mend the release, or may give a waiver"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the release's weaknesses here."""

    release: str
    """Its label, for people."""
    identity: str
    """Its id, for commands."""
    environment: str
    rule: VulnerabilityRule | None
    """None: nothing is asked."""
    counts: FindingCounts
    rollback: bool = False


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """DENY without a scan where one is required, with one that is too old, and with what the rule refuses."""
    if facts.rule is None:
        return _open(f"{facts.environment} asks for no scan.")
    if facts.rollback:
        return _open("A rollback brings back what ran here before.")
    return _unscanned(facts, facts.rule, now) or _refused(facts, facts.rule)


def _unscanned(facts: Facts, rule: VulnerabilityRule, now: Instant) -> Verdict | None:
    attach = f"Attach one: lockgate release attach {facts.identity} FILE"
    at = facts.counts.scanned_at
    if at is None:
        if not rule.required:
            return None
        because = f"No scan of {facts.release} has been attached, and {facts.environment} asks for one. {attach}"
        return Verdict(GATE, Answer.DENY, because, who="whoever builds the release")
    if rule.scanned_within is not None and now - at > rule.scanned_within:
        because = (
            f"The newest scan of {facts.release} is of {_moment(at)}; {facts.environment} asks for one within "
            f"{_span(rule.scanned_within)}. {attach}"
        )
        return Verdict(GATE, Answer.DENY, because, who="whoever builds the release")
    return None


def _refused(facts: Facts, rule: VulnerabilityRule) -> Verdict:
    found = facts.counts.at_least(rule.refuse, rule.fixable_only)
    kind = f"{rule.refuse.value} or worse" if rule.refuse.rank else rule.refuse.value
    fixable = " that a newer version mends" if rule.fixable_only else ""
    waived = len(facts.counts.waived)
    beside = f" ({waived} waived)" if waived else ""
    if not found:
        return _open(f"{facts.release} has no open finding of {kind}{fixable}{beside}.")
    named = "; ".join(one.label() for one in found[:NAMED])
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    because = (
        f"{facts.release} has {len(found)} open {'finding' if len(found) == 1 else 'findings'} of {kind}{fixable}"
        f"{beside}, and {facts.environment} refuses them: {named}{more}.{_expired(facts.counts.expired)} "
        f"Make a release without them, or take them on for a while: lockgate waiver add {found[0].vulnerability}"
    )
    return Verdict(GATE, Answer.DENY, because, who=_WHO)


def _expired(waivers: Sequence[Waiver]) -> str:
    if not waivers:
        return ""
    told = ", ".join(f"of {one.label()} on {_moment(one.until)}" for one in waivers[:NAMED])
    return f" Waivers have expired: {told}."


def _open(because: str) -> Verdict:
    return Verdict(GATE, Answer.PASS, because)


def _moment(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _span(seconds: float) -> str:
    days, hours = seconds / 86_400, seconds / 3600
    if days >= 2:
        return f"{days:g} days"
    return f"{hours:g} h" if hours >= 1 else f"{seconds / 60:g} min"
