"""Policies over the API: listed, a rule checked, a deployment tried."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from lockgate.config.policies import starter
from lockgate.core.policy import PolicyUse
from lockgate.drivers.policies.worker import CelPolicies
from tests.server.fleet import Fleet


@pytest.fixture(autouse=True)
def closed(fleet: Fleet) -> object:
    yield
    judge = fleet.panel.policies
    assert isinstance(judge, CelPolicies)
    judge.close()


def test_the_starter_set_is_there(program: TestClient) -> None:
    names = [one["name"] for one in program.get("/v1/policies").json()]
    assert names == list(starter())


def test_a_rule_is_checked(program: TestClient) -> None:
    told = program.post("/v1/policies/check", json={"rule": 'environment.teir == "x"', "message": "no"}).json()
    (problem,) = told["problems"]
    assert (problem["field"], problem["line"]) == ("rule", 1)
    assert problem["because"] == "at character 13: an environment has no field 'teir'."
    good = program.post("/v1/policies/check", json={"rule": 'environment.name == "x"'})
    assert good.json() == {"problems": []}


def test_a_bomb_is_a_problem_and_the_server_goes_on(program: TestClient) -> None:
    rule = f'"{"a" * 1000}".replace("a", "{"b" * 900}").replace("b", "{"c" * 900}") == ""'
    (problem,) = program.post("/v1/policies/check", json={"rule": rule}).json()["problems"]
    assert "1 GiB" in problem["because"]
    assert program.get("/healthz").json()["status"] == "ok"


def test_a_deployment_is_tried(program: TestClient, fleet: Fleet) -> None:
    dev = replace(fleet.catalogue.get("dev"), policies=(PolicyUse("soaked"),), rules=(starter()["images-by-digest"],))
    fleet.catalogue = replace(fleet.catalogue, environments={**fleet.catalogue.environments, "dev": dev})
    release = fleet.release_of("shop", "2.0.0")
    told = program.post(
        "/v1/policies/try", json={"application": "shop", "environment": "dev", "release": release}
    ).json()
    assert (told["answer"], told["answers"][0]["policy"]) == ("pass", "images-by-digest")
    assert told["facts"]["release"]["version"] == "2.0.0"
    missing = program.post("/v1/policies/try", json={"application": "shop", "environment": "nowhere"})
    assert missing.status_code == 404
