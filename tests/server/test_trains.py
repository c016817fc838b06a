"""Trains and tasks over the API: made, started, looked at, done by who may."""

from lockgate.server.trains import TRAINS
from tests.server.yard import FRIDAY, Yard


def test_a_train_is_made_started_and_ends(yard: Yard) -> None:
    made = yard.says("alice", "/v1/trains", FRIDAY, 201)
    assert (made["state"], [step["name"] for step in made["steps"]]) == ("created", ["announce", "api"])
    assert yard.says("alice", "/v1/trains/friday/start", {})["starter"] == "alice"
    yard.convoy.run(1)
    (task,) = yard.client("bob").get("/v1/tasks").json()
    assert (task["id"], task["may"], task["state"]) == ("friday/announce", True, "waiting")
    ticked = yard.says("bob", "/v1/tasks/friday/announce/tick", {"item": 1})
    assert ticked["items"][0]["by"] == "bob"
    yard.says("bob", "/v1/tasks/friday/announce/done", {"comment": "sent"})
    yard.convoy.run(30)
    told = yard.client().get("/v1/trains/friday").json()
    assert told["state"] == "succeeded" and told["final"]
    assert [(step["who"], step["environment"], step["state"]) for step in told["steps"]] == [
        ("bob", "dev", "succeeded"), ("alice", "dev", "succeeded")
    ]  # fmt: skip
    kinds = [event["kind"] for event in told["timeline"]]
    assert {"task.done", "deployment.succeeded", "train.succeeded"} <= set(kinds)
    (listed,) = yard.client().get("/v1/trains").json()
    assert listed["name"] == "friday" and listed["timeline"] == []


def test_nobody_does_a_task_who_may_not(yard: Yard) -> None:
    only_people = {e.path for e in TRAINS if "Only for people" in e.about}
    assert only_people == {f"/v1/tasks/{{train}}/{{step}}/{name}" for name in ("tick", "done", "reject")}
    yard.says("alice", "/v1/trains", FRIDAY, 201)
    yard.says("alice", "/v1/trains/friday/start", {})
    yard.convoy.run(1)
    for path, body in (("tick", {"item": 1}), ("done", {}), ("reject", {"reason": "no"})):
        for who in ("carol", ""):
            refused = yard.says(who, f"/v1/tasks/friday/announce/{path}", {**body, "actor": "bob"}, 403)
            assert ("not proven" if not who else "is for operators") in refused["detail"]
    assert yard.client().get("/v1/tasks/friday/announce").json()["items"] == [{"text": "mail", "by": "", "at": None}]


def test_what_is_wrong_is_told_and_changes_nothing(yard: Yard) -> None:
    bad = yard.says("alice", "/v1/trains", {**FRIDAY, "steps": [{"kind": "task", "name": "x"}]}, 422)
    assert {problem["field"] for problem in bad["problems"]} == {"steps[0].assignee", "steps[0].text"}
    assert yard.client().get("/v1/trains").json() == []
    assert yard.client().get("/v1/trains/friday").status_code == 404
    assert yard.client().get("/v1/tasks/friday/x").status_code == 404
    yard.says("alice", "/v1/trains", FRIDAY, 201)
    yard.says("alice", "/v1/trains", FRIDAY, 409)
    assert yard.says("bob", "/v1/trains/friday/abort", {"reason": "no"})["state"] == "aborted"
    yard.says("bob", "/v1/trains/friday/start", {}, 409)
