"""The health prober: asks each instance by itself, often while it starts and now and then once it is ready.

One thread for all, with sockets that never block, so that an application that hangs delays nobody else. An answer
counts only when ``confirm`` says that it came from the instance's own process: see ``listeners``.
"""

import contextlib
import errno
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lockgate.core.application import Health

FASTEST, SLOWEST = 0.002, 0.1
"""Seconds between checks of something that starts: at first, and at most."""
PATIENCE = 0.01
"""Share of its age that a starting instance waits for the next check: late by 1 % at most."""
CROWD = 0.0004
"""Seconds between checks for each instance that starts: those of many together take no more than a part of a core."""
FAILURES = 3
"""Bad answers in a row until a ready instance is unready."""
ATTENTION = 5.0
"""Seconds that checks go on after somebody last looked."""

_CONNECTING = (0, errno.EINPROGRESS, errno.EAGAIN)


@dataclass(frozen=True, slots=True)
class Probe:
    """What to ask, and whom to tell. The callbacks run in the prober's thread and must be quick."""

    host: str
    port: int
    health: Health
    confirm: Callable[[], str]
    """Called after enough good answers: empty if they were the instance's own, else why not."""
    lost: Callable[[str], None]
    """Called with the reason when a ready instance has become unready."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks have said so far."""

    ready: bool | None
    """None: not decided yet."""
    because: str
    checked: bool = True
    """Whether there has been any answer, or failure to get one."""


@dataclass(slots=True)
class _Subject:
    probe: Probe
    life: int
    born: float
    ready: bool | None = None
    passes: int = 0
    failures: int = 0
    because: str = "It has not been checked yet."
    refused: str = ""
    """Why the good answers so far do not count; it stays told while more of them come."""
    due: float = 0.0
    wanted_until: float = 0.0
    connection: socket.socket | None = None
    asked: bool = False
    began: float = 0.0
    answer: bytes = field(default=b"")

    def verdict(self) -> Verdict:
        checked = self.ready is not None or bool(self.passes or self.failures or self.refused)
        return Verdict(self.ready, self.because, checked)


