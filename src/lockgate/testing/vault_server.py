"""A stand-in for Vault: its key-value store, version 2, and two ways to sign in, after the public documentation of its
HTTP API. No real Vault can be had from a package registry; where this one errs, so do the tests."""

import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Values = Mapping[str, Any]


@dataclass
class Asked:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class VaultServer:
    """A context manager; on loopback. ``values``: path without ``data`` -> its versions."""

    values: dict[str, list[Values]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {"s.root"})
    unreadable: set[str] = field(default_factory=set)
    """Paths that no policy lets anybody read."""
    roles: dict[tuple[str, str], str] = field(default_factory=dict)
    """(role id, secret id) or (role, jwt) -> the mount they are of."""
    namespace: str = ""
    sealed: bool = False
    lasts: int = 1200
    """Seconds of a token that was signed in for."""
    deleted: set[tuple[str, int]] = field(default_factory=set)
    destroyed: set[tuple[str, int]] = field(default_factory=set)
    trouble: int = 0
    """Answered instead, when it is not 0."""
    certificate: Path | None = None
    """PEM with key and certificate: it then speaks TLS."""
    asked: list[Asked] = field(default_factory=list)
    logins: int = 0
    address: str = ""
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> "VaultServer":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if self.certificate else "http"
        self.address = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def put(self, path: str, **values: Any) -> int:
        """Its next version."""
        self.values.setdefault(path, []).append(values)
        return len(self.values[path])

    def answer(self, asked: Asked, form: Mapping[str, Any]) -> tuple[int, object]:
        """As the documentation has it."""
        self.asked.append(asked)
        if self.trouble:
            return self.trouble, {"errors": ["something is wrong"]}
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if self.namespace != asked.headers.get("x-vault-namespace", ""):
            return 404, {"errors": ["no handler for route"]}
        parts = urlsplit(asked.path)
        words = [unquote(word) for word in parts.path.removeprefix("/v1/").split("/")]
        if asked.method == "POST" and words[0] == "auth" and words[-1] == "login":
            return self._login(words[1], form)
        if asked.headers.get("x-vault-token") not in self.tokens:
            return 403, {"errors": ["permission denied"]}
        version = int(parse_qs(parts.query).get("version", ["0"])[0])
        return self._read("/".join(words), version)

    def _login(self, mount: str, form: Mapping[str, Any]) -> tuple[int, object]:
        shown = (form.get("role_id") or form.get("role") or "", form.get("secret_id") or form.get("jwt") or "")
        if self.roles.get(shown) != mount:
            return 400, {"errors": ["invalid role or secret ID"]}
        self.logins += 1
        token = f"s.token{self.logins}"
        self.tokens.add(token)
        return 200, {"auth": {"client_token": token, "lease_duration": self.lasts, "renewable": True}}

    def _read(self, path: str, version: int) -> tuple[int, object]:
        if path in self.unreadable:
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        versions = self.values.get(path.replace("/data/", "/", 1), []) if "/data/" in path else []
        number = version or len(versions)
        if not 0 < number <= len(versions):
            return 404, {"errors": []}
        gone, which = path.replace("/data/", "/", 1), number
        metadata: dict[str, Any] = {"created_time": "2026-01-01T00:00:00Z", "custom_metadata": None}
        metadata |= {"deletion_time": "", "destroyed": (gone, which) in self.destroyed, "version": number}
        if (gone, which) in self.deleted:
            metadata["deletion_time"] = "2026-02-01T00:00:00Z"
        if metadata["deletion_time"] or metadata["destroyed"]:
            return 404, {"data": {"data": None, "metadata": metadata}}
        return 200, {"data": {"data": versions[number - 1], "metadata": metadata}}


def _handler(vault: VaultServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve("GET", {})

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", 0))
            self._serve("POST", json.loads(self.rfile.read(size) or b"{}"))

        def _serve(self, method: str, form: Mapping[str, Any]) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, said = vault.answer(Asked(method, self.path, headers), form)
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests print what matters."""

    return Handler
