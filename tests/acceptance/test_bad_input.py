"""Bad input, end to end: a clear sentence, a failing exit code, and nothing changed."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.acceptance.sample import PROGRAM, definition, one_environment

from lockgate.testing.installation import Installation, free_pair, free_ports

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(180)]

ENVIRONMENTS = """
environments:
  dev: {{listen: {dev}}}
  taken: {{listen: {taken}}}
"""


@pytest.fixture(scope="module")
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, taken: int) -> Iterator[Installation]:
    """With a good release running in dev."""
    folder = tmp_path_factory.mktemp("bad-input")
    text = ENVIRONMENTS.format(dev=free_ports(1)[0], taken=taken)
    with Installation(folder, text, {"LOCKGATE_POLL": "0.2s"}) as running:
        good = running.release(definition("good"))
        assert running.run(good, "dev").state == "succeeded"
        yield running


def lockgate(server: Installation, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command, in the server's folder."""
    return subprocess.run(
        [sys.executable, "-m", "lockgate", *words],
        env=server.environ(),
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextmanager
def nothing_changes(server: Installation) -> Iterator[None]:
    """No release, no deployment, and what ran still runs."""

    def seen() -> tuple[object, ...]:
        client = server.client
        status = client.status("sample", "dev").rows[0]
        ids = [i.id for i in status.instances]
        return [r.id for r in client.releases("")], [d.id for d in client.deployments()], ids, status.ready

    before = seen()
    yield
    assert seen() == before


BAD_DEFINITIONS = {
    "unknown field": (definition("x").replace("health:", "healthy:"), ["lockgate.yaml:7", "healthy", "health"]),
    "wrong type": (definition("x").replace("replicas: 2", "replicas: two"), ["lockgate.yaml:8", "replicas", "two"]),
    "unknown strategy": (definition("x", "chaos"), ["lockgate.yaml:10", "chaos", "blue-green"]),
    "missing file": (definition("x").replace(str(PROGRAM), "./nothing.py"), ["nothing.py"]),
    "missing value": (
        definition("x", options="--status {values.answer}"),
        ["answer", "dev"],
    ),
    "an environment in it": (definition("x") + "environments: {}\n", ["environments", "environments.yaml"]),
}


@pytest.mark.parametrize("name", BAD_DEFINITIONS)
def test_a_bad_definition_is_refused_with_its_place_and_the_way_to_mend_it(server: Installation, name: str) -> None:
    text, words = BAD_DEFINITIONS[name]
    (server.folder / "lockgate.yaml").write_text(text)
    if name == "missing value":
        # The release does not know where it will go; the environment that lacks the value refuses it.
        refused = lockgate(server, "check")
    else:
        with nothing_changes(server):
            refused = lockgate(server, "release", "create")
    assert refused.returncode in (1, 2), refused.stdout
    assert all(word in refused.stderr + refused.stdout for word in words), refused.stderr + refused.stdout


BAD_ENVIRONMENTS = {
    "a circle": ("environments:\n  a: {after: b, listen: 1111}\n  b: {after: a, listen: 1112}\n", ["a", "b", ":2"]),
    "one port twice": ("environments:\n  a: {listen: 1111}\n  b: {after: a, listen: 1111}\n", ["1111", ":3"]),
    "broken": ("environments: [\n", ["environments.yaml"]),
}


@pytest.mark.parametrize("name", BAD_ENVIRONMENTS)
def test_bad_environments_hinder_nothing_that_runs_and_need_no_restart(server: Installation, name: str) -> None:
    text, words = BAD_ENVIRONMENTS[name]
    file = server.folder / "environments.yaml"
    good = file.read_text()
    before = [d.id for d in server.client.deployments()]
    try:
        file.write_text(text)
        refused = lockgate(server, "deploy", "--app", "sample", "--to", "dev")
        assert refused.returncode == 2
        assert all(word in refused.stderr for word in words), refused.stderr
        assert any(word in problem for problem in server.client.status().problems for word in words)
    finally:
        file.write_text(good)
    assert server.client.status("sample", "dev").rows[0].ready == 2
    assert [d.id for d in server.client.deployments()] == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("deploy", "--app", "sample", "--to", "nowhere"), ["nowhere", "dev"]),
        (("deploy", "9.9.9", "--app", "sample", "--to", "dev"), ["9.9.9", "newest"]),
        (("deploy", "--app", "nothing", "--to", "dev"), ["nothing"]),
        (("abort", "dep-1"), ["dep-1"]),
        (("pause", "dep-999"), ["dep-999"]),
        (("rollback", "--app", "sample", "--env", "dev", "--reason", "x"), ["No other release"]),
        (("quarantine", "lift", "latest", "--app", "sample", "--env", "dev", "--reason", "x"), ["dev"]),
        (("release", "create", "-f", "absent.yaml"), ["absent.yaml"]),
        (("deploy", "--app", "sample", "--to", "dev", "--urgently"), ["urgent"]),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_is_not_there_or_cannot_be_is_refused(
    server: Installation, words: tuple[str, ...], expected: list[str]
) -> None:
    with nothing_changes(server):
        refused = lockgate(server, *words)
    assert refused.returncode in (1, 2)
    assert all(word in refused.stderr for word in expected), refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_package_that_is_not_there_is_a_sentence(server: Installation) -> None:
    (server.folder / "lockgate.yaml").write_text(definition("x").replace(f"file:{PROGRAM}", "pypi:six==0.0.0.1"))
    with nothing_changes(server):
        refused = lockgate(server, "release", "create", "--json")
    assert refused.returncode == 1
    assert "six" in json.loads(refused.stderr)["detail"]


