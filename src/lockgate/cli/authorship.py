"""Authorship: who wrote what is new in a release, as Git tells it."""

import subprocess
from contextlib import suppress
from pathlib import Path

from lockgate.cli.surroundings import application_in
from lockgate.client import Client
from lockgate.core.errors import LockgateError

PATIENCE = 10.0
"""Seconds for Git."""

_FORMAT = "--format=%ae%n%(trailers:key=Co-authored-by,valueonly)"


def last_commit(definition: str) -> str:
    """Of the newest release of the application before; empty if none is known."""
    with suppress(LockgateError, IndexError):
        return Client().releases(application_in(definition), 1)[0].commit
    return ""


def authors_since(folder: Path, before: str, commit: str) -> tuple[str, ...]:
    """E-mail addresses of whoever wrote the commits after ``before`` up to ``commit`` (empty: what is checked out), or
    of that one alone if the one before is not known. None, where the folder is no working copy."""
    at = commit or "HEAD"
    ways = [[f"{before}..{at}"], ["-1", at]] if before else [["-1", at]]
    for way in ways:
        said = _git_log(folder, way)
        if said:
            return tuple(dict.fromkeys(part.strip() for part in said.splitlines() if part.strip()))
    return ()


def _git_log(folder: Path, which: list[str]) -> str:
    words = ["git", "-C", str(folder), "log", _FORMAT, "--end-of-options", *which, "--", "."]
    if which[0] == "-1":
        words = ["git", "-C", str(folder), "log", _FORMAT, "-1", "--end-of-options", *which[1:], "--"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
