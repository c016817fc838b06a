"""Who calls is who signed in; people say yes and no in the API and the console, and a link alone says nothing."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lockgate.messages.people import AddPerson, Leave
from lockgate.messages.trains import CreateTrain, StartTrain, StepDraft
from lockgate.server import stream
from lockgate.server.app import ENDPOINTS, make_app
from lockgate.server.token import Access
from lockgate.store.database import open_store
from tests.engine.governed import GovernedRig

BASE = "http://127.0.0.1:7070"
ONLY_PEOPLE = [e for e in ENDPOINTS if "Only for people" in e.about]
ONLY_THE_SERVER = [e for e in ENDPOINTS if "Only with the server's own token" in e.about]


@dataclass
class House:
    """A governed rig behind the real application."""

    rig: GovernedRig
    access: Access
    home: Path

    def client(self, token: str = "") -> TestClient:
        client = TestClient(make_app(self.rig.operations, self.access), base_url=BASE, follow_redirects=False)
        if token:
            client.headers["Authorization"] = f"Bearer {token}"
        return client

    def program(self) -> TestClient:
        return self.client((self.home / "token").read_text().strip())

    def person(self, name: str) -> TestClient:
        return self.client(self.token(name))

    def token(self, name: str) -> str:
        made: dict[str, Any] = self.program().post(f"/v1/people/{name}/tokens", json={}).json()
        return str(made["token"])

    def browser(self, name: str) -> TestClient:
        client = self.client()
        client.headers["Sec-Fetch-Site"] = "same-origin"
        assert client.post("/login", data={"token": self.token(name)}).status_code == 200
        return client


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
        yield House(GovernedRig(store), Access(tmp_path), tmp_path)


def test_a_persons_name_stands_whatever_the_message_claims(house: House) -> None:
    release = house.rig.release("2")
    body = {"application": "shop", "environment": "dev", "release": release, "actor": "alice"}
    said = house.person("dave").post("/v1/deployments", json=body, headers={"X-Lockgate-Actor": "alice"}).json()
    assert (said["actor"], said["personal"]) == ("dave", True)
    claimed = house.program().post("/v1/deployments", json=body).json()
    assert (claimed["actor"], claimed["personal"]) == ("alice", False)
    entries = house.program().get("/v1/audit").json()["entries"]
    assert entries[-1]["address"] == "testclient"


WRITING = {
    "feed.made": ("POST", "/v1/feeds", {"name": "release-team"}),
    "feed.revoked": ("POST", "/v1/feeds/release-team/revoke", {}),
    "key.rotated": ("POST", "/v1/keys/rotate", {"reason": "every year"}),
    "waiver.added": (
        "POST",
        "/v1/waivers",
        {"vulnerability": "CVE-2026-1", "until": 1_801_000_000.0, "reason": "not reached"},
    ),
    "waiver.removed": ("POST", "/v1/waivers/remove", {"vulnerability": "CVE-2026-1"}),
}


def test_whatever_somebody_causes_is_written_down_with_their_name_and_address(house: House) -> None:
    dave = house.person("dave")
    for kind, (method, path, body) in WRITING.items():
        answer = dave.request(method, path, json={**body, "actor": "alice"})
        assert answer.status_code < 300, answer.text
        entry = house.program().get("/v1/audit").json()["entries"][-1]
        assert (entry["kind"], entry["actor"], entry["address"]) == (kind, "dave", "testclient")


def test_each_is_told_who_they_are(house: House) -> None:
    me = house.person("alice").get("/v1/me").json()
    assert me == {"name": "alice", "personal": True, "groups": ["managers", "on-call"]}
    assert house.program().get("/v1/me", headers={"X-Lockgate-Actor": "ann"}).json()["personal"] is False


def body_of(path: str) -> dict[str, object]:
    bodies: dict[str, dict[str, object]] = {
        "approve": {"subject": "sha256:0"},
        "reject": {"reason": "no"},
        "review": {"comment": "fine"},
        "delegations": {"to": "bob", "until": 2e9},
        "people": {"name": "mallory"},
        "remove": {},
        "tick": {"item": 1},
        "done": {},
    }
    return bodies[path.rpartition("/")[2]]


@pytest.mark.parametrize("endpoint", ONLY_PEOPLE, ids=lambda e: e.path)
def test_what_is_for_people_is_refused_to_the_servers_own_token(house: House, endpoint: Any) -> None:
    broken = house.rig.on_prod(break_glass=True, reason="down")
    waiting = house.rig.asked(broken.release, "dave")
    which = broken.id if endpoint.path.endswith("review") else waiting.id
    chore = StepDraft("task", "look", assignee="managers", text="Look.", checklist=("the numbers",))
    desk = house.rig.person("erin").trains
    desk.create(CreateTrain("friday", "prod", (chore,)))
    desk.start("friday", StartTrain())
    house.rig.dispatcher.round()
    path = endpoint.path.format(id=which, train="friday", step="look")
    answer = house.program().post(path, json=body_of(endpoint.path))
    assert answer.status_code == 403 and "Sign in as yourself" in answer.json()["detail"]
    assert len(ONLY_PEOPLE) == 7


@pytest.mark.parametrize("endpoint", ONLY_THE_SERVER, ids=lambda e: e.path)
def test_what_is_for_the_server_is_refused_to_people(house: House, endpoint: Any) -> None:
    answer = house.person("alice").post(endpoint.path.format(name="bob"), json=body_of(endpoint.path))
    assert answer.status_code == 403 and "in many names" in answer.json()["detail"]
    assert len(ONLY_THE_SERVER) == 2


def test_the_whole_way_over_the_api(house: House) -> None:
    waiting = house.rig.on_prod()
    for name in ("alice", "bob"):
        client = house.person(name)
        (found,) = client.get("/v1/inbox").json()["approvals"]
        assert found["may"] and found["deployment"] == waiting.id
        seen = client.get(f"/v1/deployments/{waiting.id}/approval").json()["subject"]
        stale = client.post(f"/v1/deployments/{waiting.id}/approve", json={"subject": "sha256:00"})
        assert stale.status_code == 409
        assert client.post(f"/v1/deployments/{waiting.id}/approve", json={"subject": seen}).status_code == 200
    assert client.get("/v1/inbox").json()["approvals"] == []
    house.rig.run()
    assert client.get(f"/v1/deployments/{waiting.id}").json()["state"] == "succeeded"


def test_a_delegation_is_made_listed_and_ended_over_the_api(house: House) -> None:
    alice = house.person("alice")
    body = {"to": "erin", "until": house.rig.clock.now() + 60, "environment": "prod"}
    made = alice.post("/v1/delegations", json=body)
    assert made.status_code == 201
    assert alice.get("/v1/delegations").json() == [made.json()]
    assert alice.post(f"/v1/delegations/{made.json()['id']}/end", json={}).status_code == 204
    assert alice.get("/v1/delegations").json() == []


# --- sessions ---


def test_a_session_is_over_with_its_token_or_person(house: House) -> None:
    token = house.token("alice")
    browser = house.client()
    browser.headers["Sec-Fetch-Site"] = "same-origin"
    browser.post("/login", data={"token": token})
    assert browser.get("/inbox").status_code == 200 and "You are alice" in browser.get("/inbox").text
    tokens = next(p.tokens for p in house.rig.operations.people.all() if p.name == "alice")
    for one in tokens:
        house.rig.operations.people.revoke(one.id, Leave())
    assert browser.get("/inbox").status_code == 401
    bob = house.browser("bob")
    house.rig.operations.people.remove("bob", Leave())
    assert bob.get("/inbox").status_code == 401


@pytest.mark.parametrize("how", ["call", "page", "document"])
def test_a_token_that_is_revoked_while_the_request_comes_does_nothing(house: House, how: str) -> None:
    """Whoever holds a request open, its body still to be sent, holds no door open."""
    waiting = house.rig.on_prod()
    subject = house.rig.person("alice").approvals.view(waiting.id).subject
    client = house.browser("alice") if how == "page" else house.person("alice")

    def slowly(text: bytes) -> Iterator[bytes]:
        for one in next(p.tokens for p in house.rig.operations.people.all() if p.name == "alice"):
            house.rig.operations.people.revoke(one.id, Leave())
        yield text

    path, kind, text = {
        "call": (f"/v1/deployments/{waiting.id}/approve", "application/json", f'{{"subject": "{subject}"}}'),
        "page": (f"/deployments/{waiting.id}/approve", "application/x-www-form-urlencoded", f"subject={subject}"),
        "document": (f"/v1/releases/{waiting.release}/evidence?application=shop", "application/json", "{}"),
    }[how]
    answer = client.post(path, content=slowly(text.encode()), headers={"Content-Type": kind})
    assert answer.status_code == 401 and (how == "page" or "has ended meanwhile" in answer.text)
    assert house.rig.store.approvals.of(waiting.id) == ()
    assert house.program().get(f"/v1/releases/{waiting.release}/evidence?application=shop").json() == []


def test_a_stream_ends_when_its_token_is_revoked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SILENCE", 0.05)
    monkeypatch.setattr(stream, "ASKED", 0.0)
    for signed_in, path in ((house.person, "/v1/events"), (house.browser, "/live")):
        client = signed_in("alice")
        for one in next(p.tokens for p in house.rig.operations.people.all() if p.name == "alice"):
            threading.Timer(0.3, house.rig.operations.people.revoke, (one.id, Leave())).start()
        answer = client.get(path, headers={"Accept": "text/event-stream"})  # it would never come back
        assert answer.status_code == 200 and b"connected" in answer.content


def test_a_link_from_the_command_line_opens_the_console_for_its_person(house: House) -> None:
    url = house.person("alice").post("/v1/logins").json()["url"]
    browser = house.client()
    browser.get("/login?" + url.partition("?")[2])
    assert "You are alice" in browser.get("/inbox").text


def test_sessions_of_people_outlive_the_server_and_hold_no_token(house: House) -> None:
    browser = house.browser("alice")
    assert "lg_" not in (house.home / "sessions.json").read_text()
    house.access = Access(house.home)
    again = house.client()
    again.cookies = browser.cookies
    assert "You are alice" in again.get("/inbox").text


# --- the console ---


def test_people_approve_and_reject_on_the_page(house: House) -> None:
    waiting = house.rig.on_prod()
    alice = house.browser("alice")
    assert "waits for you" in alice.get("/inbox").text
    page = alice.get(f"/deployments/{waiting.id}").text
    found = re.search(r'name="subject" value="(sha256:[0-9a-f]{64})"', page)
    assert found and f'action="/deployments/{waiting.id}/approve"' in page and "Written by ann" in page
    form = {"subject": found[1], "comment": "<b>fine</b>"}
    done = alice.post(f"/deployments/{waiting.id}/approve", data=form)
    assert done.status_code == 303 and done.headers["location"] == f"/deployments/{waiting.id}"
    page = alice.get(f"/deployments/{waiting.id}").text
    assert "&lt;b&gt;fine&lt;/b&gt;" in page and "alice has approved it" in page
    bob = house.browser("bob")
    assert bob.post(f"/deployments/{waiting.id}/reject", data={"reason": "no"}).status_code == 303
    house.rig.run()
    assert "bob rejected it: no" in bob.get(f"/deployments/{waiting.id}").text
    assert "Nothing waits for anybody." in bob.get("/inbox").text


@pytest.mark.parametrize("what", ["approve", "reject", "review"])
def test_a_page_of_another_site_cannot_say_anything(house: House, what: str) -> None:
    waiting = house.rig.on_prod()
    alice = house.browser("alice")
    alice.headers["Sec-Fetch-Site"] = "cross-site"
    form = {"subject": house.rig.operations.approvals.view(waiting.id).subject, "reason": "x", "comment": "x"}
    assert alice.post(f"/deployments/{waiting.id}/{what}", data=form).status_code == 403
    assert house.rig.operations.approvals.view(waiting.id).given == ()


def test_those_who_may_not_have_no_button_and_are_told_why(house: House) -> None:
    waiting = house.rig.on_prod()
    dave = house.browser("dave").get(f"/deployments/{waiting.id}").text
    assert f"/deployments/{waiting.id}/approve" not in dave and "dave is the requester" in dave
    root = house.client()
    root.get("/login", params={"token": house.access.mint_ticket()})
    page = root.get(f"/deployments/{waiting.id}").text
    assert f"/deployments/{waiting.id}/approve" not in page and "lockgate person add" in page


def test_an_emergency_is_looked_at_on_the_page(house: House) -> None:
    broken = house.rig.on_prod(break_glass=True, reason="down")
    house.rig.run()
    bob = house.browser("bob")
    page = bob.get(f"/deployments/{broken.id}").text
    assert "broke the glass" in page and f"/deployments/{broken.id}/review" in page
    assert broken.id in bob.get("/inbox").text
    assert bob.post(f"/deployments/{broken.id}/review", data={"comment": "right"}).status_code == 303
    assert "bob looked at it: “right”" in bob.get(f"/deployments/{broken.id}").text


# --- links ---


def test_a_link_asks_for_sign_in_and_then_shows_what_it_is_for(house: House) -> None:
    waiting = house.rig.on_prod()
    path = house.rig.operations.approvals.invitation(waiting.id, "alice")
    stranger = house.client()
    refused = stranger.get(path)
    assert refused.status_code == 401 and f'name="on_to" value="{path}"' in refused.text
    assert waiting.id not in refused.text
    stranger.headers["Sec-Fetch-Site"] = "same-origin"
    entered = stranger.post("/login", data={"token": house.token("alice"), "on_to": path})
    assert entered.headers["refresh"] == f"0; url={path}"
    page = stranger.get(path)
    assert f'action="/deployments/{waiting.id}/approve"' in page.text
    assert house.rig.operations.approvals.view(waiting.id).given == ()


def test_a_link_is_for_one_person(house: House) -> None:
    waiting = house.rig.on_prod()
    path = house.rig.operations.approvals.invitation(waiting.id, "alice")
    page = house.browser("bob").get(path).text
    assert "This link is for alice. You are signed in as bob." in page and waiting.id not in page


def test_a_link_tells_when_what_it_was_for_has_changed(house: House) -> None:
    waiting = house.rig.on_prod()
    path = house.rig.operations.approvals.invitation(waiting.id, "alice")
    house.rig.rewrite(purpose="another one")
    assert "has changed since this link was sent" in house.browser("alice").get(path).text


def test_a_link_that_is_not_ours_opens_nothing(house: House) -> None:
    assert house.browser("alice").get("/approve/AAAA").status_code == 403


@pytest.mark.parametrize("on_to", ["https://evil.example/", "//evil.example", "/approve/../x", "/approve/a\r\nX: y"])
def test_signing_in_leads_nowhere_else(house: House, on_to: str) -> None:
    client = house.client()
    client.headers["Sec-Fetch-Site"] = "same-origin"
    entered = client.post("/login", data={"token": house.token("alice"), "on_to": on_to})
    assert entered.headers["refresh"] == "0; url=/"


def test_nobody_is_added_twice_over_the_api(house: House) -> None:
    made = house.program().post("/v1/people", json={"name": "frank"})
    assert made.status_code == 201 and made.json()["token"].startswith("lg_")
    assert house.program().post("/v1/people", json={"name": "frank"}).status_code == 409
    assert AddPerson("x")
