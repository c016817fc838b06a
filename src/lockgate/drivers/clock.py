"""The machine's wall clock, and sleeping that can be cut short."""

import threading
import time

from lockgate.core.ids import Instant


class SystemClock:
    """It may jump; whoever uses it must not believe that it only goes forward."""

    def __init__(self) -> None:
        self._stirred = threading.Condition()
        self._stirs = 0
        self._sleeper = threading.local()

    def now(self) -> Instant:
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Each thread has seen the stirs up to the end of its last sleep; a newer one ends this sleep at once."""
        with self._stirred:
            seen = getattr(self._sleeper, "seen", 0)
            self._stirred.wait_for(lambda: self._stirs != seen, seconds)
            self._sleeper.seen = self._stirs

    def stir(self) -> None:
        with self._stirred:
            self._stirs += 1
            self._stirred.notify_all()
