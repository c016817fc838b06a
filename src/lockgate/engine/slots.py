"""Slots: when a deployment is planned to begin, and with what that collides. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lockgate.core.calendar import WindowExemption
from lockgate.core.deployment import Deployment
from lockgate.core.errors import Denied, Invalid, Problem
from lockgate.core.ids import Instant
from lockgate.core.moment import DAY, told
from lockgate.core.timetable import HORIZON, Timetable

HOUR = 3600.0
"""Two that begin within it may get into each other's way."""

_FURTHEST = HORIZON - DAY


@dataclass(frozen=True, slots=True)
class Slot:
    """When one is planned."""

    application: str
    environment: str
    at: Instant
    label: str = ""
    """The deployment's release."""
    deployment: str = ""
    """Empty: it is only asked for."""

    @classmethod
    def of(cls, row: Deployment) -> "Slot | None":
        if row.not_before is None:
            return None
        return cls(row.application, row.environment, row.not_before, row.release_label, row.id)


def chosen(at: Instant | None, next_window: bool, environment: str, table: Timetable, now: Instant) -> Instant | None:
    """When it is meant to begin; None: as soon as it may. Raises Invalid for a time that cannot be meant, Denied when
    the environment does not open."""
    if at is not None and next_window:
        raise _invalid("next_window", "it is asked for a time and for the next window.", "Choose one of them.")
    if next_window:
        return _next_opening(environment, table, now)
    if at is None:
        return None
    if not at > now:
        clock = f"The server's clock shows {told(now, table.zone)}."
        raise _invalid("at", f"{_shown(at)} is in the past.", f"{clock} Leave the time out to begin at once.")
    if at > now + _FURTHEST:
        mend = f"At most {_FURTHEST / DAY:.0f} days ahead can be planned."
        raise _invalid("at", f"{_shown(at)} is too far away.", mend)
    return at


def _shown(at: Instant) -> str:
    """A time that no calendar has, as the number that it is."""
    return told(at) if -60_000_000_000 < at < 250_000_000_000 else f"{at:g}"


def _invalid(field: str, because: str, mend: str) -> Invalid:
    return Invalid([Problem("request", None, field, because, mend)])


def _next_opening(environment: str, table: Timetable, now: Instant) -> Instant | None:
    opens = table.opens(now)
    if opens is None:
        because = f"{environment} does not open within {HORIZON / DAY:.0f} days, so there is no window to wait for."
        raise Denied(because, "See why: lockgate calendar")
    return None if opens <= now else opens


def collisions(new: Slot, planned: Iterable[Slot], table: Timetable) -> tuple[str, ...]:
    """What those who ask for it should know."""
    return (*_with_others(new, planned, table.zone), *_with_windows(new, table))


def all_collisions(planned: Sequence[Slot], tables: "dict[str, Timetable]") -> tuple[str, ...]:
    """Each pair once."""
    found: list[str] = []
    for number, one in enumerate(planned):
        table = tables[one.environment]
        found += [f"{one.deployment}: {words}" for words in _with_others(one, planned[number + 1 :], table.zone)]
        found += [f"{one.deployment}: {words}" for words in _with_windows(one, table)]
    return tuple(found)


def _with_others(new: Slot, planned: Iterable[Slot], zone: str) -> Iterator[str]:
    for other in planned:
        if other.environment != new.environment or abs(other.at - new.at) >= HOUR:
            continue
        when = f"is planned for {told(other.at, zone)}, within the same hour"
        if other.application == new.application:
            yield f"{other.deployment} ({other.label}) {when} in {new.environment}: the later one replaces the other."
        else:
            yield f"{other.deployment} ({other.label}) {when} in {new.environment}, which both share."


def _with_windows(new: Slot, table: Timetable) -> Iterator[str]:
    closure = table.closure(new.at, frozenset[WindowExemption]())
    if closure is None:
        return
    opens = table.opens(new.at)
    what = f"frozen ({closure.frozen.title})" if closure.frozen else "outside of its windows"
    then = f"It will wait until {told(opens, table.zone)}." if opens else "No opening after that is known."
    yield f"{new.environment} is {what} at {told(new.at, table.zone)}. {then}"
