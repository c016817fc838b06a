"""Schedule: a deployment that was asked for with a time does not begin before it."""

from dataclasses import dataclass

from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant
from lockgate.core.moment import told

GATE = "schedule"


@dataclass(frozen=True, slots=True)
class Facts:
    """When it may begin."""

    environment: str
    not_before: Instant | None = None
    """None: at once."""
    zone: str = ""
    """That people are told the time in."""
    actor: str = ""
    """Who asked for it."""


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """WAIT until then."""
    if facts.not_before is None:
        return Verdict(GATE, Answer.PASS, "It was asked for at once.")
    planned = told(facts.not_before, facts.zone)
    if facts.not_before <= now:
        return Verdict(GATE, Answer.PASS, f"It was planned for {planned}.")
    who = f"{facts.actor or 'whoever asked for it'}, by ending it and asking for another time"
    return Verdict(GATE, Answer.WAIT, f"It is planned to begin {planned}.", facts.not_before, who)
