"""The memory of environments: what is seen in them, what their file said, who subscribed to their calendars."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lockgate.core.audit import Event
from lockgate.core.deployment import Deployment
from lockgate.core.ids import Digest, Instant
from lockgate.core.inventory import Observed
from lockgate.core.plan import Plan
from lockgate.core.traffic import Key, Mark
from lockgate.core.window import Minute


@dataclass(frozen=True, slots=True)
class Feed:
    """A calendar that somebody has subscribed to. Who holds its token sees this calendar, and nothing else."""

    name: str
    digest: str
    """sha256 of the token, which is nowhere kept."""
    environment: str
    """Only of this one; empty: of all."""
    application: str
    """Likewise."""
    actor: str
    since: Instant


class Feeds(Protocol):
    """Subscriptions of calendars."""

    def add(self, feed: Feed, event: Event) -> None:
        """Raises Conflict when there is one of that name."""

    def by_digest(self, digest: str) -> Feed | None: ...

    def all(self) -> tuple[Feed, ...]:
        """By name."""

    def revoke(self, name: str, event: Event) -> None:
        """Its token is worth nothing from now on. Raises NotFound."""


class Inventory(Protocol):
    """The last observation of each key, with when it was made."""

    def note(self, observed: Observed) -> None: ...

    def last(self, key: Key) -> Observed | None: ...


class Traffic(Protocol):
    """What users got of what runs on each key, minute by minute, for a day: how much such numbers scatter."""

    def note(self, key: Key, minute: Minute | None, mark: Mark) -> None:
        """In one transaction, with the mark for the next. The same minute of a key is kept once, as last noted; what is
        a day older than the mark is forgotten, of every key."""

    def mark(self, key: Key) -> Mark | None:
        """As last noted."""

    def since(self, key: Key, at: Instant) -> tuple[Minute, ...]:
        """Minutes that ended after that, oldest first."""


class Landscape(Protocol):
    """An environment as a whole: everything of it in a query or two, however much else there is."""

    def holders(self, environment: str) -> tuple[Deployment, ...]:
        """Of each application the deployment whose plan is what runs there."""

    def active(self, environment: str) -> tuple[Deployment, ...]:
        """Those that are changing it."""

    def held_at(self, environment: str, at: Instant) -> tuple[Deployment, ...]:
        """The holders at a moment that is past."""

    def plans(self, digests: Collection[Digest]) -> Mapping[Digest, Plan]:
        """Those that there are. Raises Conflict when one is not what its digest names."""

    def observed(self, environment: str) -> tuple[Observed, ...]:
        """The last observation of each key."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A version of the environments' file."""

    digest: Digest
    document: str
    since: Instant


class Catalogues(Protocol):
    """The environments' file as it has been."""

    def note(self, digest: Digest, document: str, at: Instant, events: Sequence[Event] = ()) -> bool:
        """It counts from then on. Whether that is new: nothing happens while it is the latest."""

    def at(self, at: Instant) -> Recorded | None:
        """What counted at that moment; None: nothing is recorded of it."""
