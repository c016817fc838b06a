"""Upkeep: what is told of keeping an environment as it was deployed, written when it changes, not at each look."""

from collections.abc import Sequence
from dataclasses import replace

from lockgate.core.audit import Event
from lockgate.core.deployment import Deployment
from lockgate.core.ids import Instant, digest_of, short
from lockgate.engine import life

HINDERED = "It could not be kept as deployed: "
"""How a sentence begins that says what hinders keeping it."""

_HINDRANCE = "!"
"""Before the mark of such a sentence."""


def told(row: Deployment, sentences: Sequence[str], now: Instant) -> tuple[Deployment, list[Event]]:
    """The row with what this look found, and an event of each sentence that the look before did not find; also when
    nothing hinders any more."""
    marks = tuple(dict.fromkeys(_mark(sentence) for sentence in sentences))
    new = [sentence for sentence in dict.fromkeys(sentences) if _mark(sentence) not in row.upkeep]
    hindered = any(mark.startswith(_HINDRANCE) for mark in row.upkeep)
    if hindered and not any(mark.startswith(_HINDRANCE) for mark in marks):
        new.append("It is kept as deployed again.")
    return replace(row, upkeep=marks), [life.event_of(row, "environment.repaired", sentence, now) for sentence in new]


def _mark(sentence: str) -> str:
    """Not the words themselves: what is kept of them may have been masked."""
    return f"{_HINDRANCE if sentence.startswith(HINDERED) else ''}{short(digest_of(sentence))}"
