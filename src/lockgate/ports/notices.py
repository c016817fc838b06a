"""Telling people and programs: the services, and the memory of what they are to hear."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lockgate.core.audit import Event
from lockgate.core.ids import Instant
from lockgate.core.message import Message
from lockgate.core.notification import Channel, Delivery, Standing


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent at once. Sent again, it has the same name."""

    id: str
    """The same at every attempt, and of no other parcel of any installation."""
    message: Message
    sent_at: Instant
    recipients: tuple[str, ...] = ()


class Notifier(Protocol):
    """Speaks to channels of one service. It gives up on one that is silent, within a minute."""

    def send(self, channel: Channel, parcel: Parcel) -> str:
        """Returns what is worth knowing of a delivery that went well, mostly nothing. Raises Throttled and other
        Retryables, or a Terminal: Undeliverable, Denied, ComponentMissing. None of them repeats a secret."""


@dataclass(frozen=True, slots=True)
class DeliverySelection:
    """Which deliveries; empty means all. Newest first."""

    channel: str = ""
    states: frozenset[Standing] = frozenset()
    ids: frozenset[str] = frozenset()
    limit: int = 50


class Deliveries(Protocol):
    """What channels are to hear: written down once for each event and channel."""

    def followed(self) -> int:
        """Number of the last event that has been looked at for who is to hear of it."""

    def follow(self, after: int, to: int, new: Sequence[Delivery]) -> bool:
        """The events behind ``after`` up to ``to`` have been looked at: ``new`` is what came of it. False, and nothing
        is written, when somebody else has looked at them."""

    def post(self, new: Delivery, event: Event | None = None) -> Delivery:
        """One without an event of its own. Idempotent per id: returns the one that is there, and tells nothing."""

    def claim(self, worker: str, now: Instant, lease: float, busy: Collection[str]) -> tuple[Delivery, ...]:
        """What is longest due as one parcel, leased to the worker, but for channels in ``busy``. What the worker itself
        had leased is free: it is not at work on it."""

    def settle(self, parcel: Sequence[Delivery], events: Sequence[Event] = ()) -> None:
        """Writes how they stand now, their lease given back. Raises Fenced when another claim was made since."""

    def retry(self, which: DeliverySelection, now: Instant, event: Event) -> tuple[Delivery, ...]:
        """Those of them that are dead are due again, as if for the first time."""

    def select(self, selection: DeliverySelection) -> tuple[Delivery, ...]: ...

    def tally(self) -> Mapping[str, Mapping[Standing, int]]:
        """Channel -> how many wait and how many are dead."""
