"""Calendar files (RFC 5545): what happens when, for windows. icalendar's home.

Only lines that say when are handed on to it; everything else of a file, alarms and descriptions, is passed over. What
cannot be understood is refused, with the line of its event: an event that is quietly left out is a freeze that is not.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from lockgate.config.windows import YEARS
from lockgate.core.calendar import Occasion
from lockgate.core.errors import Invalid, Problem
from lockgate.core.moment import DAY, local, zone_fault
from lockgate.core.recurrence import Frequency, Repeats, days

MOST_EVENTS = 2000
MOST_TIMES = 1000
"""Of a rule that ends after so many times."""
MOST_COUNTED = 200
"""Rules of one file that do: each has to be counted out."""
COUNTED_FOR = timedelta(days=366 * 40)
MOST_DATES = 10_000
"""Single dates of one file, put in or left out."""
LONGEST_AGAIN = 366 * DAY
"""Seconds that something which repeats may last."""

_KEPT = frozenset({"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "UID", "SUMMARY",
                   "STATUS", "X-WR-TIMEZONE", "EXRULE"})  # fmt: skip
_ZONE = "X-LOCKGATE-TZID"
_LONGEST_LINE = 64 * 1024
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYDAY", "BYSETPOS",
                    "WKST"})  # fmt: skip


class _Fault(Exception):
    """Of one event; what it is called and where it begins are added."""

    def __init__(self, because: str, mend: str = "") -> None:
        super().__init__(because)
        self.because, self.mend = because, mend


def read_ics(text: str, where: str, zone: str = "") -> tuple[Occasion, ...]:
    """Everything that happens in it. ``zone``: of times without one, and of whole days. Raises :class:`Invalid` with
    every event that cannot be read."""
    lean, lines = _lean(text, where)
    calendar = _parsed(lean, where)
    own = str(calendar.get("X-WR-TIMEZONE", ""))
    reading = _Reading(where, zone or ("" if zone_fault(own) else own))
    found, problems = [], []
    for line, event in zip(lines, calendar.walk("VEVENT"), strict=True):
        try:
            found.append(reading.event(event, line))
        except _Fault as fault:
            problems.append(_problem(where, line, event, fault))
    if problems:
        raise Invalid(problems[:20])
    return tuple(_put_together([one for one in found if one]))


def _problem(where: str, line: int, event: Any, fault: _Fault) -> Problem:
    name = str(event.get("SUMMARY", ""))[:60]
    return Problem(where, line, "", f"the event {name!r}: {fault.because}" if name else fault.because, fault.mend)


# --- the lines ---


def _lean(text: str, where: str) -> tuple[str, list[int]]:
    """The file without what says nothing of when, and the line on which each event begins."""
    kept, starts = [], []
    within: list[str] = []
    for number, line in _unfolded(text):
        name, _, value = line.partition(":")
        head = name.partition(";")[0].strip().upper()
        if head == "BEGIN":
            within.append(value.strip().upper())
            if within == ["VCALENDAR", "VEVENT"]:
                starts.append(number)
            _refuse_unless(len(within) <= 8, where, number, "it is nested too deep.")
        if head in _KEPT | {"BEGIN", "END"} and within in (["VCALENDAR"], ["VCALENDAR", "VEVENT"]):
            _refuse_unless(len(line) <= _LONGEST_LINE, where, number, f"{head} is longer than {_LONGEST_LINE} bytes.")
            # By another name, so that icalendar does not guess what a zone may mean that it does not know.
            kept.append(re.sub(r";TZID=", f";{_ZONE}=", line, count=1, flags=re.IGNORECASE))
        if head == "END":
            matches = bool(within) and within.pop() == value.strip().upper()
            _refuse_unless(matches, where, number, f"{line[:60]!r} ends what has not begun.")
    _refuse_unless(
        bool(kept) and not within, where, None, "it is not a whole calendar: BEGIN:VCALENDAR ... END:VCALENDAR."
    )
    because = f"it holds {len(starts)} events; at most {MOST_EVENTS} are read."
    _refuse_unless(len(starts) <= MOST_EVENTS, where, None, because)
    return "\r\n".join(kept) + "\r\n", starts


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Lines as they were before they were folded, with the number of their first one."""
    first, parts = 0, [""]
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if line[:1] in (" ", "\t") and first:
            parts.append(line[1:])
        else:
            if first and any(parts):
                yield first, "".join(parts)
            first, parts = number, [line]
    if first and any(parts):
        yield first, "".join(parts)


