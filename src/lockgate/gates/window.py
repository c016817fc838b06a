"""Window: a deployment begins only while its environment is open and not frozen.

What is exempt is let in all the same, and the verdict says so, to be recorded. What is under way is not stopped.
"""

from dataclasses import dataclass

from lockgate.core.calendar import WindowExemption
from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant
from lockgate.core.moment import told
from lockgate.core.timetable import HORIZON, Closure, Timetable

GATE = "window"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the environment's calendar, and of what asks to be let in."""

    environment: str
    timetable: Timetable
    owner: str = ""
    rollback: bool = False
    urgent: bool = False
    reason: str = ""
    not_before: Instant | None = None
    """When it is meant to begin; None: now."""
    broken_by: str = ""
    """Who broke the glass; empty: nobody."""


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """WAIT while it is closed, until it opens; of one that is meant for later, what will be so then."""
    at = max(now, facts.not_before or now)
    table = facts.timetable
    closure = table.closure(at)
    if closure is None:
        return Verdict(GATE, Answer.PASS, _open(facts, at, now))
    if facts.broken_by:
        because = f"{facts.broken_by} broke the glass in {facts.environment}, which is closed or frozen: {facts.reason}"
        return Verdict(GATE, Answer.PASS, because, exempted=True)
    kinds = _kinds(facts)
    if table.closure(at, kinds) is None:
        return Verdict(GATE, Answer.PASS, _let_in(facts, closure, at), exempted=True)
    kept_out = table.closure(at, kinds) or closure
    opens = table.opens(at, kinds)
    because = " ".join([_closed(facts, kept_out, at, now), _opens(facts, kept_out, opens), *_hint(facts, at)])
    return Verdict(GATE, Answer.WAIT, because.rstrip(), opens, _who(facts))


def _kinds(facts: Facts) -> frozenset[WindowExemption]:
    """A rollback is urgent, too, but let in as what it is."""
    if facts.rollback:
        return frozenset({WindowExemption.ROLLBACK})
    return frozenset({WindowExemption.URGENT}) if facts.urgent and facts.reason.strip() else frozenset()


def _open(facts: Facts, at: Instant, now: Instant) -> str:
    table = facts.timetable
    if not table.spans and table.openings is None:
        return f"{facts.environment} is open at all times."
    closes = table.closes(at)
    until = f" until {told(closes, table.zone)}" if closes is not None else ""
    verb = "will be" if at > now else "is"
    return f"{facts.environment} {verb} open{until}."


def _closed(facts: Facts, closure: Closure, at: Instant, now: Instant) -> str:
    table, span = facts.timetable, closure.frozen
    if span is not None and span.rule.fault:
        return f"{facts.environment} counts as frozen, because its calendar is not known: {_ended(span.rule.fault)}"
    began, zone = table.began(at), (span.rule.zone if span else "") or table.zone
    when = f"since {told(began, zone)}" if began is not None and at <= now else ""
    if at > now:
        when = f"at {told(at, zone)}, when this is meant to begin"
    verb = "will be" if at > now else "is"
    if span is None:
        return f"{facts.environment} {verb} outside of its windows{_spaced(when)}."
    until = f"until {told(span.end, zone)}" if at <= now else ""
    return f"{facts.environment} {verb} frozen{_spaced(when)}{_spaced(until)}: {_ended(span.title)}"


def _opens(facts: Facts, closure: Closure, opens: Instant | None) -> str:
    if opens is not None:
        return f"It opens {told(opens, facts.timetable.zone)}."
    if closure.frozen is not None and closure.frozen.rule.fault:
        return "It opens when that is mended."
    return f"It does not open within {HORIZON / 86400:.0f} days."


def _let_in(facts: Facts, closure: Closure, at: Instant) -> str:
    """The exemption, as it goes into the record."""
    span = closure.frozen
    standing = "outside of its windows"
    if span is not None and span.rule.fault:
        standing = "counted as frozen, because its calendar is not known"
    elif span is not None:
        standing = f"frozen until {told(span.end, span.rule.zone or facts.timetable.zone)} ({span.title})"
    what = "rollbacks are" if facts.rollback else "urgent deployments with a reason are"
    why = "" if facts.rollback else f" Reason: {_ended(facts.reason)}"
    return f"{facts.environment} is {standing}, but {what} exempt from that.{why}"


def _hint(facts: Facts, at: Instant) -> list[str]:
    """What would be let in, where that is only a word away."""
    if facts.rollback or (facts.reason.strip() and facts.urgent):
        return []
    if facts.timetable.closure(at, frozenset({WindowExemption.URGENT})) is not None:
        return []
    return ["An urgent deployment may enter before that, with a reason: --urgent --reason TEXT."]


def _who(facts: Facts) -> str:
    return f"{facts.owner or 'the owner'} of {facts.environment}, by its windows"


def _spaced(words: str) -> str:
    return f" {words}" if words else ""


def _ended(words: str) -> str:
    return f"{words.strip().rstrip('.')}."
