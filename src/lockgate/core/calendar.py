"""Calendar: when an environment is open and when it is frozen, as its owner wrote it.

Everything here is in the time that clocks show in a zone; ``lockgate.core.timetable`` makes instants of it.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from lockgate.core.recurrence import Repeats


class Effect(StrEnum):
    """What a rule does while it applies."""

    OPEN = "open"
    """Deployments may begin. As soon as one rule opens an environment, it is closed at all other times."""
    FREEZE = "freeze"
    """Nothing begins, whatever is open."""


class WindowExemption(StrEnum):
    """What may be let in although the environment is closed or frozen."""

    ROLLBACK = "rollback"
    URGENT = "urgent"
    """Only with a reason."""


ROLLBACKS = frozenset({WindowExemption.ROLLBACK})


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that happens once, or again and again."""

    day: date
    second: int
    """Of that day, as clocks show it."""
    length: int
    """Seconds from then to its end, as clocks show it."""
    zone: str
    title: str = ""
    repeats: Repeats | None = None
    further: tuple[tuple[date, int, int], ...] = ()
    """More of it, by day, second and length."""
    never: frozenset[tuple[date, int]] = frozenset()
    """Left out, by day and second."""


@dataclass(frozen=True, slots=True)
class WindowRule:
    """One line of an environment's ``windows``."""

    effect: Effect
    written: str
    """As it is written: times, or the name of a file."""
    zone: str = ""
    """That it is told in; empty: UTC."""
    occasions: tuple[Occasion, ...] = ()
    because: str = ""
    exempt: frozenset[WindowExemption] | None = None
    """What a freeze lets in; None: what the environment says."""
    file: str = ""
    """The calendar file that the occasions come from; empty: they are written here."""
    fault: str = ""
    """Why its occasions are not known. Nothing is let in then that is not exempt."""
