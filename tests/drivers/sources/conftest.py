"""A data folder, registries on loopback that are the only ones, and a small disk."""

import base64
import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockgate.drivers.depot import Depot
from tests.conftest import require_real
from tests.drivers.sources.handmade import Handler, Web, make_tar_gz, only_pip


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


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that is all that pip, and so uv, is told of."""
    place = tmp_path / "links"
    place.mkdir()
    only_pip(monkeypatch, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(place))
    return place


# --- HTTP ---


@pytest.fixture
def web() -> Iterator[Web]:
    box = Web("")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, box))
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
    if shutil.which("npm") is None:
        require_real("npm is not on PATH")
    (tmp_path / "npmrc").write_text("")
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
    monkeypatch.setenv("npm_config_registry", web.url)
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    versions: dict[str, dict[str, object]] = {}

    def add(name: str, version: str, *, serve: bytes | None = None, **more: object) -> None:
        manifest = {
            "name": name,
            "version": version,
            "bin": {name: "run.js"},
            "scripts": {"install": "touch SCRIPT_WAS_RUN", "prepare": "touch SCRIPT_WAS_RUN"},
            **more,
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
