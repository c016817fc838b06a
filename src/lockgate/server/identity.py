"""Identity: who a request comes from, by its token or its session.

The server's own token proves that somebody runs this server, and not who: the name is then only what the caller says.
A personal token, or a session that was opened with one, proves the person.
"""

import getpass
import ipaddress
import os

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.types import Scope

from lockgate.core.people import Caller
from lockgate.server.operations import PeopleDeskLike
from lockgate.server.token import Access

CALLER = "lockgate.caller"
"""Where the guard leaves the caller in a request's scope."""

IDENTITY = "lockgate.identity"
"""Where it leaves whom to ask again."""

ACTOR_HEADER = "x-lockgate-actor"


class Identity:
    """``people``: the desk that knows personal tokens."""

    def __init__(self, access: Access, people: PeopleDeskLike) -> None:
        self._access = access
        self._people = people

    def recognised(self, request: HTTPConnection) -> Caller | None:
        """By its token, else by its session."""
        return self.by_token(request) or self.by_session(request)

    def by_token(self, request: HTTPConnection) -> Caller | None:
        """None: no token came with it that opens anything."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        given = given.strip()
        if scheme.lower() != "bearer":
            return None
        if self._access.holds_token(given):
            return _unproven(request)
        return self._people.bearer(given, address_of(request.scope, request.headers))

    def by_session(self, request: HTTPConnection) -> Caller | None:
        """None: no session came with it, or it is over."""
        found = self._access.who(request.cookies.get(self._access.cookie, ""))
        if found is None:
            return None
        return (
            self._people.known(found.person, found.token, address_of(request.scope, request.headers))
            if found.person
            else _unproven(request)
        )

    def session_for(self, given: str, request: HTTPConnection) -> str | None:
        """A new session's id for a ticket, the server's own token, or a personal one; None for anything else."""
        session = self._access.redeem(given)
        if session is not None:
            return session
        caller = self._people.bearer(given, address_of(request.scope, request.headers))
        return None if caller is None else self._access.open_for(caller.name, caller.token)


def caller_of(request: Request) -> Caller:
    """As the guard has found out; nobody in particular where it lets everybody in."""
    found = request.scope.get(CALLER)
    return found if isinstance(found, Caller) else Caller()


async def still_let_in(request: Request) -> bool:
    """Whether what let a request in still opens the door: a body may take hours, and a stream days."""
    identity = request.scope.get(IDENTITY)
    return not isinstance(identity, Identity) or await to_thread.run_sync(identity.recognised, request) is not None


async def demand_let_in(request: Request) -> None:
    """Raises :class:`HTTPException` 401 when the token was revoked, or the session ended, while the request came."""
    if not await still_let_in(request):
        raise HTTPException(401, "The token or session that came with the request has ended meanwhile. Sign in again.")


def address_of(scope: Scope, headers: Headers) -> str:
    """Who is at the other end, for the record: ``127.0.0.1``, or ``127.0.0.1 for 10.0.0.7`` where a proxy says so. That
    is its word alone, as only programs of this machine reach the server."""
    client = scope.get("client")
    near = str(client[0]) if client else "unknown"
    far = headers.get("x-forwarded-for", "").partition(",")[0].strip()
    try:
        return f"{near} for {ipaddress.ip_address(far)}" if far else near
    except ValueError:
        return near


def local_user() -> str:
    """Name of the user the server runs as."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for its user
        return f"uid-{os.getuid()}"


def _unproven(request: HTTPConnection) -> Caller:
    return Caller(
        request.headers.get(ACTOR_HEADER, "") or local_user(), address=address_of(request.scope, request.headers)
    )
