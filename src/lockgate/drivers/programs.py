"""Running another program to its end: uv, npm, git.

Each runs in its own session, so that a Ctrl-C meant for Lockgate does not tear it and so that a time-out ends its whole
family. What it wrote is read by the caller, who knows what its errors mean; a full disk means the same for all.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.errors import ComponentMissing, StorageFull, Unavailable

_FULL = re.compile(r"ENOSPC|No space left on device|EDQUOT|Disk quota exceeded|EFBIG|File too large", re.IGNORECASE)
_TAIL = 12


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended and what it wrote."""

    code: int
    out: str
    err: str

    def last_words(self) -> str:
        """The end of what it complained, for an error message."""
        return "\n".join((self.err.strip() or self.out.strip()).splitlines()[-_TAIL:])


def find_program(name: str, purpose: str) -> str:
    """The path of a program on PATH. Raises :class:`ComponentMissing`."""
    found = shutil.which(name)
    if found is None:
        because = f"The program {name!r} is not on this machine's PATH, and {purpose} needs it."
        raise ComponentMissing(because, f"Install {name} for the account that runs Lockgate, and try again.")
    return found


def run_program(
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    given: str = "",
    seconds: float = 600.0,
    keep_open: Sequence[int] = (),
) -> Finished:
    """Runs it and waits. ``keep_open``: descriptors (locks) that it keeps until it has ended.

    Raises :class:`ComponentMissing`, :class:`Unavailable` after ``seconds``, :class:`StorageFull` when it says so.
    """
    process = _start(words, cwd, env, keep_open)
    try:
        out, err = process.communicate(given, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        because = f"{Path(words[0]).name} did not finish within {seconds:g} seconds and was ended."
        raise Unavailable(because, "Look whether its registry can be reached, and try again.") from error
    finally:
        _end(process)
    finished = Finished(process.returncode, out, err)
    full = _FULL.search(finished.err + finished.out)
    if finished.code != 0 and full is not None:
        because = f"{Path(words[0]).name} found no space on the disk: {finished.last_words()}"
        raise StorageFull(because, "Free some space there, and try again.")
    return finished


def _start(
    words: Sequence[str], cwd: Path, env: Mapping[str, str], keep_open: Sequence[int]
) -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(
            list(words),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )
    except FileNotFoundError as error:
        raise ComponentMissing(f"{words[0]} cannot be run: {error.strerror} ({error.filename}).") from error


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
