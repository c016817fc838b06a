"""The calendar over HTTP, and a feed whose link opens that feed and nothing else."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import icalendar
import pytest
from starlette.testclient import TestClient

from lockgate.core.calendar import Effect, Occasion, WindowRule
from lockgate.core.environment import Catalogue, Environment
from lockgate.messages import CalendarEntry, CalendarView
from lockgate.server.ics import calendar_text
from tests.server.fleet import Fleet

FEED = "/v1/calendar.ics"


@pytest.fixture
def ruled(fleet: Fleet) -> Fleet:
    """prod is frozen for two days, from yesterday on; dev is open."""
    yesterday = datetime.fromtimestamp(fleet.clock.now(), UTC).date() - timedelta(days=1)
    rule = WindowRule(
        Effect.FREEZE, "x", "UTC", (Occasion(yesterday, 0, 3 * 86_400, "UTC"),), "Stocktaking, and more; all"
    )
    known = fleet.catalogue.environments
    prod = Environment("prod", after="staging", windows=(rule,))
    fleet.catalogue = Catalogue({**known, "prod": prod})
    fleet.release_of("shop", "1")
    return fleet


def link(program: TestClient, **request: str) -> str:
    made = program.post("/v1/feeds", json={"name": "team", **request})
    assert made.status_code == 201
    parts = urlsplit(made.json()["url"])
    return f"{parts.path}?{parts.query}"


def events(text: str) -> list[icalendar.Event]:
    return list(icalendar.Calendar.from_ical(text).walk("VEVENT"))


def test_the_calendar_says_what_is_open_frozen_and_planned(ruled: Fleet, program: TestClient) -> None:
    at = ruled.clock.now() + 3600
    asked = program.post("/v1/deployments", json={"application": "shop", "environment": "dev", "at": at})
    assert asked.status_code == 201 and asked.json()["not_before"] == at
    view = program.get("/v1/calendar", params={"days": 5}).json()
    assert [(one["environment"], one["open"]) for one in view["environments"]] == [
        ("dev", True),
        ("staging", True),
        ("prod", False),
    ]
    assert [entry["kind"] for entry in view["entries"]] == ["frozen", "planned"]
    only = program.get("/v1/calendar", params={"environment": "dev"}).json()
    assert [entry["kind"] for entry in only["entries"]] == ["planned"]


@pytest.mark.parametrize(
    "query", [{"environment": "nowhere"}, {"days": "401"}, {"days": "-1"}, {"back": "999"}, {"dayz": "1"}]
)
def test_a_calendar_that_cannot_be_shown_is_refused(ruled: Fleet, program: TestClient, query: dict[str, str]) -> None:
    answer = program.get("/v1/calendar", params=query)
    assert answer.status_code in (404, 422) and answer.json()["detail"]


@pytest.mark.parametrize("at", [1.0, -1e300, 1e300, "soon"])
def test_a_slot_that_cannot_be_meant_is_refused(ruled: Fleet, program: TestClient, at: object) -> None:
    answer = program.post("/v1/deployments", json={"application": "shop", "environment": "dev", "at": at})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["field"] == "at"


def test_a_calendar_program_reads_the_feed_by_its_link_alone(ruled: Fleet, program: TestClient) -> None:
    path = link(program)
    del program.headers["Authorization"]
    answer = program.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/calendar")
    (frozen,) = events(answer.text)
    assert str(frozen["SUMMARY"]) == "prod: frozen, Stocktaking, and more; all"
    assert (frozen["DTEND"].dt - frozen["DTSTART"].dt) == timedelta(days=3)


def test_a_link_opens_the_feed_and_nothing_else(ruled: Fleet, program: TestClient) -> None:
    path = link(program, environment="dev")
    token = path.partition("=")[2]
    del program.headers["Authorization"]
    assert events(program.get(path).text) == []
    assert events(program.get(f"{path}&environment=prod").text) == []
    for other in ("/v1/calendar", "/v1/status", "/v1/feeds", "/v1/audit", f"{FEED}/"):
        assert program.get(other, params={"token": token}).status_code in (401, 404)
        assert program.get(other, headers={"Authorization": f"Bearer {token}"}).status_code in (401, 404)
    assert program.post(path).status_code in (401, 403, 405)
    assert program.get(FEED).status_code == 401
    assert program.get(FEED, params={"token": ""}).status_code == 401


def test_a_revoked_or_guessed_link_opens_nothing(ruled: Fleet, program: TestClient) -> None:
    path = link(program)
    assert program.post("/v1/feeds/team/revoke", json={"reason": "She left"}).status_code == 204
    assert program.get("/v1/feeds").json() == []
    del program.headers["Authorization"]
    for wrong in (path, f"{FEED}?token=guess", f"{FEED}?token=%00%ff"):
        answer = program.get(wrong)
        assert answer.status_code == 401
        assert "revoked" in answer.json()["detail"]


def test_who_is_known_reads_the_feed_without_a_token(ruled: Fleet, program: TestClient) -> None:
    assert len(events(program.get(FEED).text)) == 1
    assert events(program.get(FEED, params={"environment": "dev"}).text) == []


def test_a_feed_tells_of_past_deployments_too_and_keeps_their_names(told: Fleet, access: object) -> None:
    view = told.operations.calendar.view("", "", 90, 30)
    first, again = (calendar_text(view, "x") for _ in range(2))
    assert first == again
    kinds = {str(event["CATEGORIES"].to_ical().decode()) for event in events(first)}
    assert {"past", "under way"} <= kinds
    uids = [str(event["UID"]) for event in events(first)]
    assert len(uids) == len(set(uids)) > 3


@pytest.mark.parametrize("title", ["a,b;c\\d", "line\nbreak", "é" * 200, "\x00\x07", "BEGIN:VEVENT"])
def test_whatever_a_title_holds_the_file_is_one_that_others_read(title: str) -> None:
    entry = CalendarEntry("frozen", "prod", 1_800_000_000.0, 1_800_003_600.0, title)
    text = calendar_text(CalendarView(0.0, 0.0, 1.0, (), (entry,)), "name; with, marks")
    (event,) = events(text)
    wanted = "".join(c for c in title.replace("\n", "\\n") if c.isprintable()).replace("\\n", "\n")
    assert str(event["SUMMARY"]) == f"prod: frozen, {wanted}"
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