def _refuse_unless(fine: bool, where: str, line: int | None, because: str) -> None:
    if not fine:
        raise Invalid([Problem(where, line, "", because, "Export the calendar again as iCalendar (.ics).")])


def _parsed(text: str, where: str) -> Any:
    """Takes 0.13 s to import, so only who has a calendar file pays for it."""
    from icalendar import Calendar

    try:
        return Calendar.from_ical(text)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        because = f"it is not an iCalendar file: {str(error)[:200]}"
        raise Invalid([Problem(where, None, "", because, "Export the calendar again as .ics.")]) from error


# --- events ---


@dataclass(frozen=True, slots=True)
class _Event:
    """One VEVENT."""

    uid: str
    replaces: tuple[date, int] | None
    """The one time of those with its ``uid`` that it stands for."""
    occasion: Occasion
    cancelled: bool


@dataclass(slots=True)
class _Reading:
    """Of one file."""

    where: str
    zone: str
    dates: int = 0
    """Single ones so far."""
    counted: int = 0
    """Rules with a COUNT so far."""

    def event(self, event: Any, line: int) -> _Event:
        for name, because in event.errors:
            raise _Fault(f"{name} cannot be understood: {str(because)[:200]}.", "Correct it, or export it again.")
        if "DTSTART" not in event:
            raise _Fault("it does not say when it begins.", "Give it a DTSTART.")
        zone = self._zone_of(event["DTSTART"])
        day, second = self._moment(event["DTSTART"], zone)
        length = self._length(event, zone, day, second)
        occasion = Occasion(
            day,
            second,
            length,
            zone,
            str(event.get("SUMMARY", "")).strip()[:200],
            self._repeats(event, zone, day, second, length),
            tuple(self._further(event, zone, length)),
            frozenset(self._never(event, zone, second)),
        )
        cancelled = str(event.get("STATUS", "")).upper() == "CANCELLED"
        return _Event(str(event.get("UID", f"line {line}")), self._replaces(event, zone), occasion, cancelled)

    def _replaces(self, event: Any, zone: str) -> tuple[date, int] | None:
        if "RECURRENCE-ID" not in event:
            return None
        one = event["RECURRENCE-ID"]
        if "RANGE" in one.params:
            raise _Fault("it changes all that follow (RANGE).", "End the old event, and make a new one for the rest.")
        return self._moment(one, zone)

    def _zone_of(self, value: Any) -> str:
        """A TZID that is not known must not be taken for our own zone."""
        if isinstance(value.dt, datetime) and value.dt.tzinfo is not None:
            return "UTC"
        if name := _named(value.params):
            return _known_zone(name)
        if not self.zone:
            because = "it does not say in which time zone it is meant."
            raise _Fault(because, "Write `zone: Europe/Berlin` beside the file's name in environments.yaml.")
        return self.zone

    def _moment(self, value: Any, zone: str) -> tuple[date, int]:
        """As the clocks of the zone show it."""
        return _shown(value.dt, value.params, zone)

    def _length(self, event: Any, zone: str, day: date, second: int) -> int:
        if "DTEND" in event and "DURATION" in event:
            raise _Fault("it has both DTEND and DURATION.", "Keep one of them.")
        whole = not isinstance(event["DTSTART"].dt, datetime)
        if "DURATION" in event:
            length = _seconds(event["DURATION"].dt)
        elif "DTEND" in event:
            last, at = self._moment(event["DTEND"], zone)
            length = (last - day).days * DAY + at - second
        else:
            length = DAY if whole else 0
        if length <= 0:
            raise _Fault("it ends no later than it begins.", "Give it a DTEND after its DTSTART.")
        return length

    def _further(self, event: Any, zone: str, length: int) -> Iterator[tuple[date, int, int]]:
        for value in _several(event, "RDATE"):
            yield from self._dates(value, zone, length)

    def _never(self, event: Any, zone: str, second: int) -> Iterator[tuple[date, int]]:
        """A day that is left out stands for the time on it."""
        for value in _several(event, "EXDATE"):
            timed = value.dts and isinstance(value.dts[0].dt, datetime)
            for day, at, _ in self._dates(value, zone, 0):
                yield day, at if timed else second

    def _dates(self, value: Any, zone: str, length: int) -> Iterator[tuple[date, int, int]]:
        self.dates += len(value.dts)
        if self.dates > MOST_DATES:
            raise _Fault(f"the file has more than {MOST_DATES} single dates.", "Let them repeat by a rule.")
        for one in value.dts:
            moment, lasting = (one.dt[0], one.dt[1]) if isinstance(one.dt, tuple) else (one.dt, None)
            day, second = _shown(moment, value.params, zone)
            yield day, second, length if lasting is None else _lasting(lasting, day, second, value.params, zone)

    def _repeats(self, event: Any, zone: str, day: date, second: int, length: int) -> Repeats | None:
        if "EXRULE" in event:
            raise _Fault("EXRULE is not read.", "Leave single dates out, with EXDATE.")
        rules = _several(event, "RRULE")
        if not rules:
            return None
        if len(rules) > 1:
            raise _Fault("it has more than one RRULE.", "Make an event of each.")
        if length > LONGEST_AGAIN:
            raise _Fault("it repeats, and lasts longer than a year.", "Write it as one that does not repeat.")
        return _repeats(rules[0], zone, day, second, self)


