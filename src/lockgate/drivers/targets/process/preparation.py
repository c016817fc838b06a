"""Making artifacts ready to start, behind the caller: started, then asked for again."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from lockgate.core.artifact import Artifact, Tree
from lockgate.core.errors import LockgateError, PreparationFailed, Retryable
from lockgate.core.ids import Digest
from lockgate.core.plan import InstanceSpec
from lockgate.ports import Phase, Polled

AT_ONCE = 0.003
"""Seconds to wait for what is there already."""

Materialise = Callable[[Artifact], Tree]
"""An artifact on this machine, without the network; quick when it is there already."""


class Preparation:
    """Trees of artifacts by digest. What is lost with the process is found again by asking."""

    def __init__(self, materialise: Materialise) -> None:
        self._materialise = materialise
        self._pool = ThreadPoolExecutor(2, "prepare")
        self._lock = threading.Lock()
        self._trees: dict[Digest, Future[Tree]] = {}

    def poll(self, spec: InstanceSpec) -> Polled:
        """A failure is told once; asking again tries again."""
        artifacts = (spec.artifact, *spec.files.values())
        # All are started before any is waited for.
        for artifact in artifacts:
            self._start(artifact)
        told = [self._poll(artifact) for artifact in artifacts]
        for phase in (Phase.FAILED, Phase.WORKING):
            of_phase = [polled for polled in told if polled.phase is phase]
            if of_phase:
                return of_phase[0]
        return Polled(Phase.DONE)

    def tree(self, artifact: Artifact) -> Tree:
        """Waits for it. Raises what making it raised."""
        future = self._start(artifact)
        try:
            return future.result()
        except Exception:
            self._forget(artifact, future)
            raise

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, artifact: Artifact) -> "Future[Tree]":
        with self._lock:
            future = self._trees.get(artifact.digest)
            if future is not None and future.done() and future.exception() is None and _is_gone(future.result()):
                future = None
            if future is None:
                future = self._trees[artifact.digest] = self._pool.submit(self._materialise, artifact)
            return future

    def _poll(self, artifact: Artifact) -> Polled:
        future = self._start(artifact)
        try:
            future.result(AT_ONCE)
        except TimeoutError:
            return Polled(Phase.WORKING, f"{artifact.label()} is being made ready.")
        except LockgateError as error:
            self._forget(artifact, future)
            phase = Phase.WORKING if isinstance(error, Retryable) else Phase.FAILED
            return Polled(phase, str(error))
        except Exception as error:
            self._forget(artifact, future)
            raise PreparationFailed(f"{artifact.label()} cannot be made ready: {error}.") from error
        return Polled(Phase.DONE)

    def _forget(self, artifact: Artifact, future: "Future[Tree]") -> None:
        with self._lock:
            if self._trees.get(artifact.digest) is future:
                del self._trees[artifact.digest]


def _is_gone(tree: Tree) -> bool:
    """Removed since, by hand or by the collection of garbage."""
    from pathlib import Path

    return not Path(tree.root).exists()
