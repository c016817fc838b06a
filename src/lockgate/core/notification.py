"""Notification: who is to hear of what, where and when, and how a delivery stands. Pure.

A rule chooses events for a channel. What it chooses becomes a delivery, one for each event and channel whatever the
number of rules; those of a digest are put into one parcel when they are due.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from lockgate.core.audit import Event
from lockgate.core.ids import Instant
from lockgate.core.message import Message, subject
from lockgate.core.secret import SecretSource


class Service(StrEnum):
    """What speaks to a channel."""

    SLACK = "slack"
    TEAMS = "teams"
    EMAIL = "email"
    WEBHOOK = "webhook"
    APPRISE = "apprise"


@dataclass(frozen=True, slots=True)
class Channel:
    """A named place where people, or programs, hear of things."""

    name: str
    service: Service
    settings: Mapping[str, str] = field(default_factory=dict)
    """What may be shown of it: ``smtp``, ``from``, ``tls``, ``user``."""
    recipients: tuple[str, ...] = ()
    """Addresses of e-mail."""
    secrets: Mapping[str, tuple[SecretSource, ...]] = field(default_factory=dict)
    """``url``, ``secret``, ``password`` -> where each is kept; several of one name while a key is being replaced, the
    newest first."""

    def secret(self, name: str) -> SecretSource | None:
        """The newest of that name."""
        return next(iter(self.secrets.get(name, ())), None)


GROUPS: Mapping[str, tuple[str, ...]] = {
    "failures": (
        *(f"{what}.{how}" for what in ("deployment", "train") for how in ("rolling_back", "rolled_back", "failed")),
        "promotion.refused",
    ),
    "waits": ("deployment.gated", "deployment.paused", "task.opened"),
    "approvals": ("approval.*",),
    "started": ("deployment.running",),
    "finished": (
        *(
            f"{what}.{end}"
            for what in ("deployment", "train")
            for end in ("succeeded", "rolled_back", "failed", "aborted")
        ),
        "deployment.superseded",
    ),
    "quarantine": ("quarantine.*",),
    "repairs": ("environment.repaired",),
    "all": ("*",),
}
"""Word -> patterns of kinds of events."""

TOO_MANY = "deployment.step"
"""Of these there are a dozen in each deployment: only who asks for them by this name hears of them."""

DEFAULT_ON = ("failures", "waits", "approvals")


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When what has gathered is told: every so many seconds, or once a day."""

    every: float = 86400.0
    minute: int | None = None
    """Of the day, in ``zone``; None: ``every`` counts."""
    zone: str = "UTC"

    def after(self, now: Instant) -> Instant:
        """The next time, later than now."""
        if self.minute is None:
            return (now // self.every + 1) * self.every
        local = datetime.fromtimestamp(now, ZoneInfo(self.zone))
        days = (local.replace(fold=0) + timedelta(days=ahead) for ahead in range(3))
        return next(at for day in days if (at := self._on(day)) > now)

    def _on(self, day: datetime) -> Instant:
        """A time that a change of the clock leaves out is an hour later; one that comes twice is the first."""
        assert self.minute is not None
        return day.replace(hour=self.minute // 60, minute=self.minute % 60, second=0, microsecond=0).timestamp()

    def __str__(self) -> str:
        if self.minute is None:
            return f"every {self.every:g} s"
        return f"daily {self.minute // 60:02}:{self.minute % 60:02} {self.zone}"


@dataclass(frozen=True, slots=True)
class NotificationRule:
    """One entry of ``notify``."""

    to: str
    """The channel."""
    on: tuple[str, ...] = DEFAULT_ON
    """Groups, kinds of events, or patterns of them."""
    applications: tuple[str, ...] = ()
    """Only of these; none: of all."""
    digest: Rhythm | None = None
    """None: each at once."""

    def hears(self, event: Event) -> bool:
        """Whether the event is for its channel. What befell a channel's own deliveries is never told there."""
        if self.applications and event.application not in self.applications:
            return False
        if event.kind.startswith("notification.") and event.data.get("channel") == self.to:
            return False
        return any(covers(word, event.kind) for word in self.on)

    def __str__(self) -> str:
        applications = f" of {', '.join(self.applications)}" if self.applications else ""
        return f"{', '.join(self.on)}{applications}" + (f", {self.digest}" if self.digest else "")


def covers(word: str, kind: str) -> bool:
    """Whether a group, kind or pattern covers the kind of event."""
    if kind == TOO_MANY and word != TOO_MANY:
        return False
    return any(fnmatchcase(kind, pattern) for pattern in GROUPS.get(word, (word,)))


class Standing(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    """It is due some time, for the first time or again."""
    DELIVERED = "delivered"
    """The channel has taken it."""
    DEAD = "dead"
    """It was given up; somebody may have it tried again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one channel is to hear, as a row. Sent at least once, always under the same name."""

    id: str
    """``ntf-41-releases``: of event 41, for that channel."""
    channel: str
    created_at: Instant
    due_at: Instant
    seq: int = 0
    """Number of the event; 0: it is about none, and brings its own message."""
    about: str = ""
    """For people."""
    rule: str = ""
    """Why it is sent, as written."""
    bundled: bool = False
    """It is told in a digest."""
    parcel: str = ""
    """The delivery whose name the parcel has that this one is sent in; empty: it has not been put into one."""
    message: Message | None = None
    recipients: tuple[str, ...] = ()
    """Addresses instead of the channel's own."""
    state: Standing = Standing.WAITING
    attempts: int = 0
    because: str = ""
    """What the last attempt came to."""
    settled_at: Instant | None = None
    owner: str = ""
    lease_until: Instant = 0.0
    number: int = 0
    """Given by the store."""


def deliveries(event: Event, rules: Iterable[NotificationRule], now: Instant) -> tuple[Delivery, ...]:
    """What channels are to hear of the event: one for each channel, and at once if any rule says so."""
    found: dict[str, Delivery] = {}
    for rule in rules:
        if rule.hears(event):
            new = _delivery(event, rule, now)
            known = found.get(rule.to)
            if known is None or new.due_at < known.due_at:
                found[rule.to] = new
    return tuple(found.values())


def _delivery(event: Event, rule: NotificationRule, now: Instant) -> Delivery:
    due = rule.digest.after(now) if rule.digest else now
    return Delivery(
        id=f"ntf-{event.seq}-{rule.to}",
        channel=rule.to,
        created_at=now,
        due_at=due,
        seq=event.seq,
        about=subject(event),
        rule=str(rule),
        bundled=rule.digest is not None,
    )


# --- again ---

ATTEMPTS = 12
"""After so many it is given up: with these pauses, some three hours after the first."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
LONGEST_WISH = 86400.0
"""Seconds that a channel's own wish to be left alone is heeded for."""


def pause_after(attempts: int, wished: float, chance: float) -> float:
    """Seconds until the next attempt: doubling, at least as long as the channel wishes, and spread by up to a quarter
    so that not all come back at once. ``chance``: 0 to 1."""
    doubled = FIRST_PAUSE * 2.0 ** min(max(attempts - 1, 0), 30)
    return max(min(doubled, LONGEST_PAUSE), min(wished, LONGEST_WISH)) * (1 + chance / 4)
