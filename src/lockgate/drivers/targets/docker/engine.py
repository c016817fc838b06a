"""The Docker engine: connections to it, and its errors in Lockgate's words.

The SDK's client is used by one thread at a time. Source of the protocol: Docker Engine API v1.41; Podman's compatible
API answers the same calls.
"""

import contextlib
import functools
import json
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
from docker.errors import APIError, DockerException, create_api_error_from_http_exception
from docker.tls import TLSConfig
from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection
from requests.exceptions import HTTPError as HTTPStatusError
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from lockgate.core.errors import (
    ComponentMissing,
    Conflict,
    LockgateError,
    NotFound,
    PreparationFailed,
    StorageFull,
    Unavailable,
)
from lockgate.drivers.targets.docker.tunnel import Tunnel

SOCKET = "unix:///var/run/docker.sock"
PATIENCE = 5.0
"""Seconds for an answer. Creating takes half a second on a busy machine."""
LONG = 600.0
"""Seconds for a piece of the answer to a pull, and for a stop with its grace."""
OLDEST = "1.41"
"""Version of the API that is spoken, of Docker 20.10; to an engine that has given it up, the oldest that it speaks."""
_BROKEN = (RequestException, HTTPError, OSError)
_SAID: tuple[tuple[str, type[LockgateError], str], ...] = (
    (r"no space left on device|disk quota exceeded", StorageFull, "Free some space on the engine's disk."),
    (
        r"address already in use|port is already allocated|cannot assign requested address",
        Unavailable,
        "It is tried again with another port.",
    ),
    (r"HTTP request to an HTTPS server", Unavailable, "Give the target the folder of its certificates, with tls."),
    (r"network \S+ not found", ComponentMissing, "Make it with docker network create, or name another."),
    (r"bind source path does not exist|bind mount source", ComponentMissing, "Make that folder on its machine."),
    (r"OCI runtime|executable file|unable to find (user|group)|no matching entries", PreparationFailed, ""),
)
"""What engines say whatever the status, and what it means; the first that fits."""


