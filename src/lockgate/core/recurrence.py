"""Recurrence: on which days something happens again (RFC 5545, by day and slower).

It begins to count where it is asked from, not where it once began, so a rule of 1990 costs no more than one of today.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

ONE_DAY = timedelta(days=1)


class Frequency(StrEnum):
    """More often than once a day is not for windows of deployments."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


@dataclass(frozen=True, slots=True)
class Repeats:
    """A rule. What it leaves open is as on the day it begins."""

    frequency: Frequency
    interval: int = 1
    until: date | None = None
    """The last day on which it may happen; None: endless."""
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    """1 to 31, or -1 for the last one and so on."""
    year_days: frozenset[int] = frozenset()
    """1 to 366, or -1 for the last one and so on."""
    weekdays: frozenset[tuple[int, int]] = frozenset()
    """(which one in the month or year, or 0 for each; Monday is 0)."""
    positions: frozenset[int] = frozenset()
    """Which of the days of one period; none: all of them."""
    week_start: int = 0


def days(start: date, repeats: Repeats, since: date, until: date) -> Iterator[date]:
    """Those from ``since`` to ``until`` that the rule names, in order."""
    last = until if repeats.until is None else min(until, repeats.until)
    first = max(start, since)
    for period in _PERIODS[repeats.frequency](start, repeats, first, last):
        for day in _chosen(sorted(period), repeats.positions):
            if first <= day <= last:
                yield day


def _chosen(period: Sequence[date], positions: Iterable[int]) -> Sequence[date]:
    if not positions:
        return period
    places = {place - 1 if place > 0 else len(period) + place for place in positions}
    return [period[place] for place in sorted(places) if 0 <= place < len(period)]


def _daily(start: date, repeats: Repeats, first: date, last: date) -> Iterator[list[date]]:
    step = timedelta(days=repeats.interval)
    day = start + step * -(-(first - start).days // repeats.interval)
    while day <= last:
        yield [day] if _allowed(day, repeats) else []
        day += step


def _weekly(start: date, repeats: Repeats, first: date, last: date) -> Iterator[list[date]]:
    week = start - timedelta(days=(start.weekday() - repeats.week_start) % 7)
    step = timedelta(weeks=repeats.interval)
    week += step * max(0, (first - week) // step)
    wanted = {weekday for _, weekday in repeats.weekdays} or {start.weekday()}
    while week <= last:
        seven = (week + timedelta(days=n) for n in range(7))
        yield [day for day in seven if day.weekday() in wanted and day.month in (repeats.months or {day.month})]
        week += step


def _monthly(start: date, repeats: Repeats, first: date, last: date) -> Iterator[list[date]]:
    begun, wanted = _month(start), _month(first)
    month = begun + (wanted - begun) // repeats.interval * repeats.interval
    while month <= _month(last):
        year, number = divmod(month, 12)
        allowed = not repeats.months or number + 1 in repeats.months
        yield _of_month(year, number + 1, repeats, start.day) if allowed else []
        month += repeats.interval


def _yearly(start: date, repeats: Repeats, first: date, last: date) -> Iterator[list[date]]:
    year = start.year + (first.year - start.year) // repeats.interval * repeats.interval
    while year <= last.year:
        yield _of_year(year, repeats, start)
        year += repeats.interval


_PERIODS = {
    Frequency.DAILY: _daily,
    Frequency.WEEKLY: _weekly,
    Frequency.MONTHLY: _monthly,
    Frequency.YEARLY: _yearly,
}


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _allowed(day: date, repeats: Repeats) -> bool:
    if repeats.months and day.month not in repeats.months:
        return False
    if repeats.month_days and not repeats.month_days & {day.day, day.day - 1 - monthrange(day.year, day.month)[1]}:
        return False
    return not repeats.weekdays or day.weekday() in {weekday for _, weekday in repeats.weekdays}


def _of_month(year: int, month: int, repeats: Repeats, otherwise: int) -> list[date]:
    length = monthrange(year, month)[1]
    found = set(range(1, length + 1))
    if repeats.month_days:
        found &= {n if n > 0 else length + 1 + n for n in repeats.month_days}
    if repeats.weekdays:
        found &= {day.day for day in _on_weekdays(date(year, month, 1), length, repeats.weekdays)}
    if not repeats.month_days and not repeats.weekdays:
        found &= {otherwise}
    return [date(year, month, n) for n in found]


def _of_year(year: int, repeats: Repeats, start: date) -> list[date]:
    first, length = date(year, 1, 1), 365 + (monthrange(year, 2)[1] == 29)
    if repeats.year_days:
        numbers = {n if n > 0 else length + 1 + n for n in repeats.year_days}
        return [first + timedelta(days=n - 1) for n in numbers if 1 <= n <= length]
    if repeats.months or repeats.month_days:
        months = repeats.months or range(1, 13)
        return [day for month in months for day in _of_month(year, month, repeats, start.day)]
    if repeats.weekdays:
        return _on_weekdays(first, length, repeats.weekdays)
    return _of_month(year, start.month, repeats, start.day)


def _on_weekdays(first: date, length: int, wanted: Iterable[tuple[int, int]]) -> list[date]:
    """Of the days from the first on: each Friday, the second one, or the last one."""
    found: set[date] = set()
    for which, weekday in wanted:
        ahead = (weekday - first.weekday()) % 7
        every = [first + timedelta(days=n) for n in range(ahead, length, 7)]
        found.update(_chosen(every, (which,) if which else ()))
    return list(found)
