"""A secret that programs and people repeat is told by nothing that leaves the server or is written down by it.

It is planted in every place where a text comes in from outside: what an instance prints, what a check finds, what an
error of an outside system says, what somebody gives as a reason. The engine, the store, the door for secrets and the
whole API with its event stream and pages are the real ones.
"""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from lockgate.core.application import CommandCheck, HttpCheck
from lockgate.core.deployment import Want
from lockgate.core.environment import Catalogue, Promote
from lockgate.core.errors import Unavailable
from lockgate.core.people import Caller
from lockgate.core.secret import Secret, SecretSource, SecretStore
from lockgate.core.verification import HttpAnswer
from lockgate.drivers.custody import Custody
from lockgate.drivers.disguises import disguises
from lockgate.drivers.master_key import MasterKeyFile
from lockgate.drivers.redactor import RedactingFormatter, Redactor
from lockgate.drivers.secrets.kept import KeptSecrets
from lockgate.engine import life
from lockgate.messages import Deploy
from lockgate.messages.people import AddPerson
from lockgate.messages.trains import CreateTrain, FinishTask, StartTrain, StepDraft, Tick
from lockgate.ports import LogChunk, Phase, Polled
from lockgate.server.app import make_app
from lockgate.server.redacted import redacted as discreet
from lockgate.server.stream import Interest, Tail, as_api
from lockgate.server.token import Access
from lockgate.store.database import open_store
from lockgate.store.redacted import redacted
from tests.server.conftest import signed_in
from tests.server.fleet import Fleet

HUNTER = 'hunter2/Ärger+"quoted"\\n'
KEPT = SecretSource(SecretStore.KEPT, "DB_PASS")
TALK = ("as it is", "in JSON", "in a URL", "in Base64", "behind a name, in Base64")


def said(secret: str, how: str) -> str:
    """What a careless program would print."""
    import base64

    return {
        "as it is": f"cannot sign in with {secret}!",
        "in JSON": f"request was {json.dumps({'password': secret})}",
        "in a URL": f"GET /login?password={quote(secret, safe='')}&x=1",
        "in Base64": base64.b64encode(secret.encode()).decode(),
        "behind a name, in Base64": "Basic " + base64.b64encode(f"shop:{secret}".encode()).decode(),
    }[how]


@dataclass
class Place:
    """A whole server in a folder, and what can be heard of it."""

    fleet: Fleet
    program: TestClient
    browser: TestClient
    folder: Path
    redactor: Redactor
    log: io.StringIO = field(default_factory=io.StringIO)

    def run(self, **changes: Any) -> str:
        """A deployment to its end; its id."""
        release = self.fleet.release("1", secrets=("DB_PASS",), **changes)
        deployment = self.fleet.operations.deploy(Deploy("shop", "dev", release, actor="ann")).id
        self.fleet.work()
        return deployment

    def heard(self, deployment: str) -> bytes:
        """Everything there is to hear and to read."""
        paths = ["status", "events?limit=1000", "audit?limit=1000", "quarantines", "deployments", "releases", "secrets"]
        paths += [f"deployments/{deployment}", f"deployments/{deployment}/explain", "secrets/dev/DB_PASS/versions"]
        paths += ["logs?application=shop&environment=dev", "environments"]
        answers = [self.program.get(f"/v1/{path}").content for path in paths]
        pages = [self.browser.get(path).content for path in ("/", f"/deployments/{deployment}", "/events", "/releases")]
        plan = str(self.fleet.plan(deployment)).encode()
        files = [path.read_bytes() for path in self.folder.rglob("*") if path.is_file() and path.name != "master"]
        return b"\n".join([*answers, *pages, plan, *files, self.log.getvalue().encode()])


