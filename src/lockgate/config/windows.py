"""When an environment is open and when it is frozen, as ``environments.yaml`` writes it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from lockgate.config.document import Node, Scalar, Table
from lockgate.config.form import At, Choice, Field, Form, Schema, Several, nearest
from lockgate.config.scalars import Text, written
from lockgate.core.calendar import Effect, Occasion, WindowExemption, WindowRule
from lockgate.core.errors import Invalid
from lockgate.core.moment import DAY, zone_fault
from lockgate.core.recurrence import Frequency, Repeats

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SUFFIX = ".ics"
UNREAD = "it has not been read"
YEARS = (1970, 2199)
"""First and last that a date may be in."""

_BEGINS = date(2000, 1, 3)
"""Some Monday: a week that repeats needs one to begin with."""
_EVERY_DAY = ("daily", "every day")
_TIMES = r"(?P<first>\d\d?:\d\d) ?- ?(?P<last>\d\d?:\d\d)"
_DATE = r"\d{4}-\d\d-\d\d"
_FORMS = "Write Mon-Thu 09:00-16:00, or 2026-12-20 .. 2027-01-02, or the name of an .ics file."


def zone_of(at: At) -> str:
    name = written(at, "the name of a time zone").text
    if fault := zone_fault(name):
        raise at.refused(*fault)
    return name


class Zone:
    """``Europe/Berlin``, or ``UTC``."""

    def read(self, at: At) -> str:
        return zone_of(at)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": "/|^UTC$"}


@dataclass(frozen=True, slots=True)
class _Times:
    """What stands behind ``open`` or ``freeze``, before its zone is known."""

    text: str
    occasion: Callable[[str], Occasion] | None = None
    """None: it is the name of a file."""


class Times:
    """Days of the week with hours, dates, or the name of a calendar file."""

    def read(self, at: At) -> _Times:
        text = written(at, "times such as Mon-Thu 09:00-16:00, or an .ics file").text.strip()
        if text.lower().endswith(SUFFIX):
            return _Times(text)
        return _Times(text, _dated(at, text) if text[:4].isdigit() else _weekly(at, text))

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 3}


def _weekly(at: At, text: str) -> Callable[[str], Occasion]:
    found = re.fullmatch(rf"(?P<days>[A-Za-z][A-Za-z ,-]*?)(?: {_TIMES})?", text)
    if found is None:
        raise at.expected("times such as Mon-Thu 09:00-16:00", _FORMS)
    days = _weekdays(at, found["days"])
    start, end = (_second(at, found["first"]), _second(at, found["last"])) if found["first"] else (0, DAY)
    if start == DAY:
        raise at.refused("24:00 is where a day ends.", "Write 00:00 and the day after.")
    if start == end:
        raise at.refused(f"{text!r} lasts no time at all.", "Leave the hours out for whole days.")
    length = end - start if end > start else end + DAY - start
    repeats = Repeats(Frequency.WEEKLY, weekdays=frozenset((0, day) for day in days))
    begins = _BEGINS + timedelta(days=min(days))
    return lambda zone: Occasion(begins, start, length, zone, repeats=repeats)


def _weekdays(at: At, text: str) -> set[int]:
    if text.strip().lower() in _EVERY_DAY:
        return set(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = (_weekday(at, word.strip()) for word in (first, last or first))
        found |= {day % 7 for day in range(begin, end + 1 + 7 * (end < begin))}
    return found


def _weekday(at: At, word: str) -> int:
    known = {day.lower(): number for number, day in enumerate(DAYS)}
    full = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    number = known.get(word.lower(), next((n for n, day in enumerate(full) if day == word.lower()), None))
    if number is None:
        mend = nearest(word, DAYS) or f"They are {', '.join(DAYS)}; {_FORMS[0].lower()}{_FORMS[1:]}"
        raise at.refused(f"{word!r} is not a day of the week.", mend)
    return number


def _second(at: At, text: str) -> int:
    hour, minute = (int(part) for part in text.split(":"))
    if hour * 60 + minute > 24 * 60 or minute > 59:
        raise at.refused(f"there is no time {text}.", "Times are 00:00 to 24:00.")
    return hour * 3600 + minute * 60


def _dated(at: At, text: str) -> Callable[[str], Occasion]:
    """From a day, or a time of it, to another: without times, both days are in it."""
    ends = [re.fullmatch(rf"(?P<day>{_DATE})(?:[ T](?P<time>\d\d?:\d\d))?", part.strip()) for part in text.split("..")]
    first, last = ends[0], ends[-1]
    if first is None or last is None or len(ends) > 2:
        raise at.expected("dates such as 2026-12-20 .. 2027-01-02", _FORMS)
    day, until = _day(at, first["day"]), _day(at, last["day"])
    start = _second(at, first["time"]) if first["time"] else 0
    end = _second(at, last["time"]) if last["time"] and len(ends) == 2 else DAY
    length = (until - day).days * DAY + end - start
    if length <= 0:
        raise at.refused(f"{text!r} ends before it begins.", "Write the earlier one first.")
    return lambda zone: Occasion(day, start, length, zone)


def _day(at: At, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise at.refused(f"there is no day {text}.", "Write it as 2026-12-20.") from error
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise at.refused(f"{text} is too far away.", f"Years are {YEARS[0]} to {YEARS[1]}.")
    return day


def _rule(
    opening: _Times | None = None,
    freeze: _Times | None = None,
    zone: str = "",
    because: str = "",
    exempt: frozenset[WindowExemption] | None = None,
) -> WindowRule:
    times, effect = (freeze, Effect.FREEZE) if freeze else (opening, Effect.OPEN)
    text, occasion = (times.text, times.occasion) if times else ("", None)
    if occasion is None or not zone:
        return WindowRule(effect, text, zone, (), because, exempt, text, f"{text}: {UNREAD}.")
    return WindowRule(effect, text, zone, (occasion(zone),), because, exempt)


EXEMPT_KINDS: Choice[WindowExemption] = Choice(
    "what is exempt",
    {kind.value: kind for kind in WindowExemption},
    hints={"rollbacks": "Did you mean 'rollback'?", "hotfix": "Did you mean 'urgent'?"},
)


class Exemptions:
    """``[rollback, urgent]``"""

    _each = Several("kinds of deployment", EXEMPT_KINDS)

    def read(self, at: At) -> frozenset[WindowExemption]:
        return frozenset(self._each.read(at))

    def schema(self) -> Schema:
        return self._each.schema()


WINDOW: Form[WindowRule] = Form(
    "a window",
    _rule,
    (
        Field("open", Times(), "When deployments may begin: Mon-Thu 09:00-16:00, dates, or an .ics file.",
              to="opening"),
        Field("freeze", Times(), "When nothing begins, whatever is open: 2026-12-20 .. 2027-01-02, or as for `open`."),
        Field("zone", Zone(), "Whose clocks are meant: Europe/Berlin. A file may have its own."),
        Field("because", Text(), "Why, for those who have to wait."),
        Field("exempt", Exemptions(), "What this freeze lets in, instead of what the environment says."),
    ),
    hints={
        "timezone": "Did you mean 'zone'?", "tz": "Did you mean 'zone'?", "reason": "Did you mean 'because'?",
        "closed": "Did you mean 'freeze'?", "allow": "Did you mean 'open'?", "deny": "Did you mean 'freeze'?",
        "schedule": "Write `open: Mon-Thu 09:00-16:00`.", "file": "Write `freeze: holidays.ics`.",
    },
)  # fmt: skip


class Window:
    """One of them, with what only several of its fields together can tell."""

    def read(self, at: At) -> WindowRule:
        if isinstance(at.node, Table):
            for fault in _across(at, at.node):
                at.note(fault)
        return WINDOW.read(at)

    def schema(self) -> Schema:
        return WINDOW.schema()


def _across(at: At, table: Table) -> Iterator[Invalid]:
    given = {child.key: child for child in at.inside(table)}
    effects = [child for name, child in given.items() if name in ("open", "freeze")]
    if len(effects) != 1:
        because = "it says both when it is open and when it is frozen." if effects else "it says nothing of when."
        yield at.refused(because, "Write `open: ...` or `freeze: ...`, each as an entry of its own.")
    elif "zone" not in given and not _is_file(effects[0].node):
        yield effects[0].refused("it does not say in which time zone it is meant.", "Add `zone: Europe/Berlin`.")
    if "exempt" in given and "open" in given:
        mend = "Write it beside `windows`: it is then for all hours that are not open."
        yield given["exempt"].refused("only a freeze has exemptions of its own.", mend)


def _is_file(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text.strip().lower().endswith(SUFFIX)


WINDOWS = Several("windows", Window())
EXEMPT = Exemptions()
