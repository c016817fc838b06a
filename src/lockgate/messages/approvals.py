"""Approvals, as messages."""

from dataclasses import dataclass

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class Approve:
    """POST /v1/deployments/{id}/approve"""

    subject: str
    """Digest of what the approver has seen. It is refused when that is not what would be deployed any more."""
    comment: str = ""
    behalf: str = ""
    """In whose place, if a delegation lets the caller; empty: in their own, or in that of whoever delegated it."""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """POST /v1/deployments/{id}/reject"""

    reason: str
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Confirm:
    """POST /v1/deployments/{id}/review"""

    comment: str
    """What the second person thinks of the emergency."""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Delegate:
    """POST /v1/delegations"""

    to: str
    """A person."""
    until: Instant
    environment: str = ""
    """Empty: in all of them."""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class EndDelegation:
    """POST /v1/delegations/{id}/end"""

    actor: str = ""


@dataclass(frozen=True, slots=True)
class GivenView:
    """One person's approval."""

    person: str
    at: Instant
    until: Instant
    comment: str = ""
    behalf: str = ""
    """In whose place; empty: in their own."""
    void: str = ""
    """Why it does not hold any more."""


@dataclass(frozen=True, slots=True)
class DelegationView:
    id: str
    giver: str
    taker: str
    since: Instant
    until: Instant
    environment: str = ""
    """Empty: in all of them."""


@dataclass(frozen=True, slots=True)
class ReviewView:
    """A deployment that broke the glass."""

    deployment: str
    application: str
    environment: str
    actor: str
    reason: str
    at: Instant
    due: Instant
    overdue: bool
    person: str = ""
    """Who has confirmed it; empty: nobody yet."""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """GET /v1/deployments/{id}/approval: what is to be approved, and what people have said."""

    deployment: str
    application: str
    environment: str
    release_label: str
    actor: str
    """Who asked for it."""
    reason: str
    subject: str
    """Digest of what would be deployed; an approval names it."""
    answer: str
    """``pass``, ``wait`` or ``deny``: what the gate says."""
    because: str
    who: str
    sentences: tuple[str, ...]
    """What would be deployed, beside what runs."""
    needed: int
    given: tuple[GivenView, ...] = ()
    authors: tuple[str, ...] = ()
    built_by: str = ""
    may: bool = False
    """The caller may approve it now."""
    hindrance: str = ""
    """Why not."""
    final: bool = False
    """It has begun or ended: nothing can be said of it any more."""
    review: ReviewView | None = None


@dataclass(frozen=True, slots=True)
class Inbox:
    """GET /v1/inbox: what waits for people."""

    approvals: tuple[ApprovalView, ...]
    """Those that the caller may give come first."""
    reviews: tuple[ReviewView, ...]
