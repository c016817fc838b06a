"""Making artifacts ready to start, behind the caller: started, then asked for again."""

import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Generic, TypeVar

from lockgate.core.artifact import Artifact, Tree
from lockgate.core.errors import LockgateError, PreparationFailed, Retryable
from lockgate.core.ids import Digest
from lockgate.core.plan import InstanceSpec
from lockgate.ports import Phase, Polled

AT_ONCE = 0.003
"""Seconds to wait for what is there already."""

PAUSE, LONGEST_PAUSE = 0.2, 15.0
"""Seconds until something that failed for now is tried again; doubled each time."""

Materialise = Callable[[Artifact], Tree]
"""An artifact on this machine, without the network; quick when it is there already."""

T = TypeVar("T")


class Preparation(Generic[T]):
    """What is made of artifacts (trees, images), by digest. What is lost with the process is found again by asking.

    ``make`` makes one ready, or finds it ready; ``is_gone`` says whether one made has been removed since.
    ``progress``: how far one being made has come, as the end of a sentence, if that is known.
    """

    def __init__(
        self,
        make: Callable[[Artifact], T],
        is_gone: Callable[[T], bool],
        progress: Callable[[Artifact], str] = lambda _: "",
    ) -> None:
        self._make, self._is_gone, self._progress = make, is_gone, progress
        self._pool = ThreadPoolExecutor(2, "prepare")
        self._lock = threading.Lock()
        self._made: dict[Digest, Future[T]] = {}
        self._waited: dict[Digest, float] = {}
        self._again_at: dict[Digest, float] = {}

    def poll(self, spec: InstanceSpec) -> Polled:
        """A failure is told once; asking again tries again."""
        return self.poll_all((spec.artifact, *spec.files.values()))

    def poll_all(self, artifacts: Collection[Artifact]) -> Polled:
        """The same, of these alone."""
        # All are started before any is waited for.
        for artifact in artifacts:
            self._start(artifact)
        told = [self._poll(artifact) for artifact in artifacts]
        for phase in (Phase.FAILED, Phase.WORKING):
            of_phase = [polled for polled in told if polled.phase is phase]
            if of_phase:
                return of_phase[0]
        return Polled(Phase.DONE)

    def made(self, artifact: Artifact) -> T:
        """Waits for it. Raises what making it raised."""
        future = self._start(artifact)
        try:
            return future.result()
        except Exception:
            self._forget(artifact, future)
            raise

    def forget(self, artifact: Artifact) -> None:
        """It has been removed: asked for again, it is made again."""
        with self._lock:
            self._made.pop(artifact.digest, None)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, artifact: Artifact) -> "Future[T]":
        with self._lock:
            future = self._made.get(artifact.digest)
            if future is not None and future.done() and future.exception() is None and self._is_gone(future.result()):
                future = None
            if future is None:
                future = self._made[artifact.digest] = self._pool.submit(self._make, artifact)
            return future

    def _poll(self, artifact: Artifact) -> Polled:
        future = self._start(artifact)
        try:
            future.result(AT_ONCE)
        except TimeoutError:
            return Polled(Phase.WORKING, f"{artifact.label()} is being made ready{self._progress(artifact)}.")
        except Retryable as error:
            self._pause(artifact, future)
            return Polled(Phase.WORKING, str(error))
        except LockgateError as error:
            self._forget(artifact, future)
            return Polled(Phase.FAILED, str(error))
        except Exception as error:
            self._forget(artifact, future)
            raise PreparationFailed(f"{artifact.label()} cannot be made ready: {error}.") from error
        self._waited.pop(artifact.digest, None)
        return Polled(Phase.DONE)

    def _pause(self, artifact: Artifact, future: "Future[T]") -> None:
        """Asked for again at once it tells the same; a registry that is down is not asked a hundred times a second."""
        with self._lock:
            if artifact.digest not in self._again_at:
                wait = min(2 * self._waited.get(artifact.digest, PAUSE / 2), LONGEST_PAUSE)
                self._waited[artifact.digest] = wait
                self._again_at[artifact.digest] = time.monotonic() + wait
            if time.monotonic() < self._again_at[artifact.digest]:
                return
            del self._again_at[artifact.digest]
        self._forget(artifact, future)

    def _forget(self, artifact: Artifact, future: "Future[T]") -> None:
        with self._lock:
            if self._made.get(artifact.digest) is future:
                del self._made[artifact.digest]


def trees(materialise: Materialise) -> Preparation[Tree]:
    """The preparation of artifacts that become trees on this machine."""
    return Preparation(materialise, lambda tree: not Path(tree.root).exists())
