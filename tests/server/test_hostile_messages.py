"""Whatever a message says, it is taken or refused with a sentence; nothing that somebody sends is a fault of ours."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from starlette.testclient import TestClient

from lockgate.ports import Policies
from lockgate.server.app import ENDPOINTS, make_app
from lockgate.server.endpoint import Endpoint
from lockgate.server.token import Access
from lockgate.store.database import open_store
from tests.engine.governed import GovernedRig

NUMBERS = ("1e308", "-1e308", "1e19", "253402300800", "-62135596801", "1e400", "1e-320", "9223372036854775808", "-0.0")
TEXTS = ("\\ud800", "\\u202e", "\\u0000", "x" * 70_000, "../../etc/passwd", "\\n\\r", "{0.__class__}", "%s%n", "'; --")
OTHERS = ("null", "[]", "{}", '"7"', "true", "[[]]", '{"a": {"b": []}}')

TAKING = [e for e in ENDPOINTS if e.takes is not None]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, policies: Policies) -> Iterator[TestClient]:
    """Somebody who has signed in, and may do what a person may."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    with open_store(f"sqlite:///{folder}/lockgate.db") as store:
        rig = GovernedRig(store, policies)
        rig.deploy(rig.release("1"))
        rig.run(5)
        access = Access(folder)
        app = make_app(rig.operations, access)
        with TestClient(app, base_url="http://127.0.0.1:7070", follow_redirects=False) as found:
            found.headers["Authorization"] = f"Bearer {(folder / 'token').read_text().strip()}"
            found.headers["Content-Type"] = "application/json"
            yield found


def plausible(hint: Any, name: str) -> str:
    """JSON of a value that would be understood."""
    known = {"application": '"shop"', "environment": '"dev"', "release": '"latest"', "until": "1800000100.0"}
    if name in known:
        return known[name]
    kinds = {str: '"a"', bool: "false", float: "1.5", int: "1"}
    for one in (hint, *get_args(hint)):
        if one in kinds:
            return kinds[one]
    return "{}" if "Mapping" in str(hint) or "dict" in str(hint) else "[]"


def bodies(endpoint: Endpoint) -> Iterator[str]:
    """One field of it hostile, the others plausible."""
    assert endpoint.takes is not None
    hints = get_type_hints(endpoint.takes)
    whole = {one.name: plausible(hints[one.name], one.name) for one in fields(endpoint.takes)}
    for name in whole:
        for value in (*NUMBERS, *(f'"{text}"' for text in TEXTS), *OTHERS):
            yield "{" + ", ".join(f'"{n}": {value if n == name else v}' for n, v in whole.items()) + "}"


@pytest.mark.parametrize("endpoint", TAKING, ids=lambda e: f"{e.method} {e.path}")
def test_no_field_of_any_message_harms_the_server(client: TestClient, endpoint: Endpoint) -> None:
    path = endpoint.path
    for name, value in (("id", "dep-1"), ("name", "latest"), ("train", "t"), ("step", "s"), ("environment", "dev")):
        path = path.replace("{" + name + "}", value)
    for body in bodies(endpoint):
        answer = client.request(endpoint.method, path, content=body.encode("utf-8", "surrogatepass"))
        assert answer.status_code < 500, f"{body[:300]}\n{answer.text[:500]}"
        if answer.status_code >= 400:
            assert ". " in answer.json()["detail"] + " ", "no sentence"
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("due", [number for number in NUMBERS if float(number) not in (0.0, float("1e-320"))])
def test_a_task_that_is_due_when_nobody_lives_is_refused(client: TestClient, due: str) -> None:
    step = f'{{"kind": "task", "name": "look", "assignee": "alice", "text": "Look.", "due": {due}}}'
    answer = client.post("/v1/trains", content=f'{{"name": "n", "environment": "dev", "steps": [{step}]}}')
    assert answer.status_code == 422
    assert due == "1e400" or due == "9223372036854775808" or "due" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/v1/status", "/v1/events", "/v1/audit?limit=1000", "/v1/trains", "/v1/calendar", "/v1/inbox"]
)
def test_what_was_taken_can_still_be_shown(client: TestClient, path: str) -> None:
    """Behind the others: what they were let to write down breaks no page."""
    assert client.get(path).status_code == 200
