"""API v1: requests in, views and refusals out."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from lockgate.messages import DeploymentView, Explanation, Fault, ReleaseView, Status
from lockgate.server.app import ENDPOINTS
from lockgate.server.message import BODY_LIMIT
from tests.server.fleet import Fleet

RELEASE = {"definition": "-", "where": "lockgate.yaml", "folder": "/", "artifacts": {"": "pypi:shop==1"}}
ON_DEV = {"application": "shop", "environment": "dev"}


def fault(response: Any, status: int) -> Fault:
    """The refusal, checked to be one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    said = msgspec.json.decode(response.content, type=Fault)
    assert said.status == status and said.title and said.detail
    return said


def test_a_release_is_made_once_and_found_again(program: TestClient) -> None:
    first = program.post("/v1/releases", json=RELEASE)
    again = program.post("/v1/releases", json=RELEASE)
    assert (first.status_code, again.status_code) == (201, 200)
    release = msgspec.json.decode(first.content, type=ReleaseView)
    for name in (release.id, "%231", "1", "latest"):
        found = program.get(f"/v1/releases/{name}", params={"application": "shop"})
        assert msgspec.json.decode(found.content, type=ReleaseView).id == release.id
    assert len(program.get("/v1/releases").json()) == 1


def test_a_deployment_is_asked_for_and_explains_itself(program: TestClient, fleet: Fleet) -> None:
    program.post("/v1/releases", json=RELEASE)
    preview = program.post("/v1/previews", json=ON_DEV)
    assert preview.status_code == 200 and preview.json()["sentences"]
    assert program.get("/v1/deployments").json() == []
    created = program.post("/v1/deployments", json={**ON_DEV, "reason": "Because", "actor": "ann"})
    assert created.status_code == 201
    deployment = msgspec.json.decode(created.content, type=DeploymentView)
    fleet.work()
    told = program.get(f"/v1/deployments/{deployment.id}/explain")
    explanation = msgspec.json.decode(told.content, type=Explanation)
    assert explanation.deployment.state == "succeeded" and explanation.deployment.actor == "ann"
    assert explanation.sentences and explanation.timeline and explanation.commands
    status = msgspec.json.decode(program.get("/v1/status").content, type=Status)
    assert [e.name for e in status.environments] == ["dev", "staging", "prod"]
    assert next(r for r in status.rows if r.environment == "dev").ready == 2


def test_promoting_rolling_back_and_lifting(program: TestClient, fleet: Fleet) -> None:
    for version in ("1", "2"):
        fleet.deploy_of("shop", fleet.release_of("shop", version))
        fleet.work()
    promoted = program.post("/v1/promotions", json={"application": "shop", "environment": "prod"})
    assert promoted.status_code == 201
    rolled = program.post("/v1/rollbacks", json={**ON_DEV, "reason": "It is slow"})
    assert rolled.status_code == 201 and rolled.json()["kind"] == "rollback"
    barred = program.get("/v1/quarantines").json()
    assert [b["because"] for b in barred] == ["It is slow"]
    lift = {**ON_DEV, "release": barred[0]["release"], "reason": "It was the network"}
    lifted = program.post("/v1/quarantines/lift", json=lift)
    assert lifted.status_code == 204 and lifted.content == b""
    assert program.get("/v1/quarantines").json() == []
    audit = program.get("/v1/audit").json()
    assert audit["whole"] is True and audit["entries"][-1]["kind"] == "quarantine.lifted"


@pytest.mark.parametrize("want", ["pause", "abort"])
def test_a_waiting_deployment_can_be_asked_with_or_without_a_body(program: TestClient, fleet: Fleet, want: str) -> None:
    deployment = fleet.deploy_of("shop", fleet.release_of("shop", "1")).id
    bare = program.post(f"/v1/deployments/{deployment}/{want}")
    assert bare.status_code == 200 and bare.json()["want"] == want
    assert program.post(f"/v1/deployments/{deployment}/resume", json={"reason": "Go on"}).status_code == 200


def test_deployments_are_narrowed_by_state(program: TestClient, fleet: Fleet) -> None:
    fleet.deploy_of("shop", fleet.release_of("shop", "1"))
    assert len(program.get("/v1/deployments?state=pending,gated&state=ready").json()) == 1
    assert program.get("/v1/deployments?state=failed").json() == []
    said = fault(program.get("/v1/deployments?state=broken"), 422)
    assert "'broken'" in said.detail and "rolled_back" in said.detail


def test_health_needs_no_token(stranger: TestClient) -> None:
    assert stranger.get("/healthz").json()["status"] == "ok"


def test_every_fault_of_a_message_is_named_at_once(program: TestClient) -> None:
    body = {"aplication": "shop", "environment": 3, "urgent": "yes"}
    said = fault(program.post("/v1/deployments", json=body), 422)
    assert {p["field"] for p in said.problems} == {"aplication", "application", "environment", "urgent"}
    assert "Did you mean application?" in said.detail
    assert "environment: it must be text; it is a number." in said.detail
    assert "urgent: it must be true or false; it is text." in said.detail


