"""Logins: the personal tokens that the command line keeps for its user, one for each server."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def logins_file(environ: Mapping[str, str] | None = None) -> Path:
    """``lockgate/logins.json`` in the XDG configuration folder."""
    known = os.environ if environ is None else environ
    base = known.get("XDG_CONFIG_HOME", "")
    shared = Path(base) if base.startswith("/") else Path(known.get("HOME") or "/") / ".config"
    return shared / "lockgate" / "logins.json"


def kept_token(url: str) -> str:
    """Empty: nobody has logged in there."""
    return _kept().get(url, "")


def keep(url: str, token: str) -> Path:
    """In a file that only its owner can read. Returns where."""
    return _write({**_kept(), url: token})


def forget(url: str) -> bool:
    """Whether there was one."""
    kept = _kept()
    there = kept.pop(url, None) is not None
    if there:
        _write(kept)
    return there


def _kept() -> dict[str, str]:
    """A file that is missing or damaged only means that its user logs in again."""
    try:
        return {str(url): str(token) for url, token in json.loads(logins_file().read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write(kept: Mapping[str, str]) -> Path:
    path = logins_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".logins.")  # 0600 from the first byte
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(kept, file)
    Path(name).replace(path)
    return path
