"""Secrets over the API: they go in, and no answer has ever one in it."""

from dataclasses import replace

import msgspec
import pytest
from starlette.testclient import TestClient

from lockgate.core.environment import Catalogue
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.messages import Deploy
from lockgate.messages.secrets import KeyChangeView, SecretVersionView, SecretView
from tests.server.fleet import Fleet
from tests.server.test_api import fault

PATH = "/v1/secrets/dev/DB_PASS"


@pytest.fixture(autouse=True)
def reading(fleet: Fleet) -> None:
    secrets = {"DB_PASS": SecretSource(SecretStore.KEPT, "DB_PASS")}
    known = fleet.catalogue.environments
    fleet.catalogue = Catalogue({name: replace(one, secrets=secrets) for name, one in known.items()})


def test_a_secret_is_put_once_and_never_given_back(program: TestClient) -> None:
    first = program.put(PATH, json={"text": "hunter2", "actor": "ann"})
    again = program.put(PATH, json={"text": "hunter2", "actor": "bob"})
    assert (first.status_code, again.status_code) == (201, 200)
    told = msgspec.json.decode(first.content, type=SecretVersionView)
    assert (told.version, told.actor) == (1, "ann") and again.json() == first.json()
    answers = [first, again, program.get("/v1/secrets"), program.get(f"{PATH}/versions"), program.get("/v1/audit")]
    assert all("hunter2" not in answer.text for answer in answers)
    (listed,) = [v for v in msgspec.json.decode(answers[2].content, type=list[SecretView]) if v.environment == "dev"]
    assert (listed.version, listed.store) == (1, "kept")
    assert program.get(PATH).status_code == 405


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("/v1/secrets/nowhere/DB_PASS", {"text": "hunter2"}, 404, "There is no environment"),
        (PATH, {"text": ""}, 422, "it is empty"),
        (PATH, {}, 422, "text: it is missing"),
        (PATH, {"text": 5}, 422, "it must be text"),
        (PATH, {"text": "hunter2\x00"}, 422, "it holds a NUL character"),
        (PATH, {"text": "hunter2", "value": "hunter2"}, 422, "there is no such field"),
        ("/v1/secrets/dev/no%20name", {"text": "hunter2"}, 422, "not the name of a secret"),
    ],
)
def test_what_cannot_be_kept_is_refused_without_being_told(
    program: TestClient, path: str, body: dict[str, object], status: int, word: str
) -> None:
    refused = fault(program.put(path, json=body), status)
    assert word in refused.detail and "hunter2" not in str(refused)


def test_a_version_that_is_needed_stays_and_another_goes(program: TestClient, fleet: Fleet) -> None:
    for word in ("first", "second"):
        program.put(PATH, json={"text": word})
    release = fleet.release("1", secrets=("DB_PASS",))
    fleet.operations.deploy(Deploy("shop", "dev", release, actor="ann"))
    refused = fault(program.post(f"{PATH}/remove", json={"version": 2}), 409)
    assert "Version 2 of DB_PASS is needed" in refused.detail
    removed = program.post(f"{PATH}/remove", json={"version": 1, "actor": "bob"})
    assert removed.status_code == 200 and removed.json()["removed_by"] == "bob"
    versions = msgspec.json.decode(program.get(f"{PATH}/versions").content, type=list[SecretVersionView])
    assert [bool(version.needed) for version in versions] == [False, True]
    fault(program.post(f"{PATH}/remove", json={"version": 7}), 404)
    fault(program.get("/v1/secrets/dev/NOPE/versions"), 404)


def test_the_master_key_is_changed(program: TestClient) -> None:
    done = program.post("/v1/secrets/rotation", json={"reason": "yearly"})
    assert msgspec.json.decode(done.content, type=KeyChangeView).after == "two"


def test_a_page_of_another_site_sets_no_secret(browser: TestClient) -> None:
    assert browser.put(PATH, json={"text": "x"}).status_code == 201
    browser.headers["Sec-Fetch-Site"] = "cross-site"
    fault(browser.put(PATH, json={"text": "y"}), 403)
