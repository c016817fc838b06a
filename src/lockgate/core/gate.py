"""Gate -> verdict: a question before a deployment, and its answer: pass, wait or deny, because."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    record: Mapping[str, str] = field(default_factory=dict)
    """What goes on record beside the answer: rule -> its version and what it said."""
    exempted: bool = False
    """It passes by an exemption, against what the gate is for: that is recorded."""
    short: str = ""
    """The same in few words, for where several are told; empty: its first sentence."""

    @property
    def in_short(self) -> str:
        return (self.short or self.because.partition(". ")[0]).strip().rstrip(".")


def weigh(verdicts: tuple[Verdict, ...]) -> Verdict:
    """The one verdict that decides: the first deny, else all that it waits for, else a pass, with every exemption that
    it took."""
    for verdict in verdicts:
        if verdict.answer is Answer.DENY:
            return verdict
    waits = waits_of(verdicts)
    if waits:
        return _together(waits)
    exemptions = [v.because for v in verdicts if v.exempted]
    because = " ".join(["Every gate is open." if not exemptions else "Every gate lets it in.", *exemptions])
    return Verdict("all gates", Answer.PASS, because, exempted=bool(exemptions))


def waits_of(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """First those where somebody has to act, then those that end by themselves, the next end first."""
    waits = (v for v in verdicts if v.answer is Answer.WAIT)
    return tuple(sorted(waits, key=lambda v: float("-inf") if v.until is None else v.until))


def _together(waits: tuple[Verdict, ...]) -> Verdict:
    """All of them in one sentence. Who can act is told of those that do not end by themselves, if there are any."""
    if len(waits) == 1:
        return waits[0]
    told = "; ".join(f"{v.gate}: {v.in_short}" for v in waits)
    for_ever = [v for v in waits if v.until is None]
    who = "; ".join(dict.fromkeys(v.who for v in for_ever or waits if v.who))
    until = None if for_ever else waits[-1].until
    return Verdict(
        "all gates", Answer.WAIT, f"It waits at {len(waits)} gates. {told[0].upper()}{told[1:]}.", until, who
    )
