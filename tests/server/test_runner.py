"""The server on a real socket."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from lockgate.core.errors import Invalid, PortTaken
from lockgate.server.runner import Listening, bound, run
from tests.server.fleet import Fleet


@contextmanager
def served(fleet: Fleet, home: Path, **settings: object) -> Iterator[Listening]:
    """A server on a free port, until the block ends."""
    told: list[Listening] = []
    begun, stop = threading.Event(), threading.Event()

    def on_listening(where: Listening) -> None:
        told.append(where)
        begun.set()

    def serve() -> None:
        try:
            run(fleet.operations, home=home, port=0, on_listening=on_listening, stop=stop, **settings)  # type: ignore[arg-type]
        finally:
            begun.set()

    thread = threading.Thread(target=serve)
    thread.start()
    assert begun.wait(20) and told
    try:
        yield told[0]
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def bearer(home: Path) -> dict[str, str]:
    return {"Authorization": f"Bearer {(home / 'token').read_text().strip()}"}


def test_it_says_where_it_listens_and_leaves_nothing_behind(fleet: Fleet, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with served(fleet, home) as where:
        told = json.loads((home / "server.json").read_text())
        assert told["url"] == where.url and told["pid"] == os.getpid() and told["version"]
        assert (home / "server.json").stat().st_mode & 0o777 == 0o600
        assert httpx2.get(where.url + "/healthz").json()["status"] == "ok"
        assert httpx2.get(where.url + "/v1/status", headers=bearer(home)).status_code == 200
        assert httpx2.get(where.url + "/v1/status").status_code == 401
    assert sorted(p.name for p in home.iterdir()) == ["token"]
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(where.url + "/healthz")


def test_the_link_it_tells_opens_the_console_on_a_host_of_its_own(fleet: Fleet, tmp_path: Path) -> None:
    with served(fleet, tmp_path / "home") as where, httpx2.Client() as browser:
        assert urlsplit(where.login_url).hostname == "localhost"
        port = urlsplit(where.login_url).port
        assert browser.get(where.login_url).status_code == 200
        assert browser.get(f"http://localhost:{port}/").status_code == 200
        assert browser.get(f"http://127.0.0.1:{port}/").status_code == 401


def test_a_taken_port_is_named_and_changes_nothing(fleet: Fleet, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}"):
            run(fleet.operations, home=tmp_path / "home", port=port)
    assert not (tmp_path / "home" / "server.json").exists()


def test_two_servers_leave_each_others_file_alone(fleet: Fleet, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with served(fleet, home):
        (home / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": 1, "version": "9"}))
    assert json.loads((home / "server.json").read_text())["pid"] == 1


@pytest.mark.parametrize(("host", "port"), [("0.0.0.0", 0), ("no.such.host.invalid", 0), ("127.0.0.1", 70_000)])
def test_an_address_that_cannot_be_used_is_refused(fleet: Fleet, tmp_path: Path, host: str, port: int) -> None:
    with pytest.raises(Invalid):
        run(fleet.operations, home=tmp_path / "home", host=host, port=port)


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """asyncio turns Nagle's algorithm off only for sockets that name their protocol."""
    with bound("127.0.0.1", 0, frozenset()) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def lines_of(response: httpx2.Response) -> Iterator[tuple[str, str]]:
    """Fields of an event stream."""
    for line in response.iter_lines():
        name, found, value = line.partition(": ")
        if found and name:
            yield name, value


def test_a_stream_goes_on_after_the_last_event_its_client_has(fleet: Fleet, tmp_path: Path) -> None:
    home = tmp_path / "home"
    fleet.release_of("shop", "1")
    with served(fleet, home) as where:
        headers = {**bearer(home), "Accept": "text/event-stream"}
        with httpx2.stream("GET", where.url + "/v1/events", headers=headers, timeout=20) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            fields = lines_of(response)
            first = dict(next(fields) for _ in range(4))
            assert first["event"] == "release.created" and json.loads(first["data"])["application"] == "shop"
        fleet.release_of("shop", "2")
        headers["Last-Event-ID"] = first["id"]
        with httpx2.stream("GET", where.url + "/v1/events?after=0", headers=headers, timeout=20) as response:
            fields = lines_of(response)
            second = dict(next(fields) for _ in range(4))
            assert "shop 2" in second["data"] and int(second["id"]) > int(first["id"])
            threading.Timer(0.2, fleet.release_of, ("shop", "3")).start()
            third = dict(next(fields) for _ in range(3))
            assert "shop 3" in third["data"]


def test_open_streams_do_not_keep_the_server_from_stopping(fleet: Fleet, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with httpx2.Client(headers={"Accept": "text/event-stream"}, timeout=20) as client:
        with served(fleet, home) as where:
            request = client.build_request("GET", where.url + "/v1/events", headers=bearer(home))
            response = client.send(request, stream=True)
            assert response.status_code == 200
        assert "connected" in response.read().decode()


def test_headers_without_end_are_refused(fleet: Fleet, tmp_path: Path) -> None:
    with served(fleet, tmp_path / "home") as where:
        port = urlsplit(where.url).port
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            with pytest.raises(OSError):
                for _ in range(2000):
                    line.sendall(b"X-Long: " + b"a" * 8192 + b"\r\n")
                if b" 400 " in line.recv(200):
                    raise ConnectionError("refused")
        assert httpx2.get(where.url + "/healthz").status_code == 200