def _several(event: Any, name: str) -> Sequence[Any]:
    found = event.get(name, [])
    return found if isinstance(found, list) else [found]


def _shown(moment: Any, params: Mapping[str, Any], zone: str) -> tuple[date, int]:
    """What the zone's clocks show at a date, a time there, a time elsewhere, or one of UTC."""
    if not isinstance(moment, datetime):
        return _in_years(moment), 0
    name = _named(params)
    there = "UTC" if moment.tzinfo is not None else _known_zone(name) if name else zone
    day, second = moment.date(), moment.hour * 3600 + moment.minute * 60 + moment.second
    _in_years(day)
    if there == zone:
        return day, second
    return local(datetime.combine(day, moment.time(), ZoneInfo(there)).timestamp(), zone)


def _named(params: Mapping[str, Any]) -> str:
    """The zone that a property names."""
    return str(params.get(_ZONE, "")).strip('"')


def _in_years(day: date) -> date:
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise _Fault(f"{day} is too far away.", f"Years are {YEARS[0]} to {YEARS[1]}.")
    return day


def _lasting(lasting: Any, day: date, second: int, params: Mapping[str, Any], zone: str) -> int:
    """Of a period, which has a length or an end."""
    if isinstance(lasting, timedelta):
        return _seconds(lasting)
    last, at = _shown(lasting, params, zone)
    return (last - day).days * DAY + at - second


def _seconds(length: Any) -> int:
    if not isinstance(length, timedelta) or abs(length.days) > 366 * (YEARS[1] - YEARS[0]):
        raise _Fault("its DURATION cannot be understood.", "Write it as PT2H or P1D.")
    return round(length.total_seconds())


def _known_zone(name: str) -> str:
    """The zone's own name: programs also write Windows' names, and paths that end with it."""
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    parts = name.split("/")
    tried = (name, WINDOWS_TO_OLSON.get(name, ""), *("/".join(parts[n:]) for n in range(1, len(parts) - 1)))
    found = next((one for one in tried if zone_fault(one) is None), None)
    if found is None and name.upper() in ("Z", "GMT", "ETC/UTC", "UTC"):
        return "UTC"
    if found is None:
        raise _Fault(f"there is no time zone {name[:60]!r}.", "Give the event a zone such as Europe/Berlin.")
    return found


# --- rules ---


