"""Metrics from a command that prints JSON: ``{"bad": 3, "all": 100}``, or ``{"value": 1.5}``, or just the value."""

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.canary import Metric
from lockgate.core.discretion import Mask
from lockgate.core.errors import ComponentMissing
from lockgate.core.ids import Instant
from lockgate.core.window import Reading
from lockgate.drivers import readings
from lockgate.drivers.readings import Secrets, Settings

LONGEST = 1024 * 1024
"""Bytes that it may print."""


@dataclass(slots=True)
class _Output:
    out: bytes = b""
    err: bytes = b""


class CommandMetrics:
    """See :class:`lockgate.ports.MetricSource`. Settings: ``run``: the words, split as a shell would, without a shell;
    ``token``: name of a secret, given as ``LOCKGATE_TOKEN``; ``timeout``: seconds. It finds the labels as
    ``LOCKGATE_REVISION`` and so on, ``PATH``, an empty folder to work in, and nothing else of ours."""

    def __init__(self, secrets: Secrets, path: str = "", mask: Mask = str) -> None:
        """``path``: ``PATH``; empty: ours."""
        self._secrets, self._mask = secrets, mask
        self._path = path or os.environ.get("PATH", os.defpath)

    def read(self, metric: Metric, labels: Mapping[str, str], at: Instant) -> Reading:
        settings = Settings(metric, labels, self._mask)
        settings.need("run")
        with tempfile.TemporaryDirectory(prefix="lockgate-metric-") as folder:
            output = self._run(settings, _words(settings), Path(folder))
        answer = readings.parsed(settings, output.out)
        fields = answer if isinstance(answer, dict) else {"value": answer}
        if settings.counts:
            return readings.counter(at, fields.get("bad"), fields.get("all"))
        return readings.gauge(at, fields.get("value"), "'value'")

    def _run(self, settings: Settings, words: list[str], folder: Path) -> _Output:
        within = settings.seconds("timeout", readings.PATIENCE)
        process = _started(words, folder, self._environ(settings))
        try:
            output = _read(process, time.monotonic() + within)
        finally:
            _end(process)
        if output is None:
            raise settings.unavailable(f"{words[0]} has not finished within {within:g} s.")
        if len(output.out) > LONGEST:
            raise settings.unavailable(f"{words[0]} prints more than {LONGEST // 1024} KiB.")
        if process.returncode:
            words_ = settings.told_last(output.err) if output.err else settings.told(output.out)
            raise settings.unavailable(f"{words[0]} ended with {process.returncode}: {words_}")
        return output

    def _environ(self, settings: Settings) -> dict[str, str]:
        own = {f"LOCKGATE_{label.upper()}": value for label, value in settings.labels.items()}
        if token := readings.secret(settings, self._secrets):
            own["LOCKGATE_TOKEN"] = token.reveal()
        return {"PATH": self._path, **own}


def _words(settings: Settings) -> list[str]:
    """Split first and filled in then: a label is never more than one word. Raises Invalid."""
    try:
        words = shlex.split(settings.metric.settings["run"])
    except ValueError as error:
        raise settings.invalid("run", f"it is not a command: {error}.", "Close every quote.") from error
    if not words:
        raise settings.invalid("run", "it is empty.", "Write a command.")
    return [settings.filled(word) for word in words]


def _started(words: list[str], folder: Path, environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            words,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        because = f"{words[0]} cannot be run: {error.strerror}."
        raise ComponentMissing(because, "Give its path, or put it on the PATH of the server.") from error


def _read(process: "subprocess.Popen[bytes]", deadline: float) -> _Output | None:
    """Until it has ended, or printed too much. None: it is too late."""
    output = _Output()
    assert process.stdout is not None and process.stderr is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(process.stderr, selectors.EVENT_READ)
        while selector.get_map() and len(output.out) <= LONGEST:
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            for key, _ in ready:
                data = os.read(key.fd, 65536)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    output.out += data
                else:
                    output.err = (output.err + data)[-readings.LOOKED_AT :]
    return output if len(output.out) > LONGEST or _ended(process, deadline) else None


def _ended(process: "subprocess.Popen[bytes]", deadline: float) -> bool:
    """Without taking its status: until then its number is nobody else's."""
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def _end(process: "subprocess.Popen[bytes]") -> None:
    """With everything that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
