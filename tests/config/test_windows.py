"""Windows as they are written become spans of the zone that they are written for."""

from datetime import UTC, datetime

import pytest

from lockgate.config.environments_file import read_catalogue
from lockgate.core.calendar import ROLLBACKS, Effect, WindowExemption
from lockgate.core.environment import Environment
from lockgate.core.timetable import expand

SINCE, UNTIL = (datetime(2026, 11, 23, tzinfo=UTC).timestamp(), datetime(2026, 11, 30, tzinfo=UTC).timestamp())
"""From a Monday to the next."""


def environment(fields: str) -> Environment:
    return read_catalogue(f"environments: {{prod: {{{fields}}}}}").value.environments["prod"]


def spans(times: str, effect: str = "open", zone: str = "UTC") -> list[str]:
    rules = environment(f'windows: [{{{effect}: "{times}", zone: {zone}}}]').windows
    table = expand(rules, ROLLBACKS, SINCE, UNTIL)
    return [f"{shown(span.start)} {shown(span.end)}" for span in table.spans]


def shown(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%d.%H:%M}"


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ("Mon-Wed 09:00-16:00", ["23.09:00 23.16:00", "24.09:00 24.16:00", "25.09:00 25.16:00"]),
        ("Tue, Fri 9:00 - 10:30", ["24.09:00 24.10:30", "27.09:00 27.10:30"]),
        ("monday 00:00-24:00", ["23.00:00 24.00:00"]),
        ("Wed", ["25.00:00 26.00:00"]),
        ("Fri 22:00-06:00", ["27.22:00 28.06:00"]),
        ("Sun-Mon 12:00-13:00", ["23.12:00 23.13:00", "29.12:00 29.13:00"]),
        ("2026-11-24", ["24.00:00 25.00:00"]),
        ("2026-11-24 .. 2026-11-25", ["24.00:00 26.00:00"]),
        ("2026-11-24 18:00 .. 2026-11-25 08:00", ["24.18:00 25.08:00"]),
        ("2026-11-24T18:00 .. 2026-11-25", ["24.18:00 26.00:00"]),
    ],
)
@pytest.mark.parametrize("effect", list(Effect))
def test_days_hours_and_dates_are_what_they_say(times: str, found: list[str], effect: Effect) -> None:
    assert spans(times, effect) == found


def test_every_day_is_all_seven() -> None:
    assert len(spans("daily 09:00-10:00")) == len(spans("every day 09:00-10:00")) == 7


def test_hours_are_those_of_the_zone() -> None:
    assert spans("Wed 09:00-10:00", zone="America/New_York") == ["25.14:00 25.15:00"]


def test_what_is_exempt_is_rollbacks_unless_something_else_is_written() -> None:
    assert environment("").exempt == ROLLBACKS
    assert environment("exempt: []").exempt == frozenset()
    assert environment("exempt: [rollback, urgent]").exempt == frozenset(WindowExemption)
    (rule,) = environment("windows: [{freeze: '2026-12-24', zone: UTC, exempt: []}]").windows
    assert rule.exempt == frozenset()
    (rule,) = environment("windows: [{freeze: '2026-12-24', zone: UTC, because: Christmas}]").windows
    assert rule.exempt is None and rule.because == "Christmas"


def test_a_file_that_nobody_has_read_yet_is_a_fault_and_not_an_empty_calendar() -> None:
    (rule,) = environment("windows: [{freeze: holidays.ics}]").windows
    assert (rule.file, rule.fault) == ("holidays.ics", "holidays.ics: it has not been read.")
