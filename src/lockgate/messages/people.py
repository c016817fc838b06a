"""People and their tokens, as messages."""

from dataclasses import dataclass

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class AddPerson:
    """POST /v1/people"""

    name: str
    email: str = ""
    expires: float | None = None
    """Seconds that the first token holds; null: until it is revoked."""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class MakeToken:
    """POST /v1/people/{name}/tokens"""

    expires: float | None = None
    """Seconds that it holds; null: until it is revoked."""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Leave:
    """POST /v1/people/{name}/remove and POST /v1/tokens/{id}/revoke"""

    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token, without itself."""

    id: str
    made_at: Instant
    until: Instant | None = None
    """null: until it is revoked."""


@dataclass(frozen=True, slots=True)
class PersonView:
    name: str
    email: str
    added_at: Instant
    added_by: str
    groups: tuple[str, ...] = ()
    """As environments.yaml says now."""
    tokens: tuple[TokenView, ...] = ()


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token, told this once."""

    person: str
    id: str
    token: str
    until: Instant | None = None


@dataclass(frozen=True, slots=True)
class CallerView:
    """GET /v1/me: whom the server takes the caller for."""

    name: str
    personal: bool
    """Who it is has been proven. Otherwise the server's own token came with the request, and the name is only said."""
    groups: tuple[str, ...] = ()
