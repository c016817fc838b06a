"""Who may come in: the bearer token for programs, login tickets and sessions for browsers.

The token is a file that only its owner can read. A browser never gets it: it trades a ticket that works once (or the
token, pasted) for an opaque session id, kept in a cookie. Only digests of session ids are stored, so the file is no
key. Sessions outlive the server, because a console that signs everybody out when it is restarted helps nobody.
"""

import hashlib
import hmac
import json
import logging
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import Instant

_log = logging.getLogger("lockgate.server")

TOKEN_FILE = "token"
SESSIONS_FILE = "sessions.json"

SESSION_LASTS = 7 * 24 * 3600.0
"""Seconds."""

TICKET_LASTS = 3600.0
"""Seconds."""

SESSIONS_KEPT = 100
"""The oldest goes when there are more."""

_SHORTEST = 20
"""Characters of a token; fewer could be guessed."""


def same(one: str, other: str) -> bool:
    """Compares in a time that does not tell how much of a guess is right."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape"))


def write_private(path: Path, text: str, *, replace: bool) -> bool:
    """Writes a file that only its owner can read, whole or not at all; False if it was there and is left alone."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the first byte
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        if replace:
            Path(name).replace(path)
        else:
            os.link(name, path)
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
    return True


def ensure_token(home: Path) -> str:
    """The token of this data folder, made if there is none. Raises :class:`Invalid` when the file holds no token."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / TOKEN_FILE
    write_private(path, secrets.token_urlsafe(32) + "\n", replace=False)
    if path.stat().st_mode & 0o077:
        _log.warning("%s could be read by others; from now on only its owner can. Remove it to get a new one.", path)
        path.chmod(0o600)
    token = path.read_text(encoding="utf-8", errors="replace").strip()
    if len(token) < _SHORTEST:
        because = f"it holds no token of at least {_SHORTEST} characters."
        raise Invalid(
            [Problem(str(path), None, "", because, "Remove the file; a new token is made at the next start.")]
        )
    return token


@dataclass(frozen=True, slots=True)
class Key:
    """What a ticket or a session opens, and for whom."""

    until: Instant
    person: str = ""
    """Empty: whoever holds the server's own token."""
    token: str = ""
    """Id of the personal token that it was got with: it opens nothing any more once that is revoked."""


class Access:
    """The keys of one data folder. Its methods may be called from any thread."""

    def __init__(self, home: Path, now: Callable[[], Instant] = time.time) -> None:
        self._token = ensure_token(home)
        self._path = home / SESSIONS_FILE
        self._now = now
        self._lock = threading.Lock()
        self._tickets: dict[str, Key] = {}
        self._sessions = _read_sessions(self._path)
        self.door = ""
        """Where browsers come in, such as ``http://localhost:7070``; known once the server listens."""

    @property
    def cookie(self) -> str:
        """Name of the cookie: its own for each data folder, as browsers do not keep the ports of a host apart."""
        return "lockgate_" + _digest(self._token)[:8]

    def holds_token(self, given: str) -> bool:
        return same(given, self._token)

    def mint_ticket(self, person: str = "", token: str = "") -> str:
        """Good for one login, for an hour."""
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._tickets[_digest(ticket)] = Key(self._now() + TICKET_LASTS, person, token)
        return ticket

    def login_url(self, person: str = "", token: str = "") -> str:
        """A link that opens the console, once."""
        return f"{self.door}/login?token={self.mint_ticket(person, token)}"

    def redeem(self, given: str) -> str | None:
        """A new session's id for a ticket, which is used up, or for the token itself; None for anything else."""
        with self._lock:
            ticket = self._tickets.pop(_digest(given), Key(0.0))
            if ticket.until > self._now():
                return self._opened(ticket.person, ticket.token)
            return self._opened("", "") if self.holds_token(given) else None

    def open_for(self, person: str, token: str) -> str:
        """A new session's id for somebody whose personal token has been checked."""
        with self._lock:
            return self._opened(person, token)

    def who(self, session: str) -> Key | None:
        """Whose session it is. Looked up by digest, so the time it takes tells nothing of the ids there are."""
        found = self._sessions.get(_digest(session))
        return found if found is not None and found.until > self._now() else None

    def knows(self, session: str) -> bool:
        return self.who(session) is not None

    def end(self, session: str) -> None:
        """Signs out."""
        with self._lock:
            if self._sessions.pop(_digest(session), None) is not None:
                self._keep()

    def _opened(self, person: str, token: str) -> str:
        session = secrets.token_urlsafe(32)
        self._sessions[_digest(session)] = Key(self._now() + SESSION_LASTS, person, token)
        self._keep()
        return session

    def _keep(self) -> None:
        alive = sorted(((k.until, d) for d, k in self._sessions.items() if k.until > self._now()), reverse=True)
        self._sessions = {digest: self._sessions[digest] for _, digest in alive[:SESSIONS_KEPT]}
        written = {digest: [key.until, key.person, key.token] for digest, key in self._sessions.items()}
        write_private(self._path, json.dumps(written), replace=True)


def _read_sessions(path: Path) -> dict[str, Key]:
    """A file that is missing, damaged or of an older version only means that people sign in again."""
    with suppress(OSError, ValueError, AttributeError, TypeError):
        written = json.loads(path.read_text(encoding="utf-8"))
        return {str(d): Key(float(until), str(person), str(token)) for d, (until, person, token) in written.items()}
    return {}


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