@contextmanager
def a_place(folder: Path, secret: str) -> Iterator[Place]:
    redactor = Redactor()
    with open_store(f"sqlite:///{folder}/lockgate.db") as bare:
        store = redacted(bare, redactor.masked)
        kept = KeptSecrets(store.data_keys, store.secrets, MasterKeyFile(folder / "keys" / "master"), redactor)
        fleet = Fleet(store, Custody(kept, None, redactor), redactor.masked)
        fleet.operations = replace(fleet.operations, secrets=replace(fleet.operations.secrets, box=kept))
        with_secret = {n: replace(e, secrets={"DB_PASS": KEPT}) for n, e in fleet.catalogue.environments.items()}
        fleet.catalogue = Catalogue({n: replace(e, promote=Promote.ON_DEMAND) for n, e in with_secret.items()})
        access = Access(folder)
        app = make_app(discreet(fleet.operations, redactor.masked), access)
        with (
            TestClient(app, base_url="http://127.0.0.1:7070", follow_redirects=False) as program,
            TestClient(app, base_url="http://127.0.0.1:7070", follow_redirects=False) as browser,
        ):
            program.headers["Authorization"] = f"Bearer {(folder / 'token').read_text().strip()}"
            place = Place(fleet, program, signed_in(browser, access), folder, redactor)
            with logged(place):
                body = {"text": secret, "actor": "ann"}
                assert program.put("/v1/secrets/dev/DB_PASS", json=body).status_code == 201
                yield place