class Engine:
    """One engine, by its URL: ``unix:///path``, ``tcp://host:port`` (with TLS by the files of a folder) or
    ``ssh://user@host``. Empty: what ``DOCKER_HOST`` names, or the usual socket."""

    def __init__(self, url: str = "", tls: str = "") -> None:
        self.url = url or os.environ.get("DOCKER_HOST", "") or SOCKET
        self._tls = tls or (os.environ.get("DOCKER_CERT_PATH", "") if not url else "")
        self._tunnel = Tunnel(self.url) if self.url.startswith("ssh://") else None
        self._idle: dict[float, list[docker.APIClient]] = {}
        self._lock = threading.Lock()
        self._version = ""
        """Of the API that is spoken; empty: it has not been asked yet."""

    @property
    def is_socket(self) -> bool:
        return self.url.startswith("unix://")

    @property
    def host(self) -> str:
        """Where published and allotted ports of its containers are reached, as a number if it can be told."""
        if self.is_socket:
            return "127.0.0.1"
        name = urlsplit(self.url).hostname or "127.0.0.1"
        try:
            return socket.gethostbyname(name)
        except OSError:
            return name

    @contextlib.contextmanager
    def asked(self, doing: str, patience: float = PATIENCE) -> Iterator[docker.APIClient]:
        """A client for as long as it is asked. Raises what the engine says inside as NotFound, Conflict, StorageFull,
        Unavailable, ComponentMissing (a network or folder of the machine), or PreparationFailed for what it refuses.
        ``doing``: for the sentence, as ``starting web-1``."""
        client = None
        try:
            client = self._client(patience)
            yield client
        except APIError as error:
            raise _told(error, doing) from error
        except (DockerException, *_BROKEN) as error:
            # Connections to an engine that has died are of no use to the one that comes after it.
            if client is not None:
                client.close()
                client = None
            self._hang_up()
            raise self._silent(error) from error
        finally:
            if client is not None:
                with self._lock:
                    self._idle.setdefault(patience, []).append(client)

    def follow(self, doing: str, path: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Iterator[Any]:
        """What the engine tells of long work, object by object. Raises as :meth:`asked`."""
        with self.asked(doing, LONG) as api:
            url = f"{api.base_url}/v{api.api_version}{path}"
            # The SDK's own way of following leaves the connection open.
            with api.post(url, params=params, headers=headers, stream=True, timeout=LONG) as answer:
                try:
                    answer.raise_for_status()
                except HTTPStatusError as error:
                    raise create_api_error_from_http_exception(error) from error
                yield from (json.loads(line) for line in answer.iter_lines() if line)

    def close(self) -> None:
        self._hang_up()
        if self._tunnel is not None:
            self._tunnel.close()

    def _hang_up(self) -> None:
        """Of clients that nobody uses now."""
        with self._lock:
            idle = [client for clients in self._idle.values() for client in clients]
            self._idle.clear()
            self._version = ""  # it may come back as another
        for client in idle:
            client.close()

    def _client(self, patience: float) -> docker.APIClient:
        with self._lock:
            idle = self._idle.get(patience)
            if idle:
                return idle.pop()
        if not self._version:
            with contextlib.closing(self._made(patience, OLDEST)) as asking:
                self._version = _spoken(asking)
        return self._made(patience, self._version)

    def _made(self, patience: float, version: str) -> docker.APIClient:
        client = docker.APIClient(
            self._tunnel.url() if self._tunnel is not None else self.url,
            version=version,
            timeout=int(patience),
            tls=self._tls_settings(),
        )
        # Certificates, proxies and passwords for the web, as the environment names them, are not the engine's.
        client.trust_env = False
        if self.is_socket:
            client.mount(f"{client.base_url}/", _Adapter(self.url.removeprefix("unix://"), client.timeout))
        return client

    def _tls_settings(self) -> TLSConfig | bool:
        if not self._tls:
            return False
        folder = Path(self._tls)
        pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
        return TLSConfig(client_cert=pair, ca_cert=str(folder / "ca.pem"), verify=True)

    def _silent(self, error: Exception) -> Unavailable:
        why = (self._tunnel.said() if self._tunnel is not None else "") or _root(error)
        mend = f"Start it, or name another with `engine` of the target; `lockgate doctor` tells more ({why})."
        if "Permission denied" in why:
            mend = "Let the server's user use it: add the user to the group docker, or run Lockgate as root."
        return Unavailable(f"The Docker engine at {self.url} does not answer.", mend)


class _Connection(UnixHTTPConnection):
    """The SDK's own leaves a socket open that could not be connected."""

    def connect(self) -> None:
        with contextlib.ExitStack() as unless_connected:
            self.sock = unless_connected.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            self.sock.settimeout(self.timeout)
            self.sock.connect(self.unix_socket)
            unless_connected.pop_all()


class _Adapter(UnixHTTPAdapter):
    def get_connection(self, url: Any, proxies: Any = None) -> Any:
        pool: Any = super().get_connection(url, proxies)
        pool._new_conn = functools.partial(_Connection, pool.base_url, pool.socket_path, pool.timeout)
        return pool


def _spoken(client: docker.APIClient) -> str:
    """The version of the API to speak. An engine's own list of versions is asked for without one."""
    with client.get(f"{client.base_url}/version", timeout=client.timeout) as answer:
        oldest = str(answer.json().get("MinAPIVersion") or OLDEST) if answer.ok else OLDEST
    return max(OLDEST, oldest, key=lambda version: [int(part) for part in version.split(".")])


def _root(error: BaseException) -> str:
    """What lies at the bottom of a chain of exceptions of connections."""
    while isinstance(error.__context__, (DockerException, *_BROKEN)):
        error = error.__context__
    return str(error).strip() or type(error).__name__


def _told(error: APIError, doing: str) -> LockgateError:
    said = str(error.explanation or error).strip().rstrip(".")
    status = error.response.status_code if error.response is not None else 0
    for pattern, kind, mend in _SAID:
        if re.search(pattern, said, re.IGNORECASE):
            return kind(f"The Docker engine fails at {doing}: {said}.", mend)
    if status == 404:
        return NotFound(f"The Docker engine has nothing for {doing}: {said}.")
    if status == 409:
        return Conflict(f"The Docker engine cannot do {doing} now: {said}.")
    if status >= 500:
        return Unavailable(f"The Docker engine fails at {doing}: {said}.", "It is tried again.")
    return PreparationFailed(f"The Docker engine refuses {doing}: {said}.")
