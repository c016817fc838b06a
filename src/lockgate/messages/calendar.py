"""What is told of calendars."""

from dataclasses import dataclass

from lockgate.core.ids import Instant

# --- requests ---


@dataclass(frozen=True, slots=True)
class NewFeed:
    """POST /v1/feeds"""

    name: str
    environment: str = ""
    """Only of this one; empty: of all."""
    application: str = ""
    """Only deployments of this one; empty: of all."""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class RevokeFeed:
    """POST /v1/feeds/{name}/revoke"""

    reason: str = ""
    actor: str = ""


# --- views ---


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """Something in the calendar."""

    kind: str
    """``open``, ``frozen``; of deployments ``planned``, ``waiting``, ``under way``, ``past``."""
    environment: str
    start: Instant
    end: Instant | None
    """None: not known yet."""
    title: str
    zone: str = ""
    """Whose clocks it is written for; empty: UTC."""
    because: str = ""
    application: str = ""
    deployment: str = ""
    state: str = ""
    exempt: tuple[str, ...] = ()
    """What a freeze lets in."""


@dataclass(frozen=True, slots=True)
class StandingView:
    """Whether deployments may begin in an environment now."""

    environment: str
    open: bool
    because: str
    changes_at: Instant | None
    """When it closes, or opens; None: not that is known."""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class CalendarView:
    """GET /v1/calendar"""

    at: Instant
    since: Instant
    until: Instant
    environments: tuple[StandingView, ...]
    entries: tuple[CalendarEntry, ...]
    """By their start."""
    warnings: tuple[str, ...] = ()
    """Planned deployments that collide with each other or with the windows."""
    problems: tuple[str, ...] = ()
    """Calendars that cannot be read, and what was left out."""


@dataclass(frozen=True, slots=True)
class FeedView:
    """A calendar that somebody has subscribed to."""

    name: str
    environment: str
    application: str
    actor: str
    since: Instant


@dataclass(frozen=True, slots=True)
class FeedLink:
    """Told once, when the feed is made."""

    feed: FeedView
    url: str
    """With its token: whoever has it sees this calendar."""