def test_a_wrong_value_inside_an_object_is_named_by_its_path(program: TestClient) -> None:
    said = fault(program.post("/v1/releases", json={**RELEASE, "artifacts": {"web": 1}}), 422)
    assert [p["field"] for p in said.problems] == ["artifacts.web"]
    said = fault(program.post("/v1/releases", json={**RELEASE, "artifacts": ["web"]}), 422)
    assert "artifacts: it must be an object of texts; it is a list." in said.detail


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'"text"', b"[]", b"[" * 100_000, b'{"application": "\\ud800"}', b"\x00"]
)
def test_what_is_not_a_json_object_is_refused(program: TestClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert fault(program.post("/v1/deployments", content=body, headers=headers), 422).code == "invalid"


def test_text_with_a_nul_is_refused_and_a_backslash_is_not(program: TestClient) -> None:
    said = fault(program.post("/v1/deployments", json={**ON_DEV, "reason": "a\x00b"}), 422)
    assert "NUL" in said.detail
    program.post("/v1/releases", json=RELEASE)
    assert program.post("/v1/deployments", json={**ON_DEV, "reason": "a\\u0000b"}).status_code == 201


def test_a_body_of_another_kind_is_refused(program: TestClient) -> None:
    said = fault(program.post("/v1/deployments", data={"application": "shop"}), 415)
    assert "application/x-www-form-urlencoded" in said.detail
    fault(program.post("/v1/deployments", content=b"{}"), 415)


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused(program: TestClient, announced: bool) -> None:
    big = json.dumps({**ON_DEV, "reason": "x" * BODY_LIMIT}).encode()
    content: Any = big if announced else iter([big[: BODY_LIMIT // 2], big[BODY_LIMIT // 2 :]])
    response = program.post("/v1/deployments", content=content, headers={"Content-Type": "application/json"})
    assert str(BODY_LIMIT) in fault(response, 413).detail


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limt=3", "Did you mean limit?"),
        ("limit=many", "it must be a whole number"),
        ("limit=-1", "it must be a whole number"),
        ("limit=%D9%A3", "it must be a whole number"),
        ("limit=1001", "it must be 1000 or less"),
        ("after=1&after=2", "it is given more than once"),
        ("colour=red", "Those there are:"),
    ],
)
def test_a_query_that_means_nothing_is_refused_by_name(program: TestClient, query: str, words: str) -> None:
    assert words in fault(program.get(f"/v1/events?{query}"), 422).detail


def test_logs_read_on_from_where_each_instance_was(program: TestClient, fleet: Fleet) -> None:
    fleet.deploy_of("shop", fleet.release_of("shop", "1"))
    fleet.work()
    instance = program.get("/v1/status").json()["rows"][0]["instances"][0]["id"]
    place = {"application": "shop", "environment": "dev"}
    answer = program.get("/v1/logs", params={**place, f"after.{instance}": "7"})
    assert answer.json()["next"][instance] == 7
    assert "after.web" in fault(program.get("/v1/logs", params={**place, "after.web": "x"}), 422).detail
    fault(program.get("/v1/logs", params={**place, "after.": "1"}), 422)


def test_what_is_not_there_is_told_with_what_is(program: TestClient) -> None:
    said = fault(program.post("/v1/deployments", json={"application": "shop", "environment": "lab"}), 404)
    assert said.code == "not-found" and "dev, staging, prod" in said.detail
    assert fault(program.get("/v1/nothing"), 404).detail == "There is nothing at this address."
    fault(program.delete("/v1/status"), 405)


def test_what_contradicts_the_state_of_things_is_a_conflict(program: TestClient, fleet: Fleet) -> None:
    deployment = fleet.deploy_of("shop", fleet.release_of("shop", "1")).id
    fleet.work()
    said = fault(program.post(f"/v1/deployments/{deployment}/pause", json={}), 409)
    assert deployment in said.detail


@pytest.mark.parametrize("given", ["message", "header", "neither"])
def test_the_actor_is_of_the_message_else_the_header_else_the_local_user(
    program: TestClient, fleet: Fleet, given: str
) -> None:
    fleet.release_of("shop", "1")
    body = {**ON_DEV, "actor": "message"} if given == "message" else ON_DEV
    headers = {} if given == "neither" else {"X-Lockgate-Actor": "header"}
    actor = program.post("/v1/deployments", json=body, headers=headers).json()["actor"]
    assert actor == given or (given == "neither" and actor not in ("", "message", "header"))


def test_an_actor_that_would_forge_a_line_is_refused(program: TestClient) -> None:
    assert "actor" in fault(program.post("/v1/deployments", json={**ON_DEV, "actor": "ann\nroot: hi"}), 422).detail


def test_nothing_of_a_mistake_of_ours_is_told_but_its_reference(
    program: TestClient, fleet: Fleet, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    fleet.catalogue = None  # type: ignore[assignment]  # the engine will trip over it
    said = fault(program.get("/v1/environments"), 500)
    assert said.code == "internal" and "NoneType" not in said.detail
    assert said.detail.rpartition(" ")[2].strip(".") in caplog.text


def test_every_row_of_the_table_is_served(program: TestClient) -> None:
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("{id}", "dep-0").replace("{name}", "none")
        answer = program.request(endpoint.method, path, json={} if endpoint.takes else None)
        assert answer.status_code not in (401, 405, 500), (endpoint, answer.text)
        assert "There is nothing at this address." not in answer.text
