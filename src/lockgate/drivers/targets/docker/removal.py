"""What is left to do for a container that ends: stop it, keep the end of its output, remove it.

All of it can be done again by anybody at any point: the new name says what was asked.
"""

import contextlib
import math
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lockgate.core.errors import Conflict, LockgateError, NotFound, Unavailable
from lockgate.core.ids import InstanceId
from lockgate.drivers.targets.docker.berths import Berth, stopping_name
from lockgate.drivers.targets.docker.engine import LONG, Engine
from lockgate.drivers.targets.docker.output import Output

AT_ONCE = 8
REMOVED_WITHIN = 2.0
"""Seconds that a removal by somebody else is waited for."""


class Removal:
    """Behind the caller, except where it says otherwise. ``proofs``: folder of what is known of each instance."""

    def __init__(self, engine: Engine, whose: str, output: Output, proofs: Path) -> None:
        self._engine, self._whose, self._output, self._proofs = engine, whose, output, proofs
        self._pool = ThreadPoolExecutor(AT_ONCE, "removal")
        self._lock = threading.Lock()
        self._busy: set[InstanceId] = set()

    def begin(self, berth: Berth) -> None:
        """Marks it by its name, which is quick; what follows goes on behind. Asking again does no harm. Raises
        Unavailable."""
        if not berth.is_stopping:
            # Not there any more, or marked by another control plane.
            with contextlib.suppress(NotFound, Conflict), self._engine.asked(f"marking {berth.id}") as api:
                api.rename(berth.container, stopping_name(self._whose, berth.id))
        self.see_through(berth)

    def see_through(self, berth: Berth) -> None:
        """Of one that has been asked to stop, or is dead."""
        self._behind(berth.id, lambda: self.end(berth))

    def clear(self, berth: Berth) -> None:
        """Of one that was made and never started."""
        self._behind(berth.id, lambda: self.bury(berth))

    def end(self, berth: Berth) -> None:
        """Stops and removes it, and waits for that. Raises Unavailable."""
        with contextlib.suppress(NotFound, Conflict), self._engine.asked(f"stopping {berth.id}", LONG) as api:
            api.stop(berth.container, timeout=math.ceil(berth.grace))
        self.bury(berth, force=True)

    def bury(self, berth: Berth, *, force: bool = False) -> bool:
        """Removes one that does not run, with the volumes that are its own, and keeps its output. Without ``force`` one
        that somebody has started in this very moment stays. Returns whether it is gone. Raises Unavailable."""
        with contextlib.suppress(LockgateError, OSError):
            self._output.bury(berth)
        try:
            with contextlib.suppress(NotFound), self._engine.asked(f"removing {berth.id}", LONG) as api:
                api.remove_container(berth.container, v=True, force=force)
        except Conflict:
            if not self._vanishes(berth):
                return False
        shutil.rmtree(self._proofs / berth.id, ignore_errors=True)
        return True

    def _vanishes(self, berth: Berth) -> bool:
        """Of one that somebody else removes just now, which takes a moment."""
        deadline = time.monotonic() + REMOVED_WITHIN
        try:
            while time.monotonic() < deadline:
                with self._engine.asked(f"looking at {berth.id}") as api:
                    if api.inspect_container(berth.container)["State"]["Status"] == "running":
                        return False
                time.sleep(0.01)
        except NotFound:
            return True
        return False

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _behind(self, instance: InstanceId, what: Callable[[], object]) -> None:
        with self._lock:
            if instance in self._busy:
                return
            self._busy.add(instance)

        def do() -> None:
            try:
                # Whoever looks at it next sees it through.
                with contextlib.suppress(Unavailable):
                    what()
            finally:
                with self._lock:
                    self._busy.discard(instance)

        with contextlib.suppress(RuntimeError):
            self._pool.submit(do)
