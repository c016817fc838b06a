"""What the time is, and being called when it has come."""

from collections.abc import Callable
from typing import Protocol

from lockgate.core.ids import Instant


class Clock(Protocol):
    """The wall clock. It may jump, also backwards."""

    def now(self) -> Instant: ...

    def sleep(self, seconds: float) -> None:
        """At most so long: a :meth:`stir` ends it."""

    def stir(self) -> None:
        """Something has happened that somebody may be waiting for: whoever sleeps wakes, and whoever has been awake
        since before does not fall asleep until it has looked again."""


class Ticker(Protocol):
    """Calls the handler at least once for each wake; maybe concurrently or late. Correctness never depends on it."""

    def wake(self, at: Instant | None = None) -> None:
        """Look soon, or at that time."""

    def run(self, handler: Callable[[], Instant | None]) -> None:
        """Calls ``handler`` until stopped. It returns when it wants to be called next at the latest, or None."""

    def stop(self) -> None: ...
