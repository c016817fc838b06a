"""Approval: what an environment demands of people before a deployment, and what they have said.

Consent is given to a :class:`Subject`, by its digest: the plan, the environment's rules, and whatever else a policy
binds. Anything that changes in it makes another digest, and consent to the former is no consent to the latter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lockgate.core.ids import Digest, Instant, digest_of

DAY = 86400.0


class Party(StrEnum):
    """Who had a part in it, and so may be kept from approving it."""

    AUTHOR = "author"
    """Whoever wrote the changes."""
    REQUESTER = "requester"
    """Whoever asked for the deployment."""
    BUILDER = "builder"
    """Whoever, or whatever, built the release."""


class ApprovalExemption(StrEnum):
    """What needs no approval."""

    ROLLBACK = "rollback"
    """Going back to what ran here before."""


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """``approvals`` of an environment."""

    groups: tuple[str, ...]
    """Whose members may approve."""
    count: int = 1
    """How many people must."""
    barred: tuple[Party, ...] = (Party.AUTHOR, Party.REQUESTER)
    """Who may not, whatever group they are in."""
    expires: float = DAY
    """Seconds that an approval holds; a deployment that has not begun by then needs another."""
    exempt: tuple[ApprovalExemption, ...] = (ApprovalExemption.ROLLBACK,)


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """``break_glass`` of an environment: who may deploy without approvals and outside windows, in an emergency."""

    groups: tuple[str, ...]
    review: float = DAY
    """Seconds within which a second person must look at it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What somebody consents to."""

    plan: Digest
    """Which holds the release, the target, the strategy, the configuration and the secrets' versions."""
    rules: Mapping[str, Any]
    """The environment as it is written."""
    bound: Mapping[str, str] = field(default_factory=dict)
    """What else: its name (``policies``) -> its digest."""

    @property
    def digest(self) -> Digest:
        return digest_of(self)


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's consent."""

    deployment: str
    person: str
    subject: Digest
    at: Instant
    until: Instant
    comment: str = ""
    seen: Subject | None = None
    """The subject itself, to tell what has changed since."""
    behalf: str = ""
    """Who has delegated it to the person; empty: it is the person's own."""
    void: str = ""
    """Why it does not hold any more; empty: nobody has seen that it does not."""

    @property
    def authority(self) -> str:
        """Whose right to approve it uses up."""
        return self.behalf or self.person


@dataclass(frozen=True, slots=True)
class Rejection:
    """One person's no. It ends the deployment."""

    deployment: str
    person: str
    at: Instant
    reason: str


@dataclass(frozen=True, slots=True)
class Delegation:
    """One person approves in the place of another for a while. What was delegated cannot be delegated on."""

    giver: str
    taker: str
    since: Instant
    until: Instant
    environment: str = ""
    """Empty: in all of them."""
    id: str = ""

    def covers(self, environment: str, at: Instant) -> bool:
        return self.environment in ("", environment) and self.since <= at < self.until


@dataclass(frozen=True, slots=True)
class Review:
    """A deployment that broke the glass, and who looked at it afterwards."""

    deployment: str
    application: str
    environment: str
    actor: str
    """Who broke it."""
    reason: str
    at: Instant
    due: Instant
    groups: tuple[str, ...] = ()
    """Whose members may look at it, as it was then."""
    person: str = ""
    """The second person; empty: nobody has confirmed it yet."""
    reviewed_at: Instant | None = None
    comment: str = ""

    def overdue(self, now: Instant) -> bool:
        return not self.person and now >= self.due


def members(groups: Mapping[str, Sequence[str]], named: Sequence[str]) -> tuple[str, ...]:
    """Everybody who is in one of the groups named, each once."""
    return tuple(dict.fromkeys(person for name in named for person in groups.get(name, ())))
