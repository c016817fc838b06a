"""Hand-made packages and archives, and a server on loopback."""

import base64
import http.server
import io
import os
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest


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


def only_pip(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name in [n for n in os.environ if n.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@dataclass
class Web:
    """A server on loopback that gives out what it is told to."""

    url: str
    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    owner: str = ""
    """``user:password`` that it asks for."""


class Handler(http.server.BaseHTTPRequestHandler):
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


def make_tar_gz(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


# --- git ---

_WHO = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": os.devnull}
_WHO |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_NOSYSTEM": "1"}


def git(place: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=place, env=os.environ | _WHO, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(place: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    git(place, "add", "-A")
    git(place, "commit", "-qm", "x", "--allow-empty")
    return git(place, "rev-parse", "HEAD")
