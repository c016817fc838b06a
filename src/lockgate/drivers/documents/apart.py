"""Reading a document in a process of its own: whatever is in it, only that process pays for it."""

import os
import subprocess
import sys
from pathlib import Path

from lockgate.core.errors import Invalid, Problem
from lockgate.core.evidence import Contents, Format
from lockgate.decoding import UNREADABLE, decoded
from lockgate.drivers.documents.reading import MEMORY, REFUSED, SECONDS
from lockgate.drivers.documents.wire import refused

PATIENCE = 2 * SECONDS
"""Seconds by the clock: on a busy machine it waits for its turn."""


def read_apart(path: Path, wanted: Format | None) -> Contents:
    """What is in the file. Raises :class:`Invalid`, also for what takes too much time or memory."""
    words = [sys.executable, "-m", "lockgate.drivers.documents.reading", str(path), *([wanted.value] if wanted else [])]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            words, env=environment, capture_output=True, timeout=PATIENCE, start_new_session=True, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _too_much() from error
    if done.returncode == REFUSED:
        raise Invalid(decoded(done.stdout, tuple[Problem, ...]))
    if done.returncode != 0:
        raise _too_much()
    try:
        return decoded(done.stdout, Contents)
    except UNREADABLE as error:
        raise _too_much() from error


def _too_much() -> Invalid:
    because = f"it cannot be read within {SECONDS} s and {MEMORY // 2**20} MiB; nothing was kept of it."
    return refused(because, "Attach a smaller one: one document for each component.")
