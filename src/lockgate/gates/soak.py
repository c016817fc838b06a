"""Soak: a release enters only when it has held another environment, verified, for long enough.

It holds from the moment its deployment has succeeded until another one has. A rollback passes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.core.gate import Answer, Verdict
from lockgate.core.holding import Holding
from lockgate.core.ids import Instant

GATE = "soak"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the release where it has to soak."""

    release: str
    """Its label, for people."""
    environment: str
    place: str = ""
    """The environment where it has to have held; empty: nowhere."""
    seconds: float = 0.0
    held: Sequence[Holding] = ()
    """When all of that environment was held by exactly this release."""
    rollback: bool = False


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """WAIT with an end while it holds there; DENY when only another deployment there could change the answer."""
    if not facts.place:
        return _open(f"{facts.environment} asks for no soak.")
    if facts.rollback:
        return _open("A rollback brings back what ran here before.")
    so_far = sum(one.length(now) for one in facts.held)
    asked = f"{facts.environment} takes what has held {facts.place} for {_words(facts.seconds)}"
    if so_far >= facts.seconds and facts.held:
        return _open(f"{facts.release} has held {facts.place} for {_words(so_far)}.")
    if any(one.until is None for one in facts.held):
        because = f"{asked}; {facts.release} has for {_words(so_far)}."
        return Verdict(GATE, Answer.WAIT, because, now + facts.seconds - so_far, "time, or another release")
    done = f"has for {_words(so_far)} only and holds it no more" if facts.held else "has not succeeded there yet"
    because = f"{asked}; {facts.release} {done}. Deploy it to {facts.place} and let it run there."
    return Verdict(GATE, Answer.DENY, because, who=f"whoever may deploy to {facts.place}")


def _open(because: str) -> Verdict:
    return Verdict(GATE, Answer.PASS, because)


def _words(seconds: float) -> str:
    """``45 s``, ``12 min``, ``2 h``, ``2 h 5 min``"""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h" + (f" {minutes} min" if minutes else "")
