"""Asking for deployments and steering them, and how they stand."""

from dataclasses import dataclass

from lockgate.core.ids import Instant
from lockgate.messages.canary import ForecastView
from lockgate.messages.events import EventView


@dataclass(frozen=True, slots=True)
class Deploy:
    """POST /v1/deployments (and POST /v1/previews, which changes nothing)."""

    application: str
    environment: str
    release: str = "latest"
    """A release id, ``#3``, a version if it names one release only, or ``latest``."""
    reason: str = ""
    urgent: bool = False
    """Pre-empt what is active instead of waiting for it."""
    actor: str = ""
    blind: bool = False
    """Go on although the canary's ramp cannot detect anything at the present traffic."""
    rate: float | None = None
    """Of a preview: requests a second to reckon with; null: what was measured of what runs."""
    errors: float | None = None
    """Of a preview: share of them that fails."""
    at: float | None = None
    """When to begin, in seconds since 1970; null: as soon as the gates are open."""
    next_window: bool = False
    """Begin when the environment opens next; if it is open, at once."""
    break_glass: bool = False
    """An emergency, with a reason: neither approvals nor windows hold it, and a second person looks at it later."""


@dataclass(frozen=True, slots=True)
class Promote:
    """POST /v1/promotions: what runs in the environment before is deployed to ``environment``."""

    application: str
    environment: str
    reason: str = ""
    actor: str = ""
    blind: bool = False
    """Go on although the canary's ramp cannot detect anything at the present traffic."""
    at: float | None = None
    """When to begin, in seconds since 1970; null: as soon as the gates are open."""
    next_window: bool = False
    """Begin when the environment opens next; if it is open, at once."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """POST /v1/rollbacks: the last good release before the present one, with the configuration it had."""

    application: str
    environment: str
    reason: str
    actor: str = ""
    urgent: bool = False
    """Even if it breaks what requires the release that is left."""


@dataclass(frozen=True, slots=True)
class Ask:
    """POST /v1/deployments/{id}/{pause|resume|continue|finish|abort}"""

    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class VerdictView:
    gate: str
    answer: str
    because: str
    until: Instant | None = None
    who: str = ""


@dataclass(frozen=True, slots=True)
class DeploymentView:
    id: str
    application: str
    environment: str
    release: str
    release_label: str
    plan: str
    """Digest."""
    kind: str
    state: str
    want: str
    because: str
    """Why it is where it is."""
    who: str
    """Who can act."""
    actor: str
    reason: str
    urgent: bool
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    state_since: Instant
    step: str
    """Kind of the step it is at."""
    words: str
    """The step as a sentence."""
    steps_taken: int
    component: str
    holds: bool
    final: bool
    failure: str = ""
    cell: str = ""
    """That it is at, where the environment has cells."""
    not_before: Instant | None = None
    """When it was asked to begin."""
    warnings: tuple[str, ...] = ()
    """Said when it is asked for: what it may collide with."""
    personal: bool = False
    """Who asked for it is proven."""
    review_due: Instant | None = None
    """It broke the glass, and a second person was to look at it by then."""
    train: str = ""
    """Name of the train that it belongs to; empty: it is none's."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """GET /v1/deployments/{id}/explain"""

    deployment: DeploymentView
    sentences: tuple[str, ...]
    """Where it is, why, since when, what it waits for, who can act: in this order."""
    verdicts: tuple[VerdictView, ...]
    plan: tuple[str, ...]
    """The plan in words."""
    timeline: tuple[EventView, ...]
    commands: tuple[str, ...]
    """Command lines that make sense now."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a deployment would do. Nothing has been changed."""

    application: str
    environment: str
    release: str
    release_label: str
    plan: str
    """Digest."""
    sentences: tuple[str, ...]
    verdicts: tuple[VerdictView, ...]
    forecasts: tuple[ForecastView, ...] = ()
    """What each component's canary could find out."""
    not_before: Instant | None = None
    """When it would begin at the earliest."""
    warnings: tuple[str, ...] = ()
    """What it may collide with."""