def _repeats(rule: Any, zone: str, day: date, second: int, reading: _Reading) -> Repeats:
    given = {str(name).upper(): values for name, values in rule.items()}
    if strange := sorted(set(given) - _PARTS):
        raise _Fault(f"its RRULE has {', '.join(strange)}, which is not read.", "Write it with days, weeks or months.")
    frequency = str(given.get("FREQ", [""])[0]).upper()
    if frequency not in set(Frequency):
        mend = "Windows repeat DAILY, WEEKLY, MONTHLY or YEARLY."
        raise _Fault(f"it repeats {frequency or 'without saying how often'}.", mend)
    found = Repeats(
        Frequency(frequency),
        interval=_numbers(given, "INTERVAL", 1, 1000, otherwise=(1,))[0],
        until=_until(given, zone, second),
        months=frozenset(_numbers(given, "BYMONTH", 1, 12)),
        month_days=frozenset(_numbers(given, "BYMONTHDAY", -31, 31)),
        year_days=frozenset(_numbers(given, "BYYEARDAY", -366, 366)),
        weekdays=frozenset(_weekday(one) for one in given.get("BYDAY", ())),
        positions=frozenset(_numbers(given, "BYSETPOS", -366, 366)),
        week_start=_weekday(given.get("WKST", ["MO"])[0])[1],
    )
    _refuse_intricate(found)
    if "COUNT" not in given:
        return found
    reading.counted += 1
    if found.until is not None or reading.counted > MOST_COUNTED:
        mend = f"Keep UNTIL; at most {MOST_COUNTED} events of a file have a COUNT."
        raise _Fault("its RRULE has both COUNT and UNTIL, or too many of the file have a COUNT.", mend)
    return replace(found, until=_last_of(found, day, _numbers(given, "COUNT", 1, MOST_TIMES)[0]))


def _numbers(
    given: Mapping[str, Sequence[Any]], name: str, least: int, most: int, otherwise: tuple[int, ...] = ()
) -> tuple[int, ...]:
    try:
        found = tuple(int(value) for value in given.get(name, otherwise))
    except (TypeError, ValueError) as error:
        raise _Fault(f"its RRULE has a {name} that is no number.") from error
    if any(not least <= number <= most or not number for number in found) or (not found and name in given):
        raise _Fault(f"its RRULE has a {name} that is not {least} to {most}.")
    return found


def _weekday(value: Any) -> tuple[int, int]:
    text = str(value).upper().lstrip("+")
    which, name = text[:-2], text[-2:]
    if name not in _WEEKDAYS or (which and not which.lstrip("-").isdigit()) or len(which) > 3:
        raise _Fault(f"its RRULE names the weekday {text[:20]!r}.", "They are MO to SU.")
    return int(which or 0), _WEEKDAYS.index(name)


def _until(given: Mapping[str, Sequence[Any]], zone: str, second: int) -> date | None:
    """The last day on which it may still begin."""
    if "UNTIL" not in given:
        return None
    end: date = given["UNTIL"][0]
    if not isinstance(end, datetime):
        return min(end, date(YEARS[1], 12, 31))
    if end.year > YEARS[1]:
        return date(YEARS[1], 12, 31)
    if end.tzinfo is None:
        day, last = end.date(), end.hour * 3600 + end.minute * 60 + end.second
    else:
        day, last = local(end.timestamp(), zone)
    return day if last >= second else day - timedelta(days=1)


def _refuse_intricate(rule: Repeats) -> None:
    mend = "Write it as several simpler events."
    by_period = rule.frequency in (Frequency.MONTHLY, Frequency.YEARLY)
    numbered = any(which for which, _ in rule.weekdays)
    if numbered and (not by_period or rule.month_days):
        raise _Fault("its RRULE counts weekdays where that has no meaning.", mend)
    if rule.month_days and rule.frequency is Frequency.WEEKLY:
        raise _Fault("its RRULE has days of the month in a week.", mend)
    others = rule.months or rule.month_days or rule.weekdays
    if rule.year_days and (rule.frequency is not Frequency.YEARLY or others):
        raise _Fault("its RRULE has days of the year beside others.", mend)


def _last_of(rule: Repeats, begins: date, count: int) -> date | None:
    """COUNT as the last day, so that nobody has to count from the beginning again; None: it is far away."""
    found = list(islice(days(begins, rule, begins, begins + COUNTED_FOR), count))
    return found[-1] if len(found) == count else None


# --- all of them ---


def _put_together(events: Iterable[_Event]) -> Iterator[Occasion]:
    """Those that stand for one time of another event take its place."""
    known = list(events)
    replaced: dict[str, set[tuple[date, int]]] = {}
    for event in known:
        if event.replaces is not None:
            replaced.setdefault(event.uid, set()).add(event.replaces)
    for event in known:
        if event.cancelled:
            continue
        occasion = event.occasion
        if event.replaces is None and event.uid in replaced:
            occasion = _without(occasion, replaced[event.uid])
        yield occasion


def _without(occasion: Occasion, times: set[tuple[date, int]]) -> Occasion:

    return replace(occasion, never=occasion.never | times)