@contextmanager
def logged(place: Place) -> Iterator[None]:
    handler = logging.StreamHandler(place.log)
    handler.setFormatter(RedactingFormatter(place.redactor, "%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("lockgate")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with a_place(tmp_path, HUNTER) as found:
        yield found


def nowhere(secret: str, heard: bytes) -> None:
    """In none of the forms it has."""
    for form in disguises(secret):
        at = heard.find(form.encode())
        assert at < 0, heard[max(0, at - 60) : at + 80]


def test_it_would_be_found_if_it_were_told(place: Place) -> None:
    """The search itself: without the doors, it is everywhere."""
    with pytest.raises(AssertionError):
        nowhere(HUNTER, b"..." + said(HUNTER, "behind a name, in Base64").encode())


@pytest.mark.parametrize("how", TALK)
def test_what_an_instance_prints_when_it_fails(place: Place, how: str) -> None:
    release = place.fleet.release("1", secrets=("DB_PASS",))
    plan = place.fleet.operations.promoter.plan(
        place.fleet.store.releases.get(release),
        place.fleet.catalogue.get("dev"),  # type: ignore[arg-type]
    )
    place.fleet.target.broken[plan.components[0].revision] = f"It ended. Its last lines:\n{said(HUNTER, how)}"
    deployment = place.run()
    heard = place.heard(deployment)
    nowhere(HUNTER, heard)
    assert b"***" in heard and place.fleet.row(deployment).state.value == "failed"


@pytest.mark.parametrize("how", TALK)
def test_what_a_check_of_a_command_prints(place: Place, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    failed = Polled(Phase.FAILED, f"It ended with exit code 1. Its last lines:\n{said(HUNTER, how)}")
    monkeypatch.setattr(place.fleet.task, "poll", lambda handle: failed)
    heard = place.heard(place.run(verify=(CommandCheck(("smoke",)),)))
    nowhere(HUNTER, heard)
    assert b"Its last lines" in heard


@pytest.mark.parametrize("before", [0, 130])
@pytest.mark.parametrize("how", TALK)
def test_what_a_page_answers_to_a_check(place: Place, monkeypatch: pytest.MonkeyPatch, how: str, before: int) -> None:
    """Also where what is told of it ends in the middle of the secret."""
    answer = HttpAnswer(500, {}, b"x" * before + b" " + said(HUNTER, how).encode(), 0.01)
    monkeypatch.setattr(place.fleet.http, "request", lambda *_, **__: answer)
    heard = place.heard(place.run(verify=(HttpCheck("/", attempts=1),)))
    nowhere(HUNTER, heard)
    assert b"answered 500 instead of 200" in heard
    assert HUNTER[:9].encode() not in heard


@pytest.mark.parametrize("how", TALK)
def test_what_an_outside_system_says_of_itself(place: Place, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable(f"The router refuses: {said(HUNTER, how)}")

    monkeypatch.setattr(place.fleet.router, "apply", refuse)
    release = place.fleet.release("1", secrets=("DB_PASS",))
    deployment = place.fleet.operations.deploy(Deploy("shop", "dev", release, actor="ann")).id
    for _ in range(8):
        place.fleet.turn()
        place.fleet.clock.pass_by(1)
    heard = place.heard(deployment)
    nowhere(HUNTER, heard)
    assert b"The router refuses" in heard and b"deployment.stumbled" in heard


@pytest.mark.parametrize("how", TALK)
def test_what_instances_log(place: Place, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    deployment = place.run()
    monkeypatch.setattr(place.fleet.target, "logs", lambda *_: LogChunk(f"{said(HUNTER, how)}\n", 9))
    heard = place.heard(deployment)
    nowhere(HUNTER, heard)
    assert b'"lines":[' in heard and b"***" in heard


def test_what_somebody_gives_as_a_reason_or_calls_himself(place: Place) -> None:
    deployment = place.run()
    told = {"application": "shop", "environment": "dev", "reason": f"now with {HUNTER}", "actor": f"ann {HUNTER[:-1]}"}
    again = place.program.post("/v1/deployments", json={**told, "actor": "ann"}).json()["id"]
    place.program.post(f"/v1/deployments/{again}/pause", json={"reason": f"it is {HUNTER}"})
    place.program.post("/v1/rollbacks", json={**told, "actor": "ann"})
    place.program.put("/v1/secrets/dev/OTHER", json={"text": "another one", "reason": f"not {HUNTER}"})
    nowhere(HUNTER, place.heard(deployment) + place.heard(again))


def test_what_people_say_in_trains(place: Place) -> None:
    deployment = place.run()
    people = place.fleet.operations.on_behalf_of(Caller("alice", personal=True))
    place.fleet.operations.people.add(AddPerson("alice"))
    task = StepDraft("task", "look", assignee="alice", text=f"Type {HUNTER}.", checklist=(f"{HUNTER} works",))
    people.trains.create(CreateTrain("friday", "dev", (task,), reason=f"now with {HUNTER}"))
    people.trains.start("friday", StartTrain())
    place.fleet.dispatcher.round()
    people.trains.tick("friday", "look", Tick(1))
    people.trains.finish("friday", "look", FinishTask(f"I typed {HUNTER}."))
    place.fleet.dispatcher.round()
    heard = b"".join(place.program.get(f"/v1/{path}").content for path in ("trains", "trains/friday", "tasks"))
    heard += b"".join(place.browser.get(path).content for path in ("/trains", "/trains/friday", "/inbox"))
    nowhere(HUNTER, heard + place.heard(deployment))
    assert heard.count(b"***") > 4


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/deployments/{}", None),
        ("GET", "/v1/releases/{}?application=shop", None),
        ("POST", "/v1/deployments", {"application": "shop", "environment": "{}"}),
        ("POST", "/v1/deployments", {"application": "{}", "environment": "dev"}),
        ("POST", "/v1/releases", {"definition": "{}", "where": "{}", "folder": "/", "artifacts": {"web": "{}"}}),
        ("PUT", "/v1/secrets/dev/{}", {"text": "x"}),
        ("POST", "/v1/secrets/dev/DB_PASS/remove", {"version": "{}"}),
    ],
)
def test_what_a_refusal_repeats(place: Place, method: str, path: str, body: dict[str, Any] | None) -> None:
    filled = json.loads(json.dumps(body).replace("{}", json.dumps(HUNTER)[1:-1])) if body else None
    refused = place.program.request(method, path.format(quote(HUNTER, safe="")), json=filled)
    assert refused.status_code in (403, 404, 409, 422), refused.text
    nowhere(HUNTER, refused.content)


def test_what_the_server_logs_of_a_fault_of_its_own(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(f"a library said {HUNTER!r} and {HUNTER}")

    deployment = place.run()
    monkeypatch.setattr(place.fleet.store.inventory, "note", fail, raising=False)
    monkeypatch.setattr(place.fleet.target, "observe", fail)
    place.fleet.clock.pass_by(60)
    place.fleet.turn()
    answered = place.program.get("/v1/logs?application=shop&environment=dev")
    assert answered.status_code == 500
    assert "RuntimeError: a library said" in place.log.getvalue()
    nowhere(HUNTER, answered.content + place.heard(deployment))


def test_the_event_stream_also_of_what_was_written_before_anybody_knew(place: Place) -> None:
    bare = place.fleet.store.deployments._inner  # type: ignore[attr-defined]
    row = place.fleet.row(place.run())
    event = life.event_of(row, "deployment.stumbled", f"it was {HUNTER}", 1.0, data={"x": HUNTER})
    bare.ask(place.fleet.deploy("latest").id, Want.RUN, 1.0, event)
    assert any(HUNTER in event.because for event in place.fleet.store.history.events(0, 500))
    tail = Tail(discreet(place.fleet.operations, place.redactor.masked))

    async def first() -> bytes:
        async for batch in tail.follow(0, Interest()):
            return b"".join(as_api(view) for view in batch)
        return b""

    streamed = asyncio.run(first())
    tail.close()
    assert b"it was ***" in streamed
    nowhere(HUNTER, streamed)


def test_what_is_in_files_is_masked_as_well_after_a_start_over(tmp_path: Path) -> None:
    """A new process knows the secrets of what runs before it hears of it."""
    with a_place(tmp_path, HUNTER) as before:
        deployment = before.run()
        redactor = Redactor()
        kept = KeptSecrets(
            before.fleet.store.data_keys,
            before.fleet.store.secrets,
            MasterKeyFile(tmp_path / "keys" / "master"),
            redactor,
        )
        custody = Custody(kept, None, redactor)
        assert redactor.masked(HUNTER) == HUNTER
        custody.learn(before.fleet.plan(deployment).components[0].spec.secrets.values())
        assert redactor.masked(f"x{HUNTER}x") == "x***x"


SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cs"]), min_size=8, max_size=40
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=SECRETS.map(lambda text: f"~{text}~"), how=st.sampled_from(TALK), where=st.integers(0, 2))
def test_whatever_the_secret_is_nothing_tells_it(
    tmp_path_factory: pytest.TempPathFactory, secret: str, how: str, where: int
) -> None:
    with a_place(tmp_path_factory.mktemp("place"), secret) as place, pytest.MonkeyPatch.context() as patched:
        text = said(secret, how)
        if where == 0:
            patched.setattr(place.fleet.task, "poll", lambda handle: Polled(Phase.FAILED, text))
        elif where == 1:
            answer = HttpAnswer(500, {}, text.encode(), 0.01)
            patched.setattr(place.fleet.http, "request", lambda *_, **__: answer)
        else:
            patched.setattr(place.fleet.target, "logs", lambda *_: LogChunk(text, 9))
        checks = {0: (CommandCheck(("smoke",)),), 1: (HttpCheck("/", attempts=1),), 2: ()}
        deployment = place.run(verify=checks[where])
        place.program.post(f"/v1/deployments/{deployment}/abort", json={"reason": text})
        nowhere(secret, place.heard(deployment))


def test_names_stay_what_they_are_even_where_one_is_a_secret() -> None:
    """An application that is called as a password is can still be asked for."""
    from lockgate.core.discretion import masked
    from lockgate.testing.samples import an_event

    redactor = Redactor()
    redactor.add(Secret("shop"))
    event = an_event(because="shop was here", application="shop", environment="prod")
    assert masked(event, redactor.masked) == replace(event, because="*** was here")
    assert masked(replace(event, because="quiet"), redactor.masked) == replace(event, because="quiet")
