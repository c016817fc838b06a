"""Integrity: what is deployed is what was recorded and signed. There is no way around it, for a rollback neither."""

from dataclasses import dataclass

from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant

GATE = "integrity"


@dataclass(frozen=True, slots=True)
class Facts:
    """Why the record of each cannot be trusted; empty: it can."""

    release: str = ""
    plan: str = ""


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """Denies what is not what was signed."""
    for fault in (facts.release, facts.plan):
        if fault:
            return Verdict(GATE, Answer.DENY, fault, None, "whoever keeps the database")
    return Verdict(GATE, Answer.PASS, "Release and plan are as they were recorded and signed.")
