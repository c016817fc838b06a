"""What the engine needs of the memory about trains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lockgate.core.audit import Event
from lockgate.core.ids import DeploymentId, Instant
from lockgate.core.train import Train


@dataclass(frozen=True, slots=True)
class BookedTrain:
    """A train as it stands in the store."""

    train: Train
    version: int
    """Grows with every change of it, and with every deployment that is opened for it."""


class Trains(Protocol):
    """Trains, by name. Each method is one transaction."""

    def add(self, train: Train, event: Event) -> Train:
        """Under the next number. Raises Conflict when there is one of that name."""

    def get(self, name: str) -> BookedTrain:
        """Raises NotFound."""

    def all(self, limit: int) -> tuple[Train, ...]:
        """Newest first."""

    def due(self, now: Instant, limit: int) -> tuple[str, ...]:
        """Names of those that are to be looked at, longest due first."""

    def save(self, train: Train, version: int, due_at: Instant | None, events: Sequence[Event]) -> None:
        """Raises Fenced when it is not of that version any more: look again."""

    def runs(self, name: str) -> Mapping[str, DeploymentId]:
        """``friday/api`` -> the deployment of that step. There is never a second; opening one again finds the first,
        and is refused (Conflict) once the step is over."""

    def timeline(self, name: str, limit: int) -> tuple[Event, ...]:
        """Its events and those of its deployments, the last so many, oldest first."""
