"""Trains and tasks over the API: made, started, looked at, done by who may."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lockgate.messages.people import MakeToken
from lockgate.server.app import make_app
from lockgate.server.token import Access
from lockgate.server.trains import TRAINS
from lockgate.store.database import open_store
from tests.engine.convoy import Convoy

STEPS = [
    {"kind": "task", "name": "announce", "assignee": "operators", "text": "Tell them.", "checklist": ["mail"]},
    {"kind": "deploy", "application": "api", "after": ["announce"]},
]
FRIDAY = {"name": "friday", "environment": "dev", "steps": STEPS}


class House:
    """A convoy behind the real application."""

    def __init__(self, convoy: Convoy, home: Path) -> None:
        self.convoy = convoy
        self._app = make_app(convoy.operations, Access(home))
        self._root = (home / "token").read_text().strip()

    def client(self, name: str = "") -> TestClient:
        token = self.convoy.person(name).people.token(name, MakeToken()).token if name else self._root
        return TestClient(self._app, base_url="http://127.0.0.1:7070", headers={"Authorization": f"Bearer {token}"})

    def says(self, who: str, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
        answer = self.client(who).post(path, json=body)
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
        convoy = Convoy(store)
        convoy.made("api", "2.0")
        yield House(convoy, tmp_path)


def test_a_train_is_made_started_and_ends(house: House) -> None:
    made = house.says("alice", "/v1/trains", FRIDAY, 201)
    assert (made["state"], [step["name"] for step in made["steps"]]) == ("created", ["announce", "api"])
    assert house.says("alice", "/v1/trains/friday/start", {})["starter"] == "alice"
    house.convoy.run(1)
    (task,) = house.client("bob").get("/v1/tasks").json()
    assert (task["id"], task["may"], task["state"]) == ("friday/announce", True, "waiting")
    ticked = house.says("bob", "/v1/tasks/friday/announce/tick", {"item": 1})
    assert ticked["items"][0]["by"] == "bob"
    house.says("bob", "/v1/tasks/friday/announce/done", {"comment": "sent"})
    house.convoy.run(30)
    told = house.client().get("/v1/trains/friday").json()
    assert told["state"] == "succeeded" and told["final"]
    assert [(step["who"], step["environment"], step["state"]) for step in told["steps"]] == [
        ("bob", "dev", "succeeded"), ("alice", "dev", "succeeded")
    ]  # fmt: skip
    kinds = [event["kind"] for event in told["timeline"]]
    assert {"task.done", "deployment.succeeded", "train.succeeded"} <= set(kinds)
    (listed,) = house.client().get("/v1/trains").json()
    assert listed["name"] == "friday" and listed["timeline"] == []


def test_nobody_does_a_task_who_may_not(house: House) -> None:
    only_people = {e.path for e in TRAINS if "Only for people" in e.about}
    assert only_people == {f"/v1/tasks/{{train}}/{{step}}/{name}" for name in ("tick", "done", "reject")}
    house.says("alice", "/v1/trains", FRIDAY, 201)
    house.says("alice", "/v1/trains/friday/start", {})
    house.convoy.run(1)
    for path, body in (("tick", {"item": 1}), ("done", {}), ("reject", {"reason": "no"})):
        for who in ("carol", ""):
            refused = house.says(who, f"/v1/tasks/friday/announce/{path}", {**body, "actor": "bob"}, 403)
            assert ("not proven" if not who else "is for operators") in refused["detail"]
    assert house.client().get("/v1/tasks/friday/announce").json()["items"] == [{"text": "mail", "by": "", "at": None}]


def test_what_is_wrong_is_told_and_changes_nothing(house: House) -> None:
    bad = house.says("alice", "/v1/trains", {**FRIDAY, "steps": [{"kind": "task", "name": "x"}]}, 422)
    assert {problem["field"] for problem in bad["problems"]} == {"steps[0].assignee", "steps[0].text"}
    assert house.client().get("/v1/trains").json() == []
    assert house.client().get("/v1/trains/friday").status_code == 404
    assert house.client().get("/v1/tasks/friday/x").status_code == 404
    house.says("alice", "/v1/trains", FRIDAY, 201)
    house.says("alice", "/v1/trains", FRIDAY, 409)
    assert house.says("bob", "/v1/trains/friday/abort", {"reason": "no"})["state"] == "aborted"
    house.says("bob", "/v1/trains/friday/start", {}, 409)
