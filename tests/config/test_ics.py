# ruff: noqa: E501  (content lines of calendars are as long as they are)
"""Calendar files: what they say happens when, and everything that is not understood is refused with its line."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as some

from lockgate.config.catalogue_file import CatalogueFile
from lockgate.config.ics import MOST_COUNTED, MOST_EVENTS, read_ics
from lockgate.core.calendar import Effect, Occasion, WindowRule
from lockgate.core.errors import Invalid
from lockgate.core.timetable import Timetable, expand

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def calendar(*events: str, head: str = "") -> str:
    inner = "".join(f"BEGIN:VEVENT\nUID:{number}\n{event}\nEND:VEVENT\n" for number, event in enumerate(events))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{head}{inner}END:VCALENDAR\n"


def spans(text: str, zone: str = "Europe/Berlin", effect: Effect = Effect.FREEZE) -> list[tuple[str, str]]:
    """In UTC, of 2026."""
    table = laid_out(read_ics(text, "x.ics", zone), effect)
    return [
        (f"{datetime.fromtimestamp(s.start, UTC):%m-%dT%H:%M}", f"{datetime.fromtimestamp(s.end, UTC):%m-%dT%H:%M}")
        for s in table.spans
    ]


def laid_out(occasions: tuple[Occasion, ...], effect: Effect = Effect.FREEZE) -> Timetable:
    rule = WindowRule(effect, "x.ics", "", occasions)
    return expand([rule], frozenset(), SINCE.timestamp(), UNTIL.timestamp())


def refused(text: str, zone: str = "Europe/Berlin") -> list[str]:
    with pytest.raises(Invalid) as fault:
        read_ics(text, "x.ics", zone)
    return [problem.sentence() for problem in fault.value.problems]


# --- what is read ---


def test_a_whole_day_is_a_day_of_the_zone() -> None:
    assert spans(calendar("DTSTART;VALUE=DATE:20260501")) == [("04-30T22:00", "05-01T22:00")]


def test_the_calendars_own_zone_counts_where_none_is_written() -> None:
    text = calendar("DTSTART;VALUE=DATE:20260501", head="X-WR-TIMEZONE:America/New_York\n")
    assert spans(text, "") == [("05-01T04:00", "05-02T04:00")]


@pytest.mark.parametrize("name", ["Europe/Berlin", "W. Europe Standard Time", "/a.program.example/Europe/Berlin"])
def test_zones_are_known_by_the_names_that_programs_give_them(name: str) -> None:
    assert spans(calendar(f"DTSTART;TZID={name}:20260501T090000\nDURATION:PT2H")) == [("05-01T07:00", "05-01T09:00")]


def test_it_repeats_with_what_is_left_out_put_in_and_moved() -> None:
    weekly = "DTSTART;TZID=Europe/Berlin:20260302T090000\nDTEND;TZID=Europe/Berlin:20260302T100000\nSUMMARY:Weekly\n"
    main = (
        weekly
        + "RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;TZID=Europe/Berlin:20260309T090000\nRDATE;TZID=Europe/Berlin:20260401T090000"
    )
    moved = (
        "DTSTART;TZID=Europe/Berlin:20260317T150000\nDURATION:PT1H\nRECURRENCE-ID;TZID=Europe/Berlin:20260316T090000"
    )
    text = calendar(main, moved).replace("UID:1", "UID:0")
    assert spans(text) == [
        ("03-02T08:00", "03-02T09:00"),
        ("03-17T14:00", "03-17T15:00"),
        ("03-23T08:00", "03-23T09:00"),
        ("04-01T07:00", "04-01T08:00"),
    ]


def test_a_cancelled_event_is_none() -> None:
    assert spans(calendar("DTSTART;VALUE=DATE:20260501\nSTATUS:CANCELLED")) == []


def test_an_empty_calendar_is_one() -> None:
    assert read_ics(calendar(), "x.ics") == ()


def test_alarms_descriptions_and_folded_lines_do_not_disturb() -> None:
    noise = "SUMMARY:Christ\n mas\\, all of it\nDESCRIPTION:DTSTART:19990101\nBEGIN:VALARM\nTRIGGER:nonsense\nDTSTART:x\nEND:VALARM"
    (found,) = read_ics(calendar(f"DTSTART;VALUE=DATE:20261224\n{noise}"), "x.ics", "UTC")
    assert (found.title, found.day) == ("Christmas, all of it", date(2026, 12, 24))


def test_a_rule_of_long_ago_costs_no_more_than_one_of_today() -> None:
    text = calendar("DTSTART:19700101T000000Z\nDURATION:PT1M\nRRULE:FREQ=DAILY")
    assert len(spans(text)) == 365


def test_the_machines_own_zone_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = calendar("DTSTART;VALUE=DATE:20260501", "DTSTART;TZID=Europe/Berlin:20260601T090000\nDURATION:PT1H")
    here = spans(text)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        assert spans(text) == here and os.environ["TZ"] != "UTC"
    finally:
        monkeypatch.undo()
        time.tzset()


RULES = some.sampled_from(
    [
        "FREQ=DAILY", "FREQ=DAILY;INTERVAL=3;COUNT=40", "FREQ=WEEKLY;BYDAY=MO,WE,FR", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU",
        "FREQ=MONTHLY", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=3,11;BYDAY=2SU", "FREQ=WEEKLY;UNTIL=20260601T090000Z", "FREQ=DAILY;UNTIL=20260401",
        "FREQ=DAILY;BYDAY=SA,SU;BYMONTH=6", "FREQ=YEARLY;BYYEARDAY=1,-1",
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    RULES, some.dates(date(2025, 6, 1), date(2026, 6, 1)), some.integers(0, 23), some.integers(1, 30), some.booleans()
)
def test_it_happens_when_another_reader_says_it_does(rule: str, day: date, hour: int, hours: int, whole: bool) -> None:
    """But for the hours in which clocks jump, where a freeze is never the shorter one."""
    if whole:
        when = f"DTSTART;VALUE=DATE:{day:%Y%m%d}\nDTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}"
        rule = rule.replace("T090000Z", "")
    else:
        rule = rule if "UNTIL=20260401" not in rule else "FREQ=DAILY;UNTIL=20260401T120000Z"
        when = f"DTSTART;TZID=Europe/Berlin:{day:%Y%m%d}T{hour:02}0000\nDURATION:PT{hours}H"
    text = calendar(f"{when}\nRRULE:{rule}")
    (occasion,) = read_ics(text, "x.ics", "Europe/Berlin")
    ours = [(span.start, span.end) for span in laid_out((occasion,)).spans]
    starts = {start for start, _ in ours}
    oracle = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(SINCE, UNTIL)
    for event in oracle:
        start, end = (instant(event[name].dt) for name in ("DTSTART", "DTEND"))
        assert any(one <= start and end <= two for one, two in ours), (start, end)
        starts -= {one for one in starts if abs(one - start) <= 3600}
    begun = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    left = [one for one in starts if SINCE.timestamp() < one < UNTIL.timestamp() - 86_400 and abs(one - begun) > 90_000]
    assert left == []


def instant(moment: date) -> float:
    if isinstance(moment, datetime):
        return moment.timestamp()
    return datetime(moment.year, moment.month, moment.day, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()


# --- what is refused ---

DAY = "DTSTART;VALUE=DATE:20260501"
HOUR = "DTSTART:20260501T090000Z\nDURATION:PT1H"


@pytest.mark.parametrize(
    ("event", "because"),
    [
        (f"{HOUR}\nRRULE:FREQ=SECONDLY", "x.ics:4: it repeats SECONDLY. Windows repeat DAILY, WEEKLY, MONTHLY or YEARLY."),
        (f"{HOUR}\nSUMMARY:Tick\nRRULE:FREQ=MINUTELY;INTERVAL=5", "x.ics:4: the event 'Tick': it repeats MINUTELY."),
        (f"{HOUR}\nRRULE:FREQ=HOURLY", "it repeats HOURLY"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;BYSECOND=0,1,2", "its RRULE has BYSECOND, which is not read."),
        (f"{HOUR}\nRRULE:FREQ=YEARLY;BYWEEKNO=20", "its RRULE has BYWEEKNO"),
        (f"{HOUR}\nRRULE:FREQ=FOO", "RRULE cannot be understood"),
        (f"{HOUR}\nRRULE:INTERVAL=2", "it repeats without saying how often"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;INTERVAL=0", "INTERVAL that is not 1 to 1000"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;COUNT=1000000000", "COUNT that is not 1 to 1000"),
        (f"{HOUR}\nRRULE:FREQ=DAILY;COUNT=3;UNTIL=20260601T000000Z", "both COUNT and UNTIL"),
        (f"{HOUR}\nRRULE:FREQ=WEEKLY;BYDAY=1MO", "counts weekdays where that has no meaning"),
        (f"{HOUR}\nRRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "more than one RRULE"),
        (f"{HOUR}\nEXRULE:FREQ=DAILY", "EXRULE is not read"),
        ("DTSTART:20260501T090000Z\nDURATION:P500D\nRRULE:FREQ=DAILY", "lasts longer than a year"),
        ("DTSTART:20261399T090000", "DTSTART cannot be understood"),
        ("DTSTART:99990101T090000Z\nDURATION:PT1H", "9999-01-01 is too far away"),
        ("SUMMARY:When?", "it does not say when it begins"),
        ("DTSTART:20260501T090000Z", "it ends no later than it begins"),
        ("DTSTART:20260501T090000Z\nDTEND:20260401T090000Z", "it ends no later than it begins"),
        ("DTSTART;TZID=Mars/Olympus:20260501T090000\nDURATION:PT1H", "there is no time zone 'Mars/Olympus'"),
        ("DTSTART;TZID=/etc/localtime:20260501T090000\nDURATION:PT1H", "there is no time zone"),
        (f"{HOUR}\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260501T090000Z", "it changes all that follow"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_a_sentence_and_its_line(event: str, because: str) -> None:
    (said,) = refused(calendar(event).replace("UID:0\n", ""))
    assert said.startswith("x.ics:4: ") and because in said


def test_every_faulty_event_is_named_with_its_line() -> None:
    said = refused(calendar(f"{HOUR}\nRRULE:FREQ=SECONDLY", HOUR, "SUMMARY:x"))
    assert [one.partition(" ")[0] for one in said] == ["x.ics:4:", "x.ics:15:"]


def test_a_time_without_a_zone_anywhere_is_refused() -> None:
    (said,) = refused(calendar(DAY), "")
    assert "it does not say in which time zone it is meant. Write `zone: Europe/Berlin`" in said
    (said,) = refused(calendar(DAY, head="X-WR-TIMEZONE:Nowhere/Land\n"), "")
    assert "time zone" in said


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "BEGIN:VCALENDAR\n", "END:VCALENDAR\n", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n", "\0" * 100,
     "BEGIN:VEVENT\nDTSTART:20260501\nEND:VEVENT\n", "BEGIN:VCALENDAR\n" * 5000, "BEGIN:VCALENDAR\nDTSTART;;;=:1\nEND:VCALENDAR\n" * 2,
     calendar("DTSTART" + ";X=1" * 30_000 + ":20260501")],
)  # fmt: skip
def test_what_is_no_calendar_is_refused_with_a_sentence(text: str) -> None:
    for said in refused(text):
        assert said.startswith("x.ics")


def test_a_calendar_that_is_too_much_is_refused_before_it_costs_anything() -> None:
    (said,) = refused(calendar(*["DTSTART:20260501T090000Z"] * (MOST_EVENTS + 1)))
    assert f"at most {MOST_EVENTS} are read" in said
    counted = refused(calendar(*[f"{HOUR}\nRRULE:FREQ=DAILY;COUNT=2"] * (MOST_COUNTED + 1)))
    assert len(counted) == 1 and "too many" in counted[0]
    dates = ",".join(f"2026{month:02}{day:02}" for month in range(1, 13) for day in range(1, 29))
    assert "single dates" in refused(calendar(*[f"{DAY}\nEXDATE;VALUE=DATE:{dates}"] * 31))[0]


@settings(max_examples=60, deadline=None)
@given(some.lists(some.tuples(some.integers(0, 400), some.binary(min_size=1, max_size=8)), min_size=1, max_size=4))
def test_however_a_file_is_mangled_it_is_read_or_refused(cuts: Sequence[tuple[int, bytes]]) -> None:
    data = calendar(f"{HOUR}\nRRULE:FREQ=WEEKLY;BYDAY=MO\nEXDATE:20260511T090000Z", DAY).encode()
    for place, put in cuts:
        data = data[:place] + put + data[place + len(put) :]
    try:
        laid_out(read_ics(data.decode(errors="replace"), "x.ics", "UTC"))
    except Invalid as fault:
        assert all(problem.because for problem in fault.problems)


# --- beside environments.yaml ---

ENVIRONMENTS = """\
environments:
  dev: {}
  prod:
    windows:
      - {freeze: holidays.ics, zone: Europe/Berlin, because: holidays}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "environments.yaml").write_text(ENVIRONMENTS)
    return tmp_path


