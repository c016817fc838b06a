"""Small images, pushed by hand; and a registry that does as it is told, also what no registry should."""

import hashlib
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from lockgate.core.ids import Digest

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


def digest_of(data: bytes) -> Digest:
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def told(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    """A descriptor."""
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


def configuration(architecture: str = "amd64") -> bytes:
    return json.dumps(
        {"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": []}}
    ).encode()


def manifest(config: bytes, layers: list[dict[str, Any]] | None = None, **more: Any) -> bytes:
    """OCI's; ``config_type`` for another type of configuration."""
    described = told(config, more.pop("config_type", CONFIG))
    whole = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": layers or []}
    return json.dumps({**whole, **more}).encode()


def index(*manifests: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(manifests), **more}).encode()


def push(registry: str, name: str, tag: str, data: bytes, *blobs: bytes, auth: tuple[str, str] | None = None) -> Digest:
    """A manifest or index, after the blobs that it needs."""
    kind = json.loads(data).get("mediaType", MANIFEST)
    base = f"http://{registry}/v2/{name}"
    with httpx2.Client(auth=auth) as client:
        for blob in blobs:
            place = client.post(f"{base}/blobs/uploads/").raise_for_status().headers["location"]
            client.put(
                httpx2.URL(place).copy_merge_params({"digest": digest_of(blob)}), content=blob
            ).raise_for_status()
        client.put(f"{base}/manifests/{tag}", content=data, headers={"Content-Type": kind}).raise_for_status()
    return digest_of(data)


def push_image(registry: str, name: str, tag: str, architecture: str = "amd64", **more: Any) -> Digest:
    """For one platform, with one layer."""
    config, layer = configuration(architecture), b"a layer of " + architecture.encode()
    return push(registry, name, tag, manifest(config, [told(layer, LAYER)]), config, layer, **more)


@dataclass(frozen=True)
class Reply:
    """What it answers."""

    data: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    """Of the body as it is told, if it is another one."""
    wait: threading.Event | None = None
    """Nothing is sent before that."""
    drip: bool = False
    """It comes byte by byte, with pauses, and never ends."""


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes = b""


Answers = Callable[[Asked], Reply | None]


@dataclass
class Hostile:
    """A server on loopback; what it does not know is missing."""

    host: str = ""
    pages: dict[str, Reply] = field(default_factory=dict)
    before: list[Answers] = field(default_factory=list)
    """Asked first, in turn."""
    asked: list[Asked] = field(default_factory=list)

    def image(self, name: str = "shop/web", tag: str = "1") -> Digest:
        """A good one."""
        config = configuration()
        data = manifest(config)
        self.pages[f"/v2/{name}/blobs/{digest_of(config)}"] = Reply(config)
        for which in (tag, digest_of(data)):
            self.pages[f"/v2/{name}/manifests/{which}"] = Reply(data, headers={"Content-Type": MANIFEST})
        return digest_of(data)

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        found = (answer(asked) for answer in self.before)
        return next((one for one in found if one is not None), None) or self.pages.get(asked.path) or Reply(status=404)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hostile: Hostile

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.hostile.reply(Asked(self.command, path, query, headers, body))
        if reply.wait is not None:
            reply.wait.wait(30)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.data) if reply.length is None else reply.length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.data)
        while reply.drip:
            self.wfile.write(b" ")
            time.sleep(0.05)

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone."""


@contextmanager
def hostile() -> Iterator[Hostile]:
    """One that runs."""
    one = Hostile()
    server = _Server(("127.0.0.1", 0), type("Bound", (_Handler,), {"hostile": one}))
    one.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
