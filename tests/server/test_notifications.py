"""Notifications over the API."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from lockgate.core.notification import Channel, Delivery, NotificationRule, Service, Standing
from lockgate.testing.samples import NOON
from tests.server.fleet import Fleet


@pytest.fixture(autouse=True)
def channels(fleet: Fleet) -> None:
    channels = {
        "team": Channel("team", Service.SLACK),
        "mail": Channel("mail", Service.EMAIL, {"smtp": "m.x:25"}, ("a@b.c",)),
    }
    fleet.catalogue = replace(fleet.catalogue, channels=channels, notify=(NotificationRule("team", ("all",)),))


def settled(fleet: Fleet, name: str, state: Standing, because: str = "") -> None:
    fleet.store.deliveries.post(
        Delivery(f"ntf-{name}-team", "team", NOON, NOON, about=name, state=state, because=because)
    )


def test_channels_are_told_with_their_rules(program: TestClient) -> None:
    team, mail = program.get("/v1/channels").json()
    assert (team["name"], team["service"], team["rules"]) == ("team", "slack", ["everywhere: all"])
    assert (mail["about"], mail["rules"], mail["last"]) == ("to a@b.c by m.x:25", [], "")


def test_deliveries_are_listed_by_channel_state_and_id(program: TestClient, fleet: Fleet) -> None:
    settled(fleet, "1", Standing.DEAD, "404.")
    settled(fleet, "2", Standing.DELIVERED)
    assert [one["id"] for one in program.get("/v1/notifications").json()] == ["ntf-2-team", "ntf-1-team"]
    assert [one["because"] for one in program.get("/v1/notifications?state=dead").json()] == ["404."]
    assert program.get("/v1/notifications?channel=mail").json() == []
    assert [one["id"] for one in program.get("/v1/notifications?id=ntf-1-team").json()] == ["ntf-1-team"]
    assert program.get("/v1/notifications?state=lost").status_code == 422


def test_a_test_is_recorded_with_who_asked(program: TestClient, fleet: Fleet) -> None:
    answer = program.post("/v1/notifications/test", json={"channel": "team", "actor": "ann"})
    assert (answer.status_code, answer.json()["state"]) == (201, "waiting")
    event = fleet.store.history.audit(0, 10)[-1].event
    assert (event.kind, event.actor) == ("notification.test_asked", "ann")
    assert program.post("/v1/notifications/test", json={"channel": "nope"}).status_code == 404


def test_the_dead_are_tried_again(program: TestClient, fleet: Fleet) -> None:
    settled(fleet, "1", Standing.DEAD)
    settled(fleet, "2", Standing.DELIVERED)
    answer = program.post("/v1/notifications/retry", json={"ids": ["ntf-1-team"], "reason": "up again"})
    assert [(one["id"], one["state"]) for one in answer.json()] == [("ntf-1-team", "waiting")]
    assert program.post("/v1/notifications/retry", json={}).status_code == 404
    assert program.post("/v1/notifications/retry", json={"ids": "all"}).json()["problems"][0]["because"] == (
        "it must be a list of texts; it is text."
    )


def test_dead_letters_are_a_problem_of_the_status_and_told_by_the_doctor(program: TestClient, fleet: Fleet) -> None:
    assert program.get("/v1/status").json()["problems"] == []
    settled(fleet, "1", Standing.DEAD, "404.")
    because = "1 notification was given up on the channel team, the last of them because: 404."
    assert program.get("/v1/status").json()["problems"] == [because]
    told = {one["subject"]: one for one in program.get("/v1/doctor").json()}
    assert (told["channel team"]["usable"], told["channel team"]["because"]) == (False, because)
    assert told["channel mail"]["usable"]


def test_the_door_is_shut_to_strangers(stranger: TestClient) -> None:
    for path in ("/v1/channels", "/v1/notifications"):
        assert stranger.get(path).status_code == 401
    assert stranger.post("/v1/notifications/test", json={"channel": "team"}).status_code == 401