def test_a_listen_port_of_another_program_fails_the_deployment_but_does_not_blame_the_release(
    server: Installation, taken: int
) -> None:
    release = server.client.release("sample", "latest")
    ended = server.run(release, "taken")
    assert ended.state == "failed"
    assert str(taken) in ended.because and "taken" in ended.because
    assert server.client.quarantines() == ()
    assert server.client.status("sample", "dev").rows[0].ready == 2


def test_a_second_server_on_the_same_folder_is_refused_and_the_first_unharmed(server: Installation) -> None:
    refused = lockgate(server, "serve", "--listen", f"127.0.0.1:{free_ports(1)[0]}")
    assert refused.returncode != 0
    assert "Another Lockgate server" in refused.stderr and "--home" in refused.stderr
    assert server.client.health()


def test_a_server_does_not_start_on_a_taken_port(server: Installation, taken: int, tmp_path: Path) -> None:
    refused = lockgate(server, "serve", "--home", str(tmp_path), "--listen", f"127.0.0.1:{taken}")
    assert refused.returncode != 0
    assert str(taken) in refused.stderr


class Stranger(BaseHTTPRequestHandler):
    """Says yes to everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def test_a_health_answer_by_a_foreign_process_is_not_believed(tmp_path: Path) -> None:
    """The application sleeps; somebody else answers on the port it was given."""
    port, allotted = free_ports(1)[0], free_pair()
    text = f"environments:\n  dev: {{target: {{process: {{ports: {allotted}-{allotted + 1}}}}}, listen: {port}}}\n"
    with Installation(tmp_path, text) as server:
        sleeping = definition("x", replicas=1).replace(str(PROGRAM), "/bin/sh").splitlines()
        run = next(i for i, line in enumerate(sleeping) if "run:" in line)
        sleeping[run] = '    run: [sh, -c, "sleep 60; exit {port}"]'
        health = next(i for i, line in enumerate(sleeping) if "health:" in line)
        sleeping[health] = "    health: {path: /health, start_within: 4s}"
        release = server.release("\n".join(sleeping))
        deployment = server.deploy(release, "dev")
        time.sleep(1.0)
        strangers = [HTTPServer(("127.0.0.1", allotted + more), Stranger) for more in (0, 1)]
        for stranger in strangers:
            threading.Thread(target=stranger.serve_forever, daemon=True).start()
        try:
            ended = server.until_final(deployment.id)
        finally:
            for stranger in strangers:
                stranger.shutdown()
                stranger.server_close()
        assert ended.state == "failed"
        assert "another" in ended.because or "not its own" in ended.because or "foreign" in ended.because, ended.because


def test_a_locked_database_is_waited_for_or_told_and_harms_nothing(server: Installation) -> None:
    database = sqlite3.connect(server.home / "lockgate.db", isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        refused = lockgate(server, "deploy", "--app", "sample", "--to", "dev")
        assert refused.returncode == 1
        assert "locked" in refused.stderr or "busy" in refused.stderr, refused.stderr
    finally:
        database.execute("ROLLBACK")
        database.close()
    assert lockgate(server, "deploy", "--app", "sample", "--to", "dev", "--wait").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        big = tmp_path / "big.bin"
        big.write_bytes(os.urandom(40 * 1024 * 1024))
        port = free_ports(1)[0]
        with Installation(tmp_path / "server", one_environment(port), {"LOCKGATE_DATA": str(disk)}) as server:
            good = server.release(definition("good"))
            assert server.run(good, "dev").state == "succeeded"
            text = definition("big").replace("    health:", f"    files: {{big.bin: {big}}}\n    health:")
            (server.folder / "lockgate.yaml").write_text(text)
            with nothing_changes(server):
                refused = lockgate(server, "release", "create")
            assert refused.returncode == 1
            assert "full" in refused.stderr, refused.stderr
            assert sum(f.stat().st_size for f in disk.rglob("*") if f.is_file()) < 20 * 1024 * 1024
    finally:
        subprocess.run(["umount", disk], check=True)
