"""Days that recur are those that dateutil names, from wherever one begins to look."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from dateutil import rrule
from hypothesis import given, settings
from hypothesis import strategies as some

from lockgate.core.recurrence import Frequency, Repeats, days

FREQUENCIES = {
    Frequency.DAILY: rrule.DAILY,
    Frequency.WEEKLY: rrule.WEEKLY,
    Frequency.MONTHLY: rrule.MONTHLY,
    Frequency.YEARLY: rrule.YEARLY,
}
WEEKDAYS = (rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU)


def parts(frequency: Frequency) -> some.SearchStrategy[dict[str, Any]]:
    """What may stand together in a rule of that frequency. dateutil takes ``1MO,TH`` for a Monday that is a Thursday,
    so numbered weekdays are not mixed with others here."""
    months = some.frozensets(some.integers(1, 12), max_size=3)
    month_days = some.frozensets(some.integers(-31, 31).filter(bool), max_size=3)
    each = some.frozensets(some.tuples(some.just(0), some.integers(0, 6)), max_size=3)
    numbered = some.frozensets(some.tuples(some.integers(-5, 5).filter(bool), some.integers(0, 6)), max_size=3)
    positions = some.frozensets(some.integers(-4, 4).filter(bool), max_size=2)
    plain: dict[str, some.SearchStrategy[Any]] = {"months": months}
    if frequency is Frequency.DAILY:
        return some.fixed_dictionaries({**plain, "month_days": month_days, "weekdays": each})
    if frequency is Frequency.WEEKLY:
        return some.fixed_dictionaries(
            {**plain, "weekdays": each, "week_start": some.integers(0, 6), "positions": positions}
        )
    with_days = some.fixed_dictionaries({**plain, "month_days": month_days, "weekdays": each, "positions": positions})
    with_numbers = some.fixed_dictionaries({**plain, "weekdays": numbered, "positions": positions})
    if frequency is Frequency.MONTHLY:
        return with_days | with_numbers
    year_days = some.frozensets(some.integers(-366, 366).filter(bool), min_size=1, max_size=3)
    return with_days | with_numbers | some.fixed_dictionaries({"year_days": year_days, "positions": positions})


RULES = some.sampled_from(Frequency).flatmap(lambda frequency: parts(frequency).map(lambda given: (frequency, given)))


def by_dateutil(start: date, repeats: Repeats, since: date, until: date) -> list[date]:
    """As the oracle has it. A rule with positions needs something to choose from, as ours does."""
    given: dict[str, Any] = {
        "bymonth": sorted(repeats.months) or None,
        "bymonthday": sorted(repeats.month_days) or None,
        "byyearday": sorted(repeats.year_days) or None,
        "byweekday": [WEEKDAYS[day](which) if which else WEEKDAYS[day] for which, day in sorted(repeats.weekdays)]
        or None,
        "bysetpos": sorted(repeats.positions) or None,
        "wkst": repeats.week_start,
    }
    if repeats.positions and not any(given[name] for name in ("bymonthday", "byyearday", "byweekday")):
        given["bysetpos"] = None
    begun = datetime(start.year, start.month, start.day)  # noqa: DTZ001
    end = datetime(until.year, until.month, until.day)  # noqa: DTZ001
    rule = rrule.rrule(FREQUENCIES[repeats.frequency], begun, interval=repeats.interval, until=end, **given)
    return [found.date() for found in rule if found.date() >= since]


@settings(max_examples=60, deadline=None)
@given(RULES, some.dates(date(1995, 1, 1), date(2027, 1, 1)), some.integers(1, 7), some.integers(0, 1500))
def test_a_rule_names_the_days_that_dateutil_names(
    rule: tuple[Frequency, Mapping[str, Any]], start: date, interval: int, ahead: int
) -> None:
    frequency, given = rule
    if given.get("positions") and not (given.get("month_days") or given.get("year_days") or given.get("weekdays")):
        given = {**given, "positions": frozenset()}
    repeats = Repeats(frequency, interval, **given)
    since = start + timedelta(days=ahead)
    until = since + timedelta(days=500)
    assert list(days(start, repeats, since, until)) == by_dateutil(start, repeats, since, until)


def test_a_rule_ends_on_its_last_day() -> None:
    daily = Repeats(Frequency.DAILY, until=date(2026, 1, 3))
    assert [day.day for day in days(date(2026, 1, 1), daily, date(2026, 1, 2), date(2027, 1, 1))] == [2, 3]


@pytest.mark.parametrize(
    ("repeats", "found"),
    [
        (Repeats(Frequency.YEARLY), [date(2028, 2, 29), date(2032, 2, 29)]),
        (Repeats(Frequency.YEARLY, months=frozenset({2}), month_days=frozenset({30})), []),
        (Repeats(Frequency.MONTHLY, 24), [date(2026, 2, 28)] * 0 + [date(2028, 2, 29), date(2032, 2, 29)]),
    ],
)
def test_a_day_that_a_month_does_not_have_is_left_out(repeats: Repeats, found: list[date]) -> None:
    assert list(days(date(2024, 2, 29), repeats, date(2025, 1, 1), date(2033, 1, 1))) == found
