"""The embedded ticker: one thread that looks when it is woken, and every so often in any case."""

import threading
import time
from collections.abc import Callable

from lockgate.core.ids import Instant


class EmbeddedTicker:
    """Serves one process. ``interval``: seconds between looks when nothing wakes it; other processes' wakes are not
    heard, so this is also how late they may be noticed."""

    def __init__(self, interval: float = 0.5) -> None:
        self._interval = interval
        self._changed = threading.Condition()
        self._wake_at: Instant | None = None
        self._stopped = False

    def wake(self, at: Instant | None = None) -> None:
        """Look soon, or at that time."""
        with self._changed:
            due = at if at is not None else 0.0
            self._wake_at = due if self._wake_at is None else min(self._wake_at, due)
            self._changed.notify()

    def run(self, handler: Callable[[], Instant | None]) -> None:
        """Calls ``handler`` until stopped."""
        while not self._stopped:
            asked = handler()
            if asked is not None:
                self.wake(asked)
            self._await()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _await(self) -> None:
        """Until the interval is over or a wake is due. The interval runs on the monotonic clock, so that a wall clock
        that jumps back cannot make it sleep for long."""
        end = time.monotonic() + self._interval
        with self._changed:
            while not self._stopped:
                left = end - time.monotonic()
                if self._wake_at is not None:
                    left = min(left, self._wake_at - time.time())
                if left <= 0:
                    break
                self._changed.wait(left)
            if self._wake_at is not None and self._wake_at <= time.time():
                self._wake_at = None
