"""Runs the server on a socket: bind, tell that it listens, serve until asked to stop, leave no file behind.

uvicorn runs in a thread of its own, so that it does not take over the process's signals: what ends the process is
decided by whoever set ``stop``.
"""

import errno
import json
import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from lockgate.core.errors import Invalid, PortTaken, Problem
from lockgate.server.app import make_app
from lockgate.server.guard import is_loopback
from lockgate.server.operations import OperationsLike
from lockgate.server.token import Access, write_private

_log = logging.getLogger("lockgate.server")

SERVER_FILE = "server.json"

GRACE = 5
"""Seconds that requests under way have to end."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Told once, when requests are answered."""

    url: str
    """For programs: ``http://127.0.0.1:7070``."""
    login_url: str
    """Opens the console, once. On ``localhost`` where the address is a loopback one: deployed applications live on
    other ports of 127.0.0.1, and a browser would send them the session's cookie."""


def run(
    operations: OperationsLike,
    *,
    home: Path,
    host: str = "127.0.0.1",
    port: int = 7070,
    hosts: frozenset[str] = frozenset(),
    on_listening: Callable[[Listening], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Serves until ``stop`` is set (it is also set when the server ends by itself).

    ``home`` is the data folder, ``port`` 0 any free one; ``hosts`` are names of this machine that requests may carry
    besides those of the loopback. Raises :class:`PortTaken`, :class:`Invalid` for an address that cannot be used, and
    what the token's file raises.
    """
    stop = stop or threading.Event()
    access = Access(home)
    with bound(host, port, hosts) as listener:
        app = make_app(operations, access, hosts)
        server = _Server(app, listener, stop)
        server.start()
        where = _listening(listener, access)
        try:
            if server.wait_until_listening():
                _write_server_file(home, where.url)
                if on_listening is not None:
                    on_listening(where)
                stop.wait()
        finally:
            server.end()
            _remove_server_file(home)
    if server.failure is not None:
        raise server.failure


def bound(host: str, port: int, hosts: frozenset[str]) -> socket.socket:
    """A listening socket. Raises :class:`PortTaken` and :class:`Invalid`, naming the address."""
    if not (is_loopback(host) or hosts):
        because = f"{host} can be reached from other machines, and no host name is allowed."
        raise Invalid([Problem("settings", None, "hosts", because, "Name those that may be used, or use 127.0.0.1.")])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, each answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            because = f"Another program listens on {host}:{port}."
            raise PortTaken(because, "Stop it, or give Lockgate another port.") from error
        because = f"it cannot be listened on: {error}."
        raise Invalid([Problem("settings", None, f"{host}:{port}", because)]) from error
    return listener


def _listening(listener: socket.socket, access: Access) -> Listening:
    host, port = listener.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    access.door = f"http://{'localhost' if is_loopback(host) else named}:{port}"
    return Listening(f"http://{named}:{port}", access.login_url())


class _Server:
    """uvicorn in a thread."""

    def __init__(self, app: Starlette, listener: socket.socket, stop: threading.Event) -> None:
        self._tail = app.state.tail
        self._listener = listener
        self._stop = stop
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="lockgate-server")
        self.failure: Exception | None = None
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=GRACE,
            ),
            self._begun.set,
            self._tail.close,
        )

    def start(self) -> None:
        self._thread.start()

    def wait_until_listening(self) -> bool:
        """False when it has failed instead."""
        self._begun.wait()
        return self._uvicorn.started

    def end(self) -> None:
        self._uvicorn.should_exit = True
        self._thread.join()

    def _serve(self) -> None:
        try:
            self._uvicorn.run(sockets=[self._listener])
        except Exception as error:
            _log.exception("the server ended by itself")
            self.failure = error
        finally:
            self._begun.set()
            self._stop.set()


class _Uvicorn(uvicorn.Server):
    """Tells when it listens, and ends event streams before it waits for requests to end."""

    def __init__(self, config: uvicorn.Config, begun: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._begun = begun
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)


def _write_server_file(home: Path, url: str) -> None:
    text = json.dumps({"url": url, "pid": os.getpid(), "version": version("lockgate")})
    write_private(home / SERVER_FILE, text + "\n", replace=True)


def _remove_server_file(home: Path) -> None:
    """Only our own: a server started since may have written its own."""
    path = home / SERVER_FILE
    try:
        if json.loads(path.read_text(encoding="utf-8"))["pid"] == os.getpid():
            path.unlink()
    except (OSError, ValueError, KeyError, TypeError):
        return
