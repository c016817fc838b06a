"""What is told of notifications: channels, deliveries, and what may be asked of them."""

from dataclasses import dataclass

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class ChannelView:
    """GET /v1/channels"""

    name: str
    service: str
    about: str
    """What may be told of where it leads; never its address, which is a secret."""
    rules: tuple[str, ...]
    """What it hears, as written, and where."""
    waiting: int = 0
    dead: int = 0
    last: str = ""
    """What the newest delivery stands at, as a sentence."""


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """GET /v1/notifications"""

    id: str
    channel: str
    about: str
    """What it tells of."""
    state: str
    """waiting, delivered or dead."""
    because: str
    """What the last attempt came to."""
    attempts: int
    created_at: Instant
    due_at: Instant
    settled_at: Instant | None
    """When it was delivered or given up."""
    event: int
    """Number of the event; 0: it is about none."""
    rule: str
    digest: bool


@dataclass(frozen=True, slots=True)
class TryChannel:
    """POST /v1/notifications/test"""

    channel: str
    actor: str = ""


@dataclass(frozen=True, slots=True)
class RetryDeliveries:
    """POST /v1/notifications/retry"""

    ids: tuple[str, ...] = ()
    """Which dead ones; none: all of the channel, or of every channel."""
    channel: str = ""
    reason: str = ""
    actor: str = ""
