"""Where a server answers, and with which token."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockgate.client.logins import kept_token
from lockgate.core.errors import Unavailable


def data_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where a server of this user keeps its data: ``LOCKGATE_HOME``, else the XDG data folder. The same rule as in
    ``config.settings``, told again because that reads YAML, which a command need not wait for."""
    known = os.environ if environ is None else environ
    if known.get("LOCKGATE_HOME"):
        return Path(known["LOCKGATE_HOME"]).expanduser()
    base = known.get("XDG_DATA_HOME", "")
    shared = Path(base) if base.startswith("/") else Path(known.get("HOME") or "/") / ".local" / "share"
    return shared / "lockgate"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server answers."""

    url: str
    token: str = field(repr=False)
    looked_in: str
    """For the sentence when it does not."""


def no_server(looked_in: str) -> Unavailable:
    return Unavailable(f"No Lockgate server answers (looked in {looked_in}).", "Start one with: lockgate serve")


def address_in(home: Path) -> Address:
    """From ``server.json`` and ``token`` in a data folder. Raises :class:`Unavailable` when they are not there."""
    try:
        url = str(json.loads((home / "server.json").read_text())["url"])
        token = (home / "token").read_text().strip()
    except (OSError, ValueError, KeyError) as error:
        raise no_server(str(home)) from error
    return Address(url, token, f"{home}, which names {url}")


def address_from_environment() -> Address:
    """``LOCKGATE_URL``, else what the data folder says; with ``LOCKGATE_TOKEN``, else the token that its user has
    logged in with there, else the server's own from the data folder."""
    url, token = os.environ.get("LOCKGATE_URL", ""), os.environ.get("LOCKGATE_TOKEN", "")
    if url:
        return Address(url, token or kept_token(url), f"LOCKGATE_URL, {url}")
    found = address_in(data_folder())
    return replace(found, token=token or kept_token(found.url) or found.token)
