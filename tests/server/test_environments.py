"""API v1 of environments: what one is, who says so, and how two sides differ."""

import msgspec
import pytest
from starlette.testclient import TestClient

from lockgate.config.environments_file import read_catalogue
from lockgate.messages.environments import ComparisonView, EnvironmentDetail, WhyView
from tests.server.fleet import Fleet

FILE = """\
organisation: {owner: platform, values: {limit: 250}}
environments:
  dev: {listen: 8081, replicas: {shop/web: 3}}
  prod: {after: dev, listen: 8082, values: {limit: 1000}}
"""


@pytest.fixture
def placed(fleet: Fleet) -> Fleet:
    fleet.catalogue = read_catalogue(FILE).value
    return fleet


def test_an_environment_with_what_it_inherits(placed: Fleet, program: TestClient) -> None:
    found = msgspec.json.decode(program.get("/v1/environments/prod").content, type=EnvironmentDetail)
    assert (found.name, found.owner, found.values) == ("prod", "platform", {"limit": "1000"})
    assert found.fields["values.limit"].overridden[0].level == "organisation"
    assert program.get("/v1/environments/qa").status_code == 404
    assert [one["name"] for one in program.get("/v1/environments").json()] == ["dev", "prod"]


@pytest.mark.parametrize("field", ["limit", "values.limit"])
def test_who_says_so(placed: Fleet, program: TestClient, field: str) -> None:
    found = msgspec.json.decode(program.get(f"/v1/environments/prod/why/{field}").content, type=WhyView)
    assert found.sentences == (
        "values.limit is 1000: written in environment prod (environments.yaml:4); organisation says 250 (line 1).",
    )


def test_a_field_may_have_a_slash_in_it(placed: Fleet, program: TestClient) -> None:
    found = program.get("/v1/environments/dev/why/replicas.shop%2Fweb").json()
    assert list(found["fields"]) == ["replicas.shop/web"]


def test_two_sides(placed: Fleet, program: TestClient) -> None:
    answer = program.get("/v1/comparisons", params={"left": "dev", "right": "prod"})
    found = msgspec.json.decode(answer.content, type=ComparisonView)
    assert "values.limit: 250 in dev, 1000 in prod." in found.sentences and not found.same
    assert {one.kind for one in found.differences} >= {"configuration", "rule"}


def test_two_releases(placed: Fleet, program: TestClient) -> None:
    sides = {side: placed.release_of("shop", version) for side, version in (("left", "1"), ("right", "2"))}
    found = program.get("/v1/comparisons", params=sides).json()
    assert found["left"] == "shop 1 (#1)" and found["differences"][0]["kind"] == "release"


@pytest.mark.parametrize(
    ("left", "right", "status"),
    [
        ("dev@soon", "prod", 422),
        ("qa", "prod", 404),
        ("rel-0", "prod", 422),
        ("rel-0", "rel-1", 404),
        ("", "prod", 422),
    ],
)
def test_what_is_no_side_is_refused(placed: Fleet, program: TestClient, left: str, right: str, status: int) -> None:
    answer = program.get("/v1/comparisons", params={"left": left, "right": right})
    assert answer.status_code == status and answer.json()["detail"]
