"""Windows in words."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.calendar import Effect, Occasion, WindowExemption, WindowRule
from lockgate.core.opening_hours import MOST, told
from lockgate.core.recurrence import Frequency, Repeats

ZONE = "Europe/Berlin"
DAY = Occasion(date(2026, 12, 24), 0, 3 * 86400, ZONE, "Christmas")


def of_file(*occasions: Occasion) -> WindowRule:
    return WindowRule(Effect.FREEZE, "holidays.ics", "", occasions, file="holidays.ics")


def test_each_time_of_a_file_is_told() -> None:
    yearly = Occasion(date(2026, 1, 1), 12 * 3600, 3600, ZONE, "New Year", repeats=Repeats(Frequency.YEARLY))
    first, second = told(of_file(DAY, yearly))
    assert first == "frozen from 2026-12-24 00:00 until 2026-12-27 00:00 Europe/Berlin, by holidays.ics: Christmas"
    assert second.startswith("frozen from 2026-01-01 12:00 until 2026-01-01 13:00 Europe/Berlin, each year (version ")
    assert second.endswith("), by holidays.ics: New Year")


def test_what_a_freeze_lets_in_and_why_are_told() -> None:
    rule = WindowRule(
        Effect.FREEZE, "2026-12-24 .. 2026-12-26", ZONE, (DAY,), "nobody is there.", frozenset({WindowExemption.URGENT})
    )
    (words,) = told(rule)
    assert words.endswith("until 2026-12-27 00:00 Europe/Berlin: Christmas, nobody is there (lets in urgent)")


def test_a_calendar_that_is_not_known_counts_as_frozen() -> None:
    rule = WindowRule(Effect.OPEN, "open.ics", file="open.ics", fault="open.ics: it is not there.")
    assert told(rule) == ("counts as frozen, because it is not known: open.ics: it is not there",)


@given(st.integers(0, 27), st.integers(MOST - 2, MOST + 2))
def test_no_other_time_is_told_in_the_same_words(day: int, count: int) -> None:
    several = tuple(Occasion(date(2026, month % 12 + 1, 1), month, 60, ZONE) for month in range(count))
    other = (*several[:-1], Occasion(date(2027, 1, day + 1), 0, 60, ZONE))
    assert told(of_file(*several)) != told(of_file(*other))
