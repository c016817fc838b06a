"""Gate -> verdict: a question before a deployment, and its answer: pass, wait or deny, because."""

from dataclasses import dataclass
from enum import StrEnum

from lockgate.core.ids import Instant


class Answer(StrEnum):
    """Ordered by weight: one deny denies, else one wait waits."""

    PASS = "pass"
    WAIT = "wait"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says, as a sentence somebody can act on."""

    gate: str
    answer: Answer
    because: str
    until: Instant | None = None
    """A wait's known end; None: somebody has to act."""
    who: str = ""
    """Who can change the answer."""
    exempted: bool = False
    """It passes by an exemption, against what the gate is for: that is recorded."""


def weigh(verdicts: tuple[Verdict, ...]) -> Verdict:
    """The one verdict that decides: the first deny, else the wait that lasts longest, else a pass, with
    every exemption that it took."""
    for verdict in verdicts:
        if verdict.answer is Answer.DENY:
            return verdict
    waits = [v for v in verdicts if v.answer is Answer.WAIT]
    if waits:
        return max(waits, key=lambda v: float("inf") if v.until is None else v.until)
    exemptions = [v.because for v in verdicts if v.exempted]
    because = " ".join(["Every gate is open." if not exemptions else "Every gate lets it in.", *exemptions])
    return Verdict("all gates", Answer.PASS, because, exempted=bool(exemptions))
