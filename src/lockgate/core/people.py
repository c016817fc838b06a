"""People: who calls, who is known, and the tokens that prove it."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

from lockgate.core.audit import Event
from lockgate.core.ids import Instant

PERSON_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
"""What people are called: lower case, so that no two names differ by that alone."""

EMAIL = re.compile(r"[^\s<>@,;:\"()\\]+@[^\s<>@,;:\"()\\]+")
"""As Git writes it between the angle brackets."""

_ADDRESS = re.compile(r"<([^<>]+)>\s*$")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Made at the door, once for each request."""

    name: str = ""
    groups: frozenset[str] = frozenset()
    address: str = ""
    """Where the request came from."""
    personal: bool = False
    """Who it is has been proven, by a token of their own or by signing in with one. Otherwise the name is only what
    the caller says."""
    token: str = ""
    """Id of the personal token that proved it."""

    def speaking(self, claimed: str) -> "Caller":
        """Somebody who has not proven a name may say one; a person's own name stands."""
        return self if self.personal or not claimed else replace(self, name=claimed)

    def signed(self, event: Event) -> Event:
        """The event as caused by this caller: it goes into the audit chain."""
        return replace(event, actor=self.name, address=self.address, audited=True)


NOBODY = Caller()
"""In particular."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may have tokens."""

    name: str
    email: str = ""
    added_at: Instant = 0.0
    added_by: str = ""

    def goes_by(self, called: str) -> bool:
        """Whether that names this person: a name, an e-mail address, or ``Name <address>`` as Git writes it. How it is
        written does not count: neither case nor width, nor what nobody sees."""
        told = seen(called)
        found = _ADDRESS.search(told)
        known = {seen(self.name), seen(self.email)} - {""}
        return told in known or (found is not None and found[1].strip() in known)


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """A token as it is kept: not itself, but its sha256."""

    id: str
    """Names it, for lists and for revoking it. It is no part of the token."""
    person: str
    digest: str
    made_at: Instant
    until: Instant | None = None
    """None: for as long as it is not revoked."""

    def holds(self, now: Instant) -> bool:
        return self.until is None or now < self.until


def seen(text: str) -> str:
    """As people see it: two that look the same but for case and width are the same."""
    shown = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) not in ("Cf", "Cc"))
    return unicodedata.normalize("NFKC", shown.casefold()).strip()


def listed(names: Iterable[str]) -> str:
    """``alice, bob and carol``"""
    known = list(names)
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}" if known else "nobody"
