"""Documents attached over HTTP, findings and waivers, inventory both ways: the real engine, a real store."""

import json
from typing import Any

from starlette.testclient import TestClient

from lockgate.core.evidence import MAX_BYTES
from tests.server.fleet import Fleet

SBOM = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "components": [{"name": "openssl", "version": "3.0.7", "purl": "pkg:deb/debian/openssl@3.0.7?arch=amd64"}],
}


def attach(program: TestClient, document: object, release: str = "latest", **query: str) -> Any:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    asked = {"application": "shop", "file": "it.json", **query}
    return program.post(f"/v1/releases/{release}/evidence", params=asked, content=body)


def test_a_document_is_attached_once(program: TestClient, fleet: Fleet) -> None:
    release = fleet.release_of("shop", "1.0")
    first = attach(program, SBOM, release)
    assert first.status_code == 201
    view = first.json()
    assert (view["format"], view["roles"], view["packages"], view["release"]) == ("cyclonedx", ["contents"], 1, release)
    assert attach(program, SBOM, release).status_code == 200
    listed = program.get(f"/v1/releases/{release}/evidence", params={"application": "shop"}).json()
    assert [one["name"] for one in listed] == ["it.json"]
    (told,) = [e for e in program.get("/v1/audit").json()["entries"] if e["kind"] == "release.attached"]
    assert told["because"] == "it.json (cyclonedx: contents) was attached to shop 1.0 (#1)."


def test_what_is_no_document_is_refused_by_name_and_nothing_is_kept(program: TestClient, fleet: Fleet) -> None:
    fleet.release_of("shop", "1.0")
    for body in (b"", b"hello", b"[]", b"{}", b'{"bomFormat": "CycloneDX", "specVersion": "0.9"}', b'{"a":' * 90_000):
        answer = attach(program, body)
        assert answer.status_code == 422, body
        assert answer.json()["detail"].startswith("it.json: ")
    assert program.get("/v1/releases/latest/evidence", params={"application": "shop"}).json() == []
    assert fleet.documents.kept == {}


def test_another_kind_than_was_said_is_refused(program: TestClient, fleet: Fleet) -> None:
    fleet.release_of("shop", "1.0")
    answer = attach(program, SBOM, kind="trivy")
    assert answer.status_code == 422
    assert "expected trivy, found cyclonedx" in answer.json()["detail"]
    assert attach(program, SBOM, kind="word").status_code == 422


def test_a_document_that_is_too_large_is_refused_before_it_is_read(program: TestClient, fleet: Fleet) -> None:
    fleet.release_of("shop", "1.0")
    answer = program.post(
        "/v1/releases/latest/evidence",
        params={"application": "shop"},
        content=b"{}",
        headers={"Content-Length": str(MAX_BYTES + 1)},
    )
    assert answer.status_code == 413
    streamed = program.post(
        "/v1/releases/latest/evidence", params={"application": "shop"}, content=(b" " * 2**20 for _ in range(65))
    )
    assert streamed.status_code == 413
    assert "Attach one document for each component" in streamed.json()["detail"]
    assert program.get("/healthz").status_code == 200


def test_an_unknown_release_is_not_found(program: TestClient, fleet: Fleet) -> None:
    assert attach(program, SBOM, "rel-000000000000").status_code == 404


def test_findings_are_waived_for_a_while(program: TestClient, fleet: Fleet) -> None:
    fleet.release_of("shop", "1.0")
    found = [
        {"VulnerabilityID": "CVE-2026-1", "PkgName": "openssl", "InstalledVersion": "3.0.7", "Severity": "CRITICAL"}
    ]
    report = {"SchemaVersion": 2, "ArtifactName": "shop:1", "Results": [{"Target": "x", "Vulnerabilities": found}]}
    assert attach(program, report).status_code == 201
    before = program.get("/v1/findings", params={"application": "shop"}).json()
    assert before["counts"]["critical"] == {"open": 1, "fixable": 0, "waived": 0}
    given = {"vulnerability": "CVE-2026-1", "until": fleet.clock.now() + 60, "reason": "Not reachable", "actor": "ann"}
    assert program.post("/v1/waivers", json=given).status_code == 201
    waived = program.get("/v1/findings", params={"application": "shop"}).json()
    assert waived["counts"]["critical"]["waived"] == 1 and waived["open"] == []
    fleet.clock.pass_by(61)
    after = program.get("/v1/findings", params={"application": "shop"}).json()
    assert after["counts"]["critical"]["open"] == 1
    assert [one["vulnerability"] for one in after["expired"]] == ["CVE-2026-1"]
    assert program.post("/v1/waivers/remove", json={"vulnerability": "CVE-2026-1"}).status_code == 204
    assert program.post("/v1/waivers/remove", json={"vulnerability": "CVE-2026-1"}).status_code == 404
    assert program.get("/v1/waivers").json() == []


def test_a_waiver_needs_an_end_and_a_reason(program: TestClient, fleet: Fleet) -> None:
    for until, reason in ((0, "x"), (fleet.clock.now() + 9e9, "x"), (fleet.clock.now() + 60, " ")):
        answer = program.post("/v1/waivers", json={"vulnerability": "CVE-1", "until": until, "reason": reason})
        assert answer.status_code == 422
    unknown = {"vulnerability": "CVE-1", "until": fleet.clock.now() + 60, "reason": "x", "environment": "moon"}
    assert program.post("/v1/waivers", json=unknown).status_code == 404


def test_what_runs_is_found_from_both_ends(program: TestClient, fleet: Fleet) -> None:
    release = fleet.release_of("shop", "1.0")
    attach(program, SBOM, release)
    deployment = fleet.deploy_of("shop", release)
    fleet.work()
    began = fleet.clock.now()
    (row,) = program.get("/v1/inventory", params={"environment": "dev"}).json()["running"]
    assert (row["release"], row["deployment"], row["by"], row["until"]) == (release, deployment.id, "ann", None)
    assert row["instances"] == 2 and row["observed_at"] is not None
    for what in (
        "openssl",
        "openssl@3.0.7",
        "openssl 3.0.7",
        "pkg:deb/debian/openssl@3.0.7",
        release,
        "pypi:shop==1.0",
    ):
        found = program.get("/v1/where", params={"what": what}).json()
        assert {one["environment"] for one in found["running"]} == {"dev", "staging"}, what
    assert program.get("/v1/where", params={"what": "openssl@3.0.8"}).json()["running"] == []
    fleet.clock.pass_by(3600)
    second = fleet.release_of("shop", "2.0")
    fleet.deploy_of("shop", second)
    fleet.work()
    assert program.get("/v1/where", params={"what": "openssl"}).json()["running"] == []
    ever = program.get("/v1/where", params={"what": "openssl", "ever": "yes"}).json()["running"]
    assert [(one["environment"], one["until"] is None) for one in ever] == [("dev", False), ("staging", False)]
    past = program.get("/v1/inventory", params={"environment": "dev", "at": int(began) + 1}).json()
    assert [one["release"] for one in past["running"]] == [release]
    assert program.get("/v1/inventory", params={"environment": "dev", "at": int(began) - 3000}).json()["running"] == []


def test_what_cannot_be_looked_for_is_refused(program: TestClient, fleet: Fleet) -> None:
    assert program.get("/v1/where", params={"what": " "}).status_code == 422
    assert program.get("/v1/where", params={"what": "pkg:nonsense"}).status_code == 422
    assert program.get("/v1/inventory", params={"environment": "moon"}).status_code == 404
    future = {"environment": "dev", "at": int(fleet.clock.now()) + 60}
    assert program.get("/v1/inventory", params=future).status_code == 422
