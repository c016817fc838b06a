"""The calendar, slots and feeds on the command line."""

from pathlib import Path

import pytest

from lockgate.cli.calendar import calendar_lines
from lockgate.core.moment import instant_of
from lockgate.messages import CalendarEntry, CalendarView, FeedLink, FeedView, StandingView
from tests.cli import canned
from tests.cli.conftest import Run
from tests.cli.double import Double

BERLIN = "Europe/Berlin"
AT = instant_of("2026-12-01 09:00 Europe/Berlin")
FEED = FeedView("team", "prod", "", "ann", AT)
VIEW = CalendarView(
    AT,
    AT,
    AT + 86_400,
    (
        StandingView("dev", True, "dev is open at all times.", None),
        StandingView("prod", False, "prod is frozen until Thu.", AT + 7200, BERLIN),
    ),
    (
        CalendarEntry("open", "prod", AT, AT + 7 * 3600, "Mon-Thu 09:00-16:00", BERLIN),
        CalendarEntry("frozen", "prod", AT, AT + 2 * 86_400, "Stocktaking", BERLIN, exempt=("rollback",)),
        CalendarEntry("planned", "prod", AT + 60, None, "shop 2 (#2) to prod", BERLIN, "", "shop", "dep-9", "gated"),
    ),
    ("dep-9: prod is frozen then.",),
    ("holidays.ics:3: it is broken.",),
)


def test_the_calendar_is_told_in_the_zone_it_is_written_for() -> None:
    words = [one.words for one in calendar_lines(VIEW)]
    assert words[:2] == ["○ dev  dev is open at all times.", "■ prod  prod is frozen until Thu."]
    text = " ".join(" ".join(words).split())
    assert "Tue 2026-12-01 09:00 – 16:00 Europe/Berlin Mon-Thu 09:00-16:00" in text
    assert "Tue 2026-12-01 09:00 – Thu 2026-12-03 09:00 Europe/Berlin Stocktaking exempt: rollback" in text
    assert "dep-9 shop 2 (#2) to prod" in text
    assert "  ! dep-9: prod is frozen then." in words
    assert "  ✘ holidays.ics:3: it is broken." in words


def test_the_calendar_is_asked_for_an_environment_and_so_many_days(run: Run, double: Double) -> None:
    double.answers["GET", "/v1/calendar"] = VIEW
    assert run("calendar", "--environment", "prod", "--days", "60").code == 0
    assert double.last("GET").query == {"environment": "prod", "days": "60", "back": "0"}
    assert run("calendar", "--env", "prod", "--json").out.startswith("{")


def test_many_open_hours_are_not_all_listed() -> None:
    hours = tuple(CalendarEntry("open", "prod", AT + n * 86_400, AT + n * 86_400 + 60, "x") for n in range(45))
    words = [one.words for one in calendar_lines(CalendarView(AT, AT, AT, (), hours))]
    assert words[-1] == "  and 5 more"


def test_a_deployment_is_asked_for_at_a_time(run: Run, double: Double) -> None:
    planned = canned.GATED
    double.answers["POST", "/v1/deployments"] = planned
    ran = run("deploy", "--to", "prod", "--app", "shop", "--at", "2026-12-01 09:00 Europe/Berlin")
    assert ran.code == 0 and double.last().body["at"] == AT
    run("promote", "--to", "prod", "--app", "shop", "--next-window")
    assert double.last().body["next_window"] is True


@pytest.mark.parametrize("at", ["tomorrow", "2026-12-01 09:00", "2026-12-01 09:00 CET", "2027-03-28 02:30 Europe/Rome"])
def test_a_time_that_is_not_one_moment_is_refused_before_anything_is_asked(run: Run, double: Double, at: str) -> None:
    ran = run("deploy", "--to", "prod", "--app", "shop", "--at", at)
    assert ran.code == 2 and "--at" in ran.err
    assert double.received == []


def test_a_feed_is_made_listed_and_revoked(run: Run, double: Double) -> None:
    double.answers["POST", "/v1/feeds"] = FeedLink(FEED, "http://localhost:7070/v1/calendar.ics?token=once")
    double.answers["GET", "/v1/feeds"] = (FEED,)
    double.answers["POST", "/v1/feeds/team/revoke"] = {}
    made = run("feed", "create", "team", "--env", "prod")
    assert made.out.startswith("http://localhost:7070/v1/calendar.ics?token=once\n")
    assert double.last().body == {"name": "team", "environment": "prod", "application": "", "actor": "ann"}
    assert "team  prod" in run("feed", "list").out
    assert "opens nothing any more" in run("feed", "revoke", "team", "--reason", "She left").out


def test_check_reads_the_calendars_that_the_environments_name(run: Run, surroundings: Path) -> None:
    (surroundings / "environments.yaml").write_text(
        "environments: {prod: {windows: [{freeze: holidays.ics, zone: UTC}]}}\n"
    )
    assert "holidays.ics: there is no file" in run("check").err
    event = "BEGIN:VEVENT\nDTSTART:20260501T090000Z\nDURATION:PT1H\nRRULE:FREQ=SECONDLY\nEND:VEVENT\n"
    (surroundings / "holidays.ics").write_text(f"BEGIN:VCALENDAR\n{event}END:VCALENDAR\n")
    refused = run("check")
    assert refused.code == 2 and "holidays.ics:2: it repeats SECONDLY." in refused.err
    (surroundings / "holidays.ics").write_text(f"BEGIN:VCALENDAR\n{event.replace('SECONDLY', 'DAILY')}END:VCALENDAR\n")
    assert run("check").code == 0
