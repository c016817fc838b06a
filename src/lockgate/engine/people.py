"""People: who is known, and the tokens that prove it. A desk of the operations, for whoever calls."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lockgate.core.audit import SYSTEM, Event
from lockgate.core.environment import Catalogue
from lockgate.core.errors import Conflict, Denied, Invalid, LockgateError, Problem
from lockgate.core.ids import Instant
from lockgate.core.people import EMAIL, NOBODY, PERSON_NAME, Caller, Person, PersonalToken
from lockgate.messages.people import AddPerson, CallerView, Leave, MakeToken, NewToken, PersonView, TokenView
from lockgate.ports import Clock, Store

PREFIX = "lg_"
"""Of every personal token, so that people and scanners of repositories know one when they see it."""

BYTES = 32
"""Of chance in a token: 256 bits."""


@dataclass(frozen=True, slots=True)
class PeopleDesk:
    """``catalogue`` gives the groups as they are written now."""

    store: Store
    clock: Clock
    catalogue: Callable[[], Catalogue]
    caller: Caller = NOBODY

    # --- at the door ---

    def bearer(self, token: str, address: str) -> Caller | None:
        """Whose token it is; None for one that is not there, has expired, or was revoked."""
        if not token.startswith(PREFIX):
            return None
        digest = digest_of(token)
        found = self.store.tokens.find(digest)
        if found is None or not hmac.compare_digest(found.digest, digest) or not found.holds(self.clock.now()):
            return None
        return self._caller_of(found, address)

    def known(self, name: str, token: str, address: str) -> Caller | None:
        """Somebody who signed in with that token, by its id; None when it opens nothing any more."""
        mine = (t for t in self.store.tokens.of(name) if t.id == token and t.holds(self.clock.now()))
        found = next(mine, None)
        return None if found is None else self._caller_of(found, address)

    def _caller_of(self, token: PersonalToken, address: str) -> Caller:
        """A token goes with its person, so whoever has one is known."""
        groups = frozenset(groups_of(token.person, self._groups()))
        return Caller(token.person, groups, address, personal=True, token=token.id)

    def me(self) -> CallerView:
        return CallerView(self.caller.name, self.caller.personal, tuple(sorted(self.caller.groups)))

    # --- who there is ---

    def all(self) -> tuple[PersonView, ...]:
        groups = self._groups()
        return tuple(self._view(person, groups) for person in self.store.people.all())

    def add(self, request: AddPerson) -> NewToken:
        """Somebody new, with a first token, which is told this once. Raises Denied, Invalid, Conflict."""
        self._demand_root("add a person")
        if not PERSON_NAME.fullmatch(request.name) or request.name == SYSTEM:
            mend = "Names have lower-case letters, digits, and . _ - inside, at most 64 characters; lockgate is taken."
            raise Invalid(
                [Problem("request", None, "name", f"{request.name[:100]!r} cannot be a person's name.", mend)]
            )
        self._demand_own_address(request.email)
        until = self._until(request.expires)
        person = Person(request.name, request.email, self.clock.now(), self._caller(request.actor).name)
        self.store.people.add(
            person, self._event("person.added", f"{person.name} was added.", person.name, request.actor)
        )
        return self._minted(person.name, until, request.actor)

    def token(self, name: str, request: MakeToken) -> NewToken:
        """Another token. One that somebody makes with a token of their own ends no later than that: whoever finds one
        does not keep what it opens. Raises Denied, NotFound."""
        self._demand_root_or(name, "make a token for somebody else")
        ends = (self._until(request.expires), self._end_of_own())
        return self._minted(name, min((one for one in ends if one is not None), default=None), request.actor)

    def revoke(self, token: str, request: Leave) -> None:
        """A token by its id. Raises Denied, NotFound."""
        owner = next(
            (p.name for p in self.store.people.all() for t in self.store.tokens.of(p.name) if t.id == token), ""
        )
        self._demand_root_or(owner, "revoke somebody else's token")
        because = f"{owner or 'A'}'s token {token} was revoked{_why(request.reason)}"
        self.store.tokens.revoke(token, self._event("person.token_revoked", because, owner, request.actor))

    def remove(self, name: str, request: Leave) -> None:
        """Somebody, with all tokens; approvals that they have given do not count any more. Raises Denied, NotFound."""
        self._demand_root("remove a person")
        because = f"{name} was removed, with all tokens{_why(request.reason)}"
        self.store.people.remove(name, self._event("person.removed", because, name, request.actor))

    # --- inside ---

    def _demand_own_address(self, email: str) -> None:
        """An address by which Git's authors are known, and of nobody else: who is known twice could agree twice."""
        if email and not (EMAIL.fullmatch(email) and email.isprintable()):
            mend = "Write it as Git has it between < and >: alice@example.com"
            raise Invalid([Problem("request", None, "email", f"{email[:100]!r} is no e-mail address.", mend)])
        owner = next((p.name for p in self.store.people.all() if email and p.goes_by(email)), None)
        if owner is not None:
            because = f"{email} is {owner}'s address already: whoever is known by two names could agree twice."
            raise Conflict(because, f"Give them another token instead: lockgate person token {owner}")

    def _minted(self, name: str, until: Instant | None, actor: str) -> NewToken:
        text = PREFIX + secrets.token_urlsafe(BYTES)
        token = PersonalToken(f"tok-{secrets.token_hex(4)}", name, digest_of(text), self.clock.now(), until)
        because = f"{name} has a new token, {token.id}."
        self.store.tokens.add(token, self._event("person.token_made", because, name, actor))
        return NewToken(name, token.id, text, until)

    def _end_of_own(self) -> Instant | None:
        """Of the token that the caller came with."""
        if not self.caller.personal:
            return None
        return next((t.until for t in self.store.tokens.of(self.caller.name) if t.id == self.caller.token), None)

    def _until(self, expires: float | None) -> Instant | None:
        if expires is None:
            return None
        if not 0 < expires < 1e10:
            raise Invalid([Problem("request", None, "expires", "it must be seconds from now, more than none.")])
        return self.clock.now() + expires

    def _demand_root(self, what: str) -> None:
        if self.caller.personal:
            because = f"{self.caller.name} may not {what}: whoever could, could approve in many names."
            raise Denied(because, "Whoever runs the server may, with its own token (unset LOCKGATE_TOKEN, or log out).")

    def _demand_root_or(self, name: str, what: str) -> None:
        if self.caller.name != name:
            self._demand_root(what)

    def _caller(self, claimed: str) -> Caller:
        return self.caller.speaking(claimed)

    def _event(self, kind: str, because: str, person: str, actor: str) -> Event:
        return self._caller(actor).signed(Event(kind, self.clock.now(), because, data={"person": person}))

    def _groups(self) -> Mapping[str, tuple[str, ...]]:
        """None of them, while the file cannot be read: whoever is in one waits until it can."""
        try:
            return self.catalogue().groups
        except LockgateError:
            return {}

    def _view(self, person: Person, groups: Mapping[str, tuple[str, ...]]) -> PersonView:
        tokens = tuple(TokenView(t.id, t.made_at, t.until) for t in self.store.tokens.of(person.name))
        mine = groups_of(person.name, groups)
        return PersonView(person.name, person.email, person.added_at, person.added_by, mine, tokens)


def digest_of(token: str) -> str:
    """As a token is kept. It is chance through and through, so one round of a plain hash will do."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def groups_of(name: str, groups: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted(group for group, people in groups.items() if name in people))


def _why(reason: str) -> str:
    return f": {reason}" if reason else "."
