"""Moments: what the clocks of a zone show, and the instants that stands for.

Twice a year a zone's clocks jump. A time that they skip, or show twice, stands for two instants: whoever asks says
whether the earlier or the later one is meant. The machine's own zone is never looked at.
"""

import re
from datetime import date, datetime, time
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import Instant

DAY = 86400
"""Seconds that a day has on paper; where clocks jump it has more or fewer."""

_EPOCH = date(1970, 1, 1).toordinal()


@cache
def _names() -> frozenset[str]:
    """``Europe/Berlin`` and such. Names without a place (``EST``, ``CET``) mean different things in different years."""
    return frozenset(name for name in available_timezones() if "/" in name) | {"UTC"}


def zone_fault(name: str) -> tuple[str, str] | None:
    """Why it is not the name of a zone, and the way to mend it; None: it is one."""
    if name in _names():
        return None
    found = get_close_matches(name, sorted(_names()), n=1, cutoff=0.6)
    lowered = {known.lower(): known for known in _names()}
    near = lowered.get(name.lower()) or (found[0] if found else "")
    mend = f"Did you mean {near}?" if near else "Write a place, such as Europe/Berlin or America/New_York, or UTC."
    return f"there is no time zone {name[:60]!r}.", mend


class Clocks:
    """Of one zone. Remembers the days on which they do not jump, which is nearly all of them."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._offsets: dict[int, float | None] = {}

    def earliest(self, day: date, second: int) -> Instant:
        """The first instant that so many seconds after that day's midnight can mean."""
        return min(self._both(day, second))

    def latest(self, day: date, second: int) -> Instant:
        return max(self._both(day, second))

    def _both(self, day: date, second: int) -> tuple[Instant, Instant]:
        ordinal = day.toordinal() + second // DAY
        second %= DAY
        offset = self._offset(ordinal)
        if offset is not None:
            at = (ordinal - _EPOCH) * DAY + second - offset
            return at, at
        shown = time(second // 3600, second // 60 % 60, second % 60)
        moment = datetime.combine(date.fromordinal(ordinal), shown, self._zone)
        return moment.timestamp(), moment.replace(fold=1).timestamp()

    def _offset(self, ordinal: int) -> float | None:
        """Of the whole day; None: the clocks jump."""
        if ordinal not in self._offsets:
            day = date.fromordinal(ordinal)
            ends = (time.min, time(23, 59, 59))
            moments = [datetime.combine(day, end, self._zone).replace(fold=fold) for end in ends for fold in (0, 1)]
            offsets = {moment.utcoffset() for moment in moments}
            (found, *more) = offsets
            self._offsets[ordinal] = None if more or found is None else found.total_seconds()
        return self._offsets[ordinal]


@cache
def clocks(zone: str) -> Clocks:
    return Clocks(zone)


def local(at: Instant, zone: str) -> tuple[date, int]:
    """The day, and the seconds since its midnight that the clocks there show."""
    shown = datetime.fromtimestamp(at, ZoneInfo(zone))
    return shown.date(), shown.hour * 3600 + shown.minute * 60 + shown.second


def told(at: Instant, zone: str = "UTC") -> str:
    """``Tue 2026-12-01 09:00 Europe/Berlin``"""
    shown = datetime.fromtimestamp(at, ZoneInfo(zone or "UTC"))
    seconds = f"{shown:%S}" if shown.second else ""
    return f"{shown:%a %Y-%m-%d %H:%M}{':' + seconds if seconds else ''} {zone or 'UTC'}"


_WRITTEN = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?) ?"
    r"(?:(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})|(?P<zone>[A-Za-z][A-Za-z0-9_+/-]*))?",
    re.ASCII,
)
_FORM = "Write it as 2026-12-01 09:00 Europe/Berlin, or as 2026-12-01T09:00+01:00."


def instant_of(text: str, where: str = "command line", field: str = "--at") -> Instant:
    """What somebody wrote, with the zone that it is meant in. Raises :class:`Invalid` for a time without one, in a zone
    that there is not, or that the clocks there skip or show twice."""

    def refused(because: str, mend: str) -> Invalid:
        return Invalid([Problem(where, None, field, because, mend)])

    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise refused(f"{text[:60]!r} is not a time.", _FORM)
    try:
        shown = datetime.fromisoformat(f"{found['day']}T{found['time']}{found['offset'] or '+00:00'}")
    except ValueError as error:
        raise refused(f"{text[:60]!r} is not a time: {error}.", _FORM) from error
    if found["offset"]:
        return shown.timestamp()
    if not found["zone"]:
        raise refused(f"{text!r} does not say in which time zone it is meant.", _FORM)
    zone = "UTC" if found["zone"] in ("Z", "z", "utc") else found["zone"]
    if fault := zone_fault(zone):
        raise refused(*fault)
    there = clocks(zone)
    second = shown.hour * 3600 + shown.minute * 60 + shown.second
    first, last = there.earliest(shown.date(), second), there.latest(shown.date(), second)
    if first == last:
        return first
    if local(first, zone) != (shown.date(), second):
        raise refused(f"the clocks of {zone} skip {found['day']} {found['time']}.", "Write a time before or after it.")
    both = " or ".join(datetime.fromtimestamp(at, ZoneInfo(zone)).isoformat(timespec="minutes") for at in (first, last))
    raise refused(f"the clocks of {zone} show {found['day']} {found['time']} twice.", f"Write {both}.")
