"""Making a container and starting it. The engine gives its name in the foreground; filling and starting it take longer
and go on behind.

A control plane may be killed or frozen between the two. What was made and not started is then found by its state, and
removed by whoever needs the slot.
"""

import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from lockgate.core.errors import ComponentMissing, Conflict, Fenced, LockgateError, NotFound, Retryable, Unavailable
from lockgate.core.ids import InstanceId
from lockgate.core.plan import Fence
from lockgate.core.traffic import Key
from lockgate.drivers.claims import Claims
from lockgate.drivers.targets.docker import berths
from lockgate.drivers.targets.docker.berths import Berth
from lockgate.drivers.targets.docker.engine import LONG, Engine

AT_ONCE = 4
_NOT_ITS_FAULT = (Retryable, NotFound, Conflict, ComponentMissing)
"""Errors at a start that say nothing of what was to be started."""


@dataclass(frozen=True, slots=True)
class Order:
    """One container to be made."""

    instance: InstanceId
    key: Key
    name: str
    """Its slot's: the engine gives it once."""
    body: Mapping[str, Any]
    """Of the call that makes it."""
    cargo: Mapping[str, IO[bytes]]
    """Folder inside -> tar archive of what is put there before it starts."""
    fence: Fence


class Launching:
    """Of one target. ``changed`` is called when something has come of a start."""

    def __init__(self, engine: Engine, claims: Claims, whose: str, changed: Callable[[], None]) -> None:
        self.maker = f"{berths.myself()}-{secrets.token_hex(3)}"
        self._engine, self._claims, self._whose, self._changed = engine, claims, whose, changed
        self._pool = ThreadPoolExecutor(AT_ONCE, "start")
        self._lock = threading.Lock()
        self._starting: dict[InstanceId, str] = {}
        """Those that are being started, or could not be: why."""
        self._trouble: dict[str, LockgateError] = {}
        """By name: what prevented a start last, and is not the fault of what was started."""

    def begin(self, order: Order) -> None:
        """Nothing happens when somebody else has the slot. Raises Fenced, Conflict for a container of that name that is
        not ours, and what the engine says."""
        self._note(order.instance, "")
        try:
            # The last moment at which nothing has happened yet: a control plane may wake up right here.
            self._claims.admit(str(order.key), order.fence)
            container = self._make(order)
        except BaseException:
            self.forget(order.instance)
            raise
        if container:
            self._pool.submit(self._start, order, container)
        else:
            self.forget(order.instance)

    def raise_trouble(self, name: str) -> None:
        """Once: what prevented the last start in that slot."""
        with self._lock:
            trouble = self._trouble.pop(name, None)
        if trouble is not None:
            raise trouble

    def why_not(self, berth: Berth) -> str:
        """Why it could not be started; empty: nothing is known of that."""
        with self._lock:
            return self._starting.get(berth.id, "")

    def is_abandoned(self, berth: Berth, patience: float) -> bool:
        """Made, and nobody is about to start it. ``patience``: seconds that others have for it."""
        with self._lock:
            known = self._starting.get(berth.id)
        if berth.state != "created" or known == "":
            return False
        return known is not None or berth.maker == self.maker or not berth.is_being_made(patience)

    def forget(self, instance: InstanceId) -> None:
        with self._lock:
            self._starting.pop(instance, None)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _note(self, instance: InstanceId, why: str) -> None:
        with self._lock:
            self._starting[instance] = why

    def _make(self, order: Order) -> str:
        """The engine's id of it; empty when somebody else has the slot."""
        try:
            with self._engine.asked(f"making {order.instance}") as api:
                made = api.create_container_from_config(dict(order.body), order.name)  # type: ignore[no-untyped-call]
                return str(made["Id"])
        except Conflict as error:
            self._refuse_stranger(order.name, error)
            return ""

    def _refuse_stranger(self, name: str, error: Conflict) -> None:
        with suppress(NotFound), self._engine.asked(f"looking at {name}") as api:
            labels = api.inspect_container(name)["Config"].get("Labels") or {}
            if labels.get(berths.INSTALLATION) != self._whose:
                because = f"The Docker engine has a container {name!r} that Lockgate has not made, and leaves it alone."
                raise Conflict(because, "Rename or remove it.") from error

    def _start(self, order: Order, container: str) -> None:
        try:
            self._fill_and_start(order, container)
        except Fenced:
            self._discard(order, container)
        except _NOT_ITS_FAULT as error:
            retryable = isinstance(error, (Retryable, ComponentMissing))
            with self._lock:
                self._trouble[order.name] = error if retryable else Unavailable(error.because, error.mend)
            self._discard(order, container)
        except LockgateError as error:
            self._note(order.instance, str(error))
        except BaseException:
            self.forget(order.instance)
            raise
        else:
            self.forget(order.instance)
        finally:
            self._changed()

    def _fill_and_start(self, order: Order, container: str) -> None:
        for folder, archive in order.cargo.items():
            with archive, self._engine.asked(f"filling {order.instance}", LONG) as api:
                api.put_archive(container, folder, archive)
        self._claims.admit(str(order.key), order.fence)
        with self._engine.asked(f"starting {order.instance}", LONG) as api:
            api.start(container)

    def _discard(self, order: Order, container: str) -> None:
        # Without force: whoever has the claim now may have started it.
        with suppress(LockgateError), self._engine.asked(f"removing {order.instance}") as api:
            api.remove_container(container, v=True)
        self.forget(order.instance)
