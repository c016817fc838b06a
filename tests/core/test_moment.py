"""What clocks show, and the instants that stands for, also where they jump; never by the machine's own zone."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lockgate.core.errors import Invalid
from lockgate.core.moment import Clocks, instant_of, local, told, zone_fault

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Cairo",
    "Pacific/Apia",
    "UTC",
)
DAYS = some.dates(date(2000, 1, 1), date(2037, 12, 31))
SECONDS = some.integers(0, 86_399)


@pytest.fixture(params=["Pacific/Kiritimati", "America/Anchorage"])
def _machine_elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@given(some.sampled_from(ZONES), DAYS, SECONDS)
def test_an_instant_is_shown_as_what_it_was_made_from_unless_clocks_skip_it(zone: str, day: date, second: int) -> None:
    there = Clocks(zone)
    first, last = there.earliest(day, second), there.latest(day, second)
    assert first <= last
    shown = {local(first, zone), local(last, zone)}
    assert shown == {(day, second)} or (day, second) not in shown


@given(some.sampled_from(ZONES), DAYS, SECONDS)
def test_both_readings_are_those_of_the_zone_database(zone: str, day: date, second: int) -> None:
    naive = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(seconds=second)
    readings = {naive.replace(fold=fold).timestamp() for fold in (0, 1)}
    assert {Clocks(zone).earliest(day, second), Clocks(zone).latest(day, second)} == readings


def test_a_time_that_clocks_skip_has_an_earlier_and_a_later_reading() -> None:
    berlin, spring = Clocks("Europe/Berlin"), date(2027, 3, 28)
    assert berlin.earliest(spring, 9000) == at("2027-03-28T00:30:00+00:00")
    assert berlin.latest(spring, 9000) == at("2027-03-28T01:30:00+00:00")


def test_a_time_that_clocks_show_twice_is_an_hour_apart() -> None:
    berlin, autumn = Clocks("Europe/Berlin"), date(2026, 10, 25)
    assert berlin.latest(autumn, 9000) - berlin.earliest(autumn, 9000) == 3600


def test_seconds_beyond_midnight_are_those_of_the_next_day() -> None:
    assert Clocks("UTC").earliest(date(2026, 12, 31), 86_400 + 60) == at("2027-01-01T00:01:00+00:00")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-01 09:00 Europe/Berlin", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01T09:00+01:00", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01 09:00:30Z", "2026-12-01T09:00:30+00:00"),
        ("2026-07-01 09:00 Europe/Berlin", "2026-07-01T07:00:00+00:00"),
        ("2026-12-01 09:00 UTC", "2026-12-01T09:00:00+00:00"),
    ],
)
@pytest.mark.usefixtures("_machine_elsewhere")
def test_a_time_with_its_zone_is_one_instant_wherever_the_machine_is(text: str, instant: str) -> None:
    assert os.environ["TZ"] != "UTC"
    assert instant_of(text) == at(instant)
    assert told(instant_of(text), "Europe/Berlin").endswith(" Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("tomorrow", "'tomorrow' is not a time."),
        ("2026-12-01", "is not a time"),
        ("2026-13-01 09:00 UTC", "is not a time"),
        ("2026-12-01 25:00 UTC", "is not a time"),
        ("2026-12-01 09:00", "does not say in which time zone"),
        ("2026-12-01 09:00 Europe/Berlim", "there is no time zone 'Europe/Berlim'. Did you mean Europe/Berlin?"),
        ("2026-12-01 09:00 CET", "there is no time zone 'CET'"),
        ("2026-12-01 09:00 EST", "there is no time zone 'EST'"),
        ("2027-03-28 02:30 Europe/Berlin", "skip 2027-03-28 02:30"),
        ("2026-10-25 02:30 Europe/Berlin", "twice. Write 2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00."),
        ("2026-12-01 09:00 ../../etc/passwd", "is not a time"),
    ],
)
def test_a_time_that_is_not_one_instant_is_refused_with_a_sentence(text: str, because: str) -> None:
    with pytest.raises(Invalid) as refused:
        instant_of(text)
    assert because in str(refused.value)
    assert refused.value.problems[0].field == "--at"


@pytest.mark.parametrize(
    "name", ["localtime", "posixrules", "EST5EDT", "", "/etc/localtime", "posix/Europe/Berlin", "..\0"]
)
def test_names_that_mean_a_machine_or_no_place_are_no_zones(name: str) -> None:
    assert zone_fault(name) is not None


def test_a_zone_in_other_letters_is_named() -> None:
    assert zone_fault("europe/berlin") == ("there is no time zone 'europe/berlin'.", "Did you mean Europe/Berlin?")
    assert zone_fault("UTC") is None


def test_an_instant_is_told_with_its_weekday_and_zone() -> None:
    instant = datetime(2026, 12, 1, 8, tzinfo=UTC).timestamp()
    assert told(instant, "Europe/Berlin") == "Tue 2026-12-01 09:00 Europe/Berlin"
    assert told(instant) == "Tue 2026-12-01 08:00 UTC"
