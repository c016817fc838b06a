"""The memory about people: who is known, and what they say."""

from collections.abc import Sequence
from typing import Protocol

from lockgate.core.approval import Approval, Delegation, Rejection, Review
from lockgate.core.audit import Event
from lockgate.core.people import Person, PersonalToken


class People(Protocol):
    """Who is known."""

    def add(self, person: Person, event: Event) -> None:
        """Raises Conflict when there is one of that name."""

    def remove(self, name: str, event: Event) -> None:
        """With all tokens. Raises NotFound."""

    def all(self) -> tuple[Person, ...]:
        """By name."""


class Tokens(Protocol):
    """What proves who somebody is: digests of it."""

    def add(self, token: PersonalToken, event: Event) -> None:
        """Raises NotFound when there is no such person."""

    def revoke(self, token: str, event: Event) -> None:
        """By its id. Raises NotFound."""

    def find(self, digest: str) -> PersonalToken | None: ...

    def of(self, person: str) -> tuple[PersonalToken, ...]:
        """Oldest first."""


class Approvals(Protocol):
    """What people have said of deployments that have not begun. Each wakes the deployment in the same transaction, and
    raises Conflict once that has begun or ended, NotFound when there is none."""

    def give(self, approval: Approval, event: Event) -> None:
        """The same person's former one of the same deployment is replaced."""

    def reject(self, rejection: Rejection, event: Event) -> None:
        """The first reason is the reason. The deployment is asked to end."""

    def void(self, deployment: str, approvals: Sequence[Approval], event: Event) -> None:
        """Those as given, each with why it does not hold any more, which then stays so."""

    def of(self, deployment: str) -> tuple[Approval, ...]:
        """Oldest first."""

    def rejection(self, deployment: str) -> Rejection | None: ...


class Delegations(Protocol):
    """Who approves in whose place."""

    def add(self, delegation: Delegation, event: Event) -> Delegation:
        """Under a new id."""

    def end(self, delegation: str, event: Event) -> None:
        """Raises NotFound."""

    def all(self) -> tuple[Delegation, ...]:
        """Oldest first."""


class Reviews(Protocol):
    """Deployments that broke the glass, and who looked at them."""

    def confirm(self, review: Review, event: Event) -> None:
        """Raises Conflict when it has been confirmed already, NotFound when there is none."""

    def of(self, deployment: str) -> Review | None: ...

    def open(self) -> tuple[Review, ...]:
        """Those that nobody has confirmed, oldest first."""
