"""The record over HTTP: entries and exports, statements, keys, and where a command came from."""

import json
from base64 import b64decode

import pytest
from starlette.testclient import TestClient

from lockgate.core.export import verify_export
from tests.server.fleet import Fleet
from tests.server.test_api import fault


@pytest.fixture
def deployment(fleet: Fleet) -> str:
    found = fleet.deploy_of("shop", fleet.release_of("shop", "1")).id
    fleet.work()
    return found


def test_entries_are_narrowed(program: TestClient, deployment: str) -> None:
    def kinds(**query: str) -> list[str]:
        view = program.get("/v1/audit", params=query).json()
        assert view["whole"] is True
        return [entry["kind"] for entry in view["entries"]]

    assert kinds(actor="ann") == ["release.created", "deployment.requested"]
    assert "deployment.succeeded" in kinds(actor="lockgate", environment="dev")
    assert kinds(application="docs") == []
    assert kinds(kind="release.created") == ["release.created"]
    assert kinds(limit="1", order="newest") == kinds()[-1:]
    assert kinds(since="4000000000") == [] and kinds(until="1") == []


def test_an_export_is_a_file_that_verifies(program: TestClient, fleet: Fleet, deployment: str) -> None:
    answer = program.get("/v1/audit/export")
    assert answer.headers["content-type"] == "application/jsonl"
    lines = answer.content.splitlines(keepends=True)
    report = verify_export(lines, fleet.signer.ring(), fleet.signer.verify)
    assert report.whole and report.entries == len(lines) - 1 > 3
    assert program.get("/v1/audit/verification").json()["whole"] is True
    assert program.get("/v1/audit/export?format=cef").text.startswith("CEF:0|")
    assert "one of" in fault(program.get("/v1/audit/export?format=xml"), 422).detail


def test_a_command_is_recorded_with_where_it_came_from(program: TestClient, fleet: Fleet) -> None:
    fleet.release_of("shop", "1")
    body = {"application": "shop", "environment": "dev"}
    program.post("/v1/deployments", json=body)
    program.post("/v1/deployments", json=body, headers={"X-Forwarded-For": "10.0.0.7, 10.0.0.8"})
    program.post("/v1/deployments", json=body, headers={"X-Forwarded-For": "forged\nline"[:6]})
    found = program.get("/v1/audit?kind=deployment.requested").json()["entries"]
    assert [entry["address"] for entry in found] == ["testclient", "testclient for 10.0.0.7", "testclient"]


def test_statements_are_given_out(program: TestClient, fleet: Fleet, deployment: str) -> None:
    envelope = program.get("/v1/releases/latest/statement?application=shop").json()
    said = json.loads(b64decode(envelope["payload"]))
    assert (said["_type"], said["predicateType"]) == ("https://in-toto.io/Statement/v1", "urn:lockgate:release:v1")
    said = json.loads(b64decode(program.get(f"/v1/deployments/{deployment}/statement").json()["payload"]))
    assert said["predicate"]["digest"] == program.get(f"/v1/deployments/{deployment}").json()["plan"]


def test_a_deployment_is_done_again(program: TestClient, fleet: Fleet, deployment: str) -> None:
    fleet.deploy_of("shop", fleet.release_of("shop", "2"))
    fleet.work()
    answer = program.post(f"/v1/deployments/{deployment}/redeploy", json={"reason": "again"})
    assert answer.status_code == 201
    assert answer.json()["plan"] == program.get(f"/v1/deployments/{deployment}").json()["plan"]
    fault(program.post("/v1/deployments/dep-99/redeploy", json={}), 404)


def test_keys_are_shown_and_rotated(program: TestClient, fleet: Fleet) -> None:
    before = program.get("/v1/keys").json()["keys"]
    after = program.post("/v1/keys/rotate", json={"reason": "a laptop was lost", "actor": "ann"}).json()["keys"]
    assert len(after) == len(before) + 1 and after[0]["until"] is not None and after[-1]["until"] is None
    assert "PRIVATE" not in program.get("/v1/keys").text
    assert program.get("/v1/audit").json()["entries"][-1]["kind"] == "key.rotated"