class Prober:
    """Start it by watching something; it stops with :meth:`close` or with the process. ``changed`` is called after
    each change of a verdict, in the prober's thread."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self._subjects: dict[str, _Subject] = {}
        self._forgotten: list[_Subject] = []
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, name: str, life: int, probe: Probe, ready: bool | None = None) -> Verdict:
        """Checks ``name`` for a while, from now if it is new. What is known of another ``life`` of it is forgotten.
        ``ready``: what the caller knows of a new one."""
        now = time.monotonic()
        with self._lock:
            subject = self._subjects.get(name)
            asleep = subject is None or subject.wanted_until < now
            if subject is None or subject.life != life:
                because = "It passes its checks." if ready else "It has not been checked yet."
                self._drop(name)
                subject = self._subjects[name] = _Subject(probe, life, now, ready, because=because)
                asleep = True
            subject.wanted_until = now + _attention(probe)
            self._start()
        if asleep:
            self._ring()
        return subject.verdict()

    def verdict(self, name: str, life: int) -> Verdict | None:
        """Of something that is being watched, which goes on; None: watch it."""
        now = time.monotonic()
        with self._lock:
            subject = self._subjects.get(name)
            if subject is None or subject.life != life or subject.wanted_until < now:
                return None
            subject.wanted_until = now + _attention(subject.probe)
            return subject.verdict()

    def forget(self, name: str) -> None:
        with self._lock:
            self._drop(name)

    def _drop(self, name: str) -> None:
        subject = self._subjects.pop(name, None)
        if subject is not None:
            # Its connection belongs to the thread.
            self._forgotten.append(subject)

    def close(self) -> None:
        self._closed = True
        self._ring()
        if self._thread is not None:
            self._thread.join()
        for channel in (self._bell, self._ear):
            channel.close()
        self._selector.close()

    def _start(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="prober", daemon=True)
            self._thread.start()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):
            self._bell.send(b"!")

    # --- the thread ---

    def _run(self) -> None:
        while not self._closed:
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is self._ear:
                    with contextlib.suppress(OSError):
                        self._ear.recv(4096)
                else:
                    self._go_on(key.data)
            self._tend(time.monotonic())
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, _Subject):
                self._hang_up(key.data)

    def _patience(self) -> float | None:
        now = time.monotonic()
        with self._lock:
            times = [self._next(s) for s in self._subjects.values() if s.connection or s.wanted_until >= now]
        return max(0.0, min(times) - now) if times else None

    def _next(self, subject: _Subject) -> float:
        return subject.began + subject.probe.health.timeout if subject.connection else subject.due

    def _tend(self, now: float) -> None:
        with self._lock:
            subjects, forgotten = list(self._subjects.values()), self._forgotten
            self._forgotten = []
        for subject in forgotten:
            self._hang_up(subject)
        for subject in subjects:
            if subject.connection is not None:
                if now - subject.began >= subject.probe.health.timeout:
                    self._fail(subject, f"was not answered within {subject.probe.health.timeout:g} s.")
            elif subject.wanted_until >= now >= subject.due:
                self._ask(subject, now)

    def _ask(self, subject: _Subject, now: float) -> None:
        subject.began, subject.asked, subject.answer = now, False, b""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        result = connection.connect_ex((subject.probe.host, subject.probe.port))
        subject.connection = connection
        if result in _CONNECTING:
            self._selector.register(connection, selectors.EVENT_WRITE, subject)
        else:
            self._fail_to_connect(subject, result)

    def _go_on(self, subject: _Subject) -> None:
        connection = subject.connection
        if connection is None:
            return
        try:
            if subject.asked:
                self._read(subject, connection)
            else:
                self._write(subject, connection)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(subject, f"failed: {error.strerror}.")

    def _write(self, subject: _Subject, connection: socket.socket) -> None:
        result = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if result:
            self._fail_to_connect(subject, result)
        elif connection.getsockname() == connection.getpeername():
            # On a free port of the range for outgoing connections a socket may connect to itself.
            self._fail_to_connect(subject, errno.ECONNREFUSED)
        elif not subject.probe.health.path:
            self._pass(subject)
        else:
            connection.send(_request(subject.probe))
            subject.asked = True
            self._selector.modify(connection, selectors.EVENT_READ, subject)

    def _read(self, subject: _Subject, connection: socket.socket) -> None:
        data = connection.recv(4096)
        subject.answer += data
        status = _status(subject.answer)
        if status is None and data:
            return
        if status is None:
            self._fail(subject, "was cut off without an answer.")
        elif 200 <= status < 300:
            self._pass(subject)
        else:
            self._fail(subject, f"answered {status}." if status else "answered something that is not HTTP.")

    # --- what an answer means ---

    def _pass(self, subject: _Subject) -> None:
        self._hang_up(subject)
        subject.failures = 0
        subject.passes += 1
        if not subject.ready and subject.passes >= subject.probe.health.passes:
            subject.refused = subject.probe.confirm()
            subject.ready = True if not subject.refused else subject.ready
            subject.because = subject.refused or "It passes its checks."
            subject.passes = subject.passes if subject.ready else 0
            self._changed()
        elif not subject.ready:
            subject.because = (
                subject.refused or f"{subject.passes} of {subject.probe.health.passes} checks in a row have passed."
            )
        self._plan(subject)

    def _fail_to_connect(self, subject: _Subject, number: int) -> None:
        if number == errno.ECONNREFUSED:
            self._fail(subject, "", f"Nothing listens on {subject.probe.host}:{subject.probe.port}.")
        else:
            self._fail(subject, f"failed: {os.strerror(number)}.")

    def _fail(self, subject: _Subject, how: str, because: str = "") -> None:
        self._hang_up(subject)
        subject.passes, subject.refused = 0, ""
        subject.failures += 1
        what = f"GET {subject.probe.health.path}" if subject.probe.health.path else "Connecting"
        subject.because = because or f"{what} on {subject.probe.host}:{subject.probe.port} {how}"
        if subject.ready and subject.failures >= FAILURES:
            subject.ready = False
            subject.probe.lost(subject.because)
            self._changed()
        self._plan(subject)

    def _plan(self, subject: _Subject) -> None:
        """When to ask again. Between good answers of something that starts: at once."""
        now = time.monotonic()
        if subject.ready:
            subject.due = now + subject.probe.health.interval
        elif subject.passes:
            subject.due = now
        else:
            subject.due = now + min(SLOWEST, max(FASTEST, (now - subject.born) * PATIENCE, CROWD * self._starting()))

    def _starting(self) -> int:
        with self._lock:
            return sum(1 for subject in self._subjects.values() if not subject.ready)

    def _hang_up(self, subject: _Subject) -> None:
        connection, subject.connection = subject.connection, None
        if connection is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(connection)
            connection.close()


def _attention(probe: Probe) -> float:
    return max(ATTENTION, 2 * probe.health.interval)


def _request(probe: Probe) -> bytes:
    lines = (
        f"GET {probe.health.path} HTTP/1.1",
        f"Host: {probe.host}:{probe.port}",
        "User-Agent: lockgate-health",
        "Accept: */*",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _status(answer: bytes) -> int | None:
    """Of an HTTP/1 answer's first line (RFC 9112, section 4); None: not complete. 0: not HTTP."""
    if len(answer) < 12:
        return None
    words = answer[:16].split()
    return int(words[1][:3]) if answer.startswith(b"HTTP/1.") and len(words) > 1 and words[1][:3].isdigit() else 0