def rule_of(catalogue: CatalogueFile) -> WindowRule:
    return catalogue().get("prod").windows[0]


def test_a_calendar_file_is_read_beside_the_environments_and_again_when_it_changes(folder: Path) -> None:
    (folder / "holidays.ics").write_text(calendar(DAY))
    catalogue = CatalogueFile(folder / "environments.yaml")
    first = rule_of(catalogue)
    assert [one.day for one in first.occasions] == [date(2026, 5, 1)] and not first.fault
    assert catalogue() is catalogue()
    (folder / "holidays.ics").write_text(calendar(DAY, "DTSTART;VALUE=DATE:20261224"))
    assert len(rule_of(catalogue).occasions) == 2


def test_a_faulty_calendar_freezes_its_environment_and_no_other_until_it_is_mended(folder: Path) -> None:
    catalogue = CatalogueFile(folder / "environments.yaml")
    assert rule_of(catalogue).fault.startswith("holidays.ics: there is no file")
    (folder / "holidays.ics").write_text(calendar(f"{HOUR}\nRRULE:FREQ=SECONDLY"))
    assert "holidays.ics:4: it repeats SECONDLY" in rule_of(catalogue).fault
    assert catalogue().get("dev").windows == ()
    (folder / "holidays.ics").write_bytes(b"\xff\xfe")
    assert "UTF-8" in rule_of(catalogue).fault
    (folder / "holidays.ics").write_bytes(b" " * (1024 * 1024 + 1))
    assert "larger than 1024 KiB" in rule_of(catalogue).fault
    (folder / "holidays.ics").write_text(calendar(DAY))
    assert not rule_of(catalogue).fault


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "holidays.ics")
    assert "is not a file" in rule_of(CatalogueFile(folder / "environments.yaml")).fault
