"""Hand-made packages, registries on loopback, and a small disk."""

import base64
import functools
import hashlib
import http.server
import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lockgate.drivers.depot import Depot


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    place.mkdir()
    return place


@pytest.fixture
def depot(home: Path) -> Depot:
    return Depot.at(home)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the application's file is."""
    place = tmp_path / "application"
    place.mkdir()
    return place


def require(condition: bool, what: str) -> None:
    """Skips without the real thing, or fails where it must be there."""
    if not condition:
        (pytest.fail if os.environ.get("LOCKGATE_REQUIRE_REAL") == "1" else pytest.skip)(f"{what} is not here")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system is not allowed here; test_a_file_size_limit covers the code")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


# --- Python packages ---


def make_wheel(into: Path, name: str, version: str, *, needs: tuple[str, ...] = (), fill: int = 0) -> Path:
    """A wheel with one module and one program that prints its version."""
    path = into / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {one}\n" for one in needs
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"{name}.py", f"def main():\n    print({version!r})\n")
        wheel.writestr(f"{name}_data.bin", b"\0" * fill)
        wheel.writestr(f"{info}/METADATA", meta)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that is all that pip, and so uv, is told of."""
    place = tmp_path / "links"
    place.mkdir()
    only_pip(monkeypatch, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(place))
    return place


def only_pip(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name in [n for n in os.environ if n.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


# --- HTTP ---


@dataclass
class Web:
    """A server on loopback that gives out what it is told to."""

    url: str
    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    owner: str = ""
    """``user:password`` that it asks for."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, web: Web, *rest: object) -> None:
        self.web = web
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.web.asked.append(self.path)
        page = self.web.pages.get(self.path.rstrip("/"))
        wanted = "Basic " + base64.b64encode(self.web.owner.encode()).decode()
        status = 404 if page is None else 200
        if self.web.owner and self.headers.get("Authorization") != wanted:
            status, page = 401, b""
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", "Basic")
        kind = "application/json" if page and page[:1] == b"{" else "text/html"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(page or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(page or b"")

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[Web]:
    box = Web("")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, box))
    box.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield box
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def index(web: Web, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Adds a wheel to a package index (PEP 503, PEP 592) that only pip is told of."""
    only_pip(monkeypatch, PIP_INDEX_URL=f"{web.url}/simple")
    anchors: dict[str, list[str]] = {}

    def add(wheel: Path, *, yanked: str | None = None, serve: bytes | None = None) -> None:
        name = wheel.name.partition("-")[0]
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        mark = "" if yanked is None else f' data-yanked="{yanked}"'
        anchors.setdefault(name, []).append(f'<a href="/files/{wheel.name}#sha256={sha256}"{mark}>{wheel.name}</a>')
        web.pages[f"/simple/{name}"] = f"<html><body>{''.join(anchors[name])}</body></html>".encode()
        web.pages[f"/files/{wheel.name}"] = wheel.read_bytes() if serve is None else serve

    return add


# --- npm packages ---


@pytest.fixture
def registry(web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Adds a package to an npm registry that is the only one npm is told of."""
    require(shutil.which("npm") is not None, "npm")
    (tmp_path / "npmrc").write_text("")
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
    monkeypatch.setenv("npm_config_registry", web.url)
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    versions: dict[str, dict[str, object]] = {}

    def add(name: str, version: str, *, needs: dict[str, str] | None = None, serve: bytes | None = None) -> None:
        manifest = {
            "name": name,
            "version": version,
            "bin": {name: "run.js"},
            "dependencies": needs or {},
            "scripts": {"install": "touch SCRIPT_WAS_RUN", "prepare": "touch SCRIPT_WAS_RUN"},
        }
        program = f"#!/usr/bin/env node\nconsole.log('{version}')\n"
        data = make_tar_gz({"package/package.json": json.dumps(manifest), "package/run.js": program})
        file = f"/{name}/-/{name}-{version}.tgz"
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
        of_package = versions.setdefault(name, {})
        of_package[version] = {**manifest, "dist": {"tarball": web.url + file, "integrity": integrity}}
        packument = {"name": name, "dist-tags": {"latest": version}, "versions": of_package}
        web.pages[f"/{name}"] = json.dumps(packument).encode()
        web.pages[file] = data if serve is None else serve

    return add


def make_tar_gz(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()
