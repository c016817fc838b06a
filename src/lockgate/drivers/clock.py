"""The machine's wall clock."""

import time

from lockgate.core.ids import Instant


class SystemClock:
    """It may jump; whoever uses it must not believe that it only goes forward."""

    def now(self) -> Instant:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
