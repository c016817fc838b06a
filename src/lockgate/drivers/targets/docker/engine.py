"""The Docker engine: connections to it, and its errors in Lockgate's words.

The SDK's client is used by one thread at a time. Source of the protocol: Docker Engine API v1.41; Podman's compatible
API answers the same calls.
"""

import contextlib
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
from requests.exceptions import HTTPError as HTTPStatusError
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from lockgate.core.errors import Conflict, LockgateError, NotFound, PreparationFailed, StorageFull, Unavailable

SOCKET = "unix:///var/run/docker.sock"
PATIENCE = 10.0
"""Seconds for an answer. Creating and starting take half a second on a busy machine."""
LONG = 600.0
"""Seconds for a piece of the answer to a pull, and for a stop with its grace."""
OLDEST = "1.41"
"""Version of the API that is spoken, of Docker 20.10; newer engines speak it too."""
_BROKEN = (RequestException, HTTPError, OSError)
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


class Silent(Unavailable):
    """The engine does not answer: nobody knows what it has done of what it was asked."""


class Engine:
    """One engine, by its URL: ``unix:///path``, ``tcp://host:port`` (with TLS by the files of a folder) or
    ``ssh://user@host``. Empty: what ``DOCKER_HOST`` names, or the usual socket."""

    def __init__(self, url: str = "", tls: str = "") -> None:
        self.url = url or os.environ.get("DOCKER_HOST", "") or SOCKET
        self._tls = tls or (os.environ.get("DOCKER_CERT_PATH", "") if not url else "")
        self._idle: dict[float, list[docker.APIClient]] = {}
        self._lock = threading.Lock()

    @property
    def is_socket(self) -> bool:
        return self.url.startswith("unix://")

    @property
    def host(self) -> str:
        """Where published and allotted ports of its containers are reached."""
        return "127.0.0.1" if self.is_socket else urlsplit(self.url).hostname or "127.0.0.1"

    @contextlib.contextmanager
    def asked(self, doing: str, patience: float = PATIENCE) -> Iterator[docker.APIClient]:
        """A client for as long as it is asked. Raises what the engine says inside as NotFound, Conflict, StorageFull,
        Unavailable, or PreparationFailed for what it refuses. ``doing``: for the sentence, as ``starting web-1``."""
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
            self.close()
            raise self._silent(error) from error
        finally:
            if client is not None:
                with self._lock:
                    self._idle.setdefault(patience, []).append(client)

    def follow(self, doing: str, path: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Iterator[Any]:
        """What the engine tells of long work, object by object. Raises as :meth:`asked`."""
        with self.asked(doing, LONG) as api:
            url = f"{api.base_url}/v{OLDEST}{path}"
            # The SDK's own way of following leaves the connection open.
            with api.post(url, params=params, headers=headers, stream=True, timeout=LONG) as answer:
                try:
                    answer.raise_for_status()
                except HTTPStatusError as error:
                    raise create_api_error_from_http_exception(error) from error
                yield from (json.loads(line) for line in answer.iter_lines() if line)

    def close(self) -> None:
        """Of clients that nobody uses now."""
        with self._lock:
            idle = [client for clients in self._idle.values() for client in clients]
            self._idle.clear()
        for client in idle:
            client.close()

    def _client(self, patience: float) -> docker.APIClient:
        with self._lock:
            idle = self._idle.get(patience)
            if idle:
                return idle.pop()
        if self.is_socket:
            # The SDK leaves a socket open that it could not connect.
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(patience)
                probe.connect(self.url.removeprefix("unix://"))
        return docker.APIClient(
            self.url,
            version=OLDEST,
            timeout=int(patience),
            tls=self._tls_settings(),
            use_ssh_client=self.url.startswith("ssh://"),
        )

    def _tls_settings(self) -> TLSConfig | bool:
        if not self._tls:
            return False
        folder = Path(self._tls)
        pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
        return TLSConfig(client_cert=pair, ca_cert=str(folder / "ca.pem"), verify=True)

    def _silent(self, error: Exception) -> Silent:
        why = _root(error)
        mend = f"Start it, or name another with `engine` of the target; `lockgate doctor` tells more ({why})."
        if "Permission denied" in why:
            mend = "Let the server's user use it: add the user to the group docker, or run Lockgate as root."
        return Silent(f"The Docker engine at {self.url} does not answer.", mend)


def _root(error: BaseException) -> str:
    """What lies at the bottom of a chain of exceptions."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error).strip() or type(error).__name__


def _told(error: APIError, doing: str) -> LockgateError:
    said = str(error.explanation or error).strip()
    status = error.response.status_code if error.response is not None else 0
    if _FULL.search(said):
        return StorageFull(f"The Docker engine's disk is full; {doing} failed.", "Free some space there.")
    if status == 404:
        return NotFound(f"The Docker engine has nothing for {doing}: {said}.")
    if status == 409:
        return Conflict(f"The Docker engine cannot do {doing} now: {said}.")
    if status >= 500 and "OCI runtime" not in said and "executable file" not in said:
        return Unavailable(f"The Docker engine failed at {doing}: {said}.", "It is tried again.")
    return PreparationFailed(f"The Docker engine refuses {doing}: {said}.")
