"""The door: hosts, tokens, sessions, and pages of other sites."""

from pathlib import Path

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from lockgate.server.app import ENDPOINTS
from lockgate.server.guard import from_own_page, host_name, is_loopback
from lockgate.server.pages import ACTIONS, PAGES
from lockgate.server.token import Access
from tests.server.fleet import Fleet

ON_DEV = {"application": "shop", "environment": "dev"}


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.path != "/healthz"], ids=lambda e: e.path)
def test_no_call_is_answered_without_a_token(stranger: TestClient, endpoint: object) -> None:
    method, path = endpoint.method, endpoint.path  # type: ignore[attr-defined]
    refused = stranger.request(method, path, json={})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("path", [path for path, *_ in PAGES] + ["/live", "/nothing"])
def test_a_stranger_sees_only_the_way_in(stranger: TestClient, path: str) -> None:
    page = stranger.get(path)
    assert page.status_code == 401
    assert "Sign in" in page.text and "lockgate serve" in page.text


@pytest.mark.parametrize("path", [path for path, _ in ACTIONS])
def test_a_stranger_cannot_act(stranger: TestClient, path: str) -> None:
    assert stranger.post(path, data={}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 401


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic {token}", "Bearer {token}x", "Bearer \udce9"])
def test_a_wrong_token_is_refused(stranger: TestClient, tmp_path: Path, given: str) -> None:
    token = (tmp_path / "token").read_text().strip()
    value = given.format(token=token).encode("utf-8", "surrogateescape")
    assert stranger.get("/v1/status", headers={b"Authorization": value}).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:7070", "", "[::1", "localhost@e"]
)
def test_a_foreign_host_is_not_answered_for(program: TestClient, host: str) -> None:
    assert program.get("/v1/status", headers={"Host": host}).status_code == 421
    assert program.get("/healthz", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:7070", "127.0.0.1", "127.8.8.8:1", "[::1]:7070", "deploy.example"]
)
def test_the_loopback_and_the_hosts_configured_are(program: TestClient, host: str) -> None:
    assert program.get("/v1/status", headers={"Host": host}).status_code == 200


def test_host_names_are_read_as_browsers_write_them() -> None:
    assert [host_name(h) for h in ("[::1]:80", "A.b:1", "[", "")] == ["::1", "a.b", "", ""]
    assert is_loopback("x.localhost") and not is_loopback("localhost.example") and not is_loopback("10.0.0.1")


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://h:1"}, False),
        ({"origin": "http://h:1"}, True),
        ({"origin": "http://h:2"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_only_our_own_pages_may_act(headers: dict[str, str], own: bool) -> None:
    assert from_own_page(Headers({"host": "h:1", **headers})) is own


def test_a_cookie_alone_does_not_let_another_site_act(browser: TestClient, fleet: Fleet) -> None:
    fleet.release_of("shop", "1")
    for site in ("cross-site", "same-site", "none"):
        refused = browser.post("/v1/deployments", json=ON_DEV, headers={"Sec-Fetch-Site": site})
        assert refused.status_code == 403
    del browser.headers["Sec-Fetch-Site"]
    assert browser.post("/v1/deployments", json=ON_DEV, headers={"Origin": "http://evil.example"}).status_code == 403
    assert browser.post("/v1/deployments", json=ON_DEV).status_code == 403
    assert fleet.operations.deployments("", "", frozenset(), 9) == ()
    assert browser.post("/v1/deployments", json=ON_DEV, headers={"Origin": "http://127.0.0.1:7070"}).status_code == 201


def test_a_token_works_wherever_it_comes_from(program: TestClient) -> None:
    assert program.post("/v1/previews", json=ON_DEV, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 404


def test_a_login_link_works_once_and_leaves_an_unreadable_cookie(stranger: TestClient, access: Access) -> None:
    ticket = access.mint_ticket()
    entered = stranger.get("/login", params={"token": ticket})
    cookie = entered.headers["set-cookie"]
    assert entered.status_code == 200 and entered.headers["refresh"] == "0; url=/"
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and ticket not in cookie
    assert ticket not in entered.text
    assert stranger.get("/").status_code == 200
    stranger.cookies.clear()
    again = stranger.get("/login", params={"token": ticket})
    assert again.status_code == 401 and "set-cookie" not in again.headers


def test_the_token_pasted_by_hand_signs_in_only_from_our_own_page(stranger: TestClient, tmp_path: Path) -> None:
    token = (tmp_path / "token").read_text()
    assert stranger.post("/login", data={"token": token}).status_code == 403
    own = {"Sec-Fetch-Site": "same-origin"}
    assert stranger.post("/login", data={"token": "wrong"}, headers=own).status_code == 401
    entered = stranger.post("/login", data={"token": token}, headers=own)
    assert entered.status_code == 200 and token.strip() not in entered.headers["set-cookie"] + entered.text
    assert stranger.get("/").status_code == 200


def test_signing_out_ends_the_session_itself(browser: TestClient) -> None:
    cookies = dict(browser.cookies)
    assert browser.post("/logout").headers["location"] == "/login"
    browser.cookies.update(cookies)
    assert browser.get("/").status_code == 401


def test_every_answer_forbids_what_a_page_must_not_do(stranger: TestClient, browser: TestClient) -> None:
    for path in ("/", "/healthz", "/v1/nothing", "/nothing", "/static/none.js", "/login"):
        headers = stranger.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
