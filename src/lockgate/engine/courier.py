"""Courier: brings what is due to its channels, at least once, and gives up what a channel will not take.

A claim is a lease. One that is killed half-way leaves its parcel to the next, which sends it under the same name; so
whoever hears it twice can tell. Each channel is served by one hand at a time, in order: one that hangs holds up
nothing but itself.
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lockgate.core import message as messages
from lockgate.core.audit import Event
from lockgate.core.environment import Catalogue
from lockgate.core.errors import Invalid, LockgateError, Retryable, Throttled
from lockgate.core.ids import digest_of, short
from lockgate.core.message import Link, Message
from lockgate.core.notification import ATTEMPTS, Channel, Delivery, Service, Standing, pause_after
from lockgate.engine.herald import Herald
from lockgate.ports import Clock, Notifier, Parcel, Store

log = logging.getLogger("lockgate.courier")

LEASE = 120.0
"""Seconds; twice what a notifier may take."""

Links = Callable[[Event, Channel], Sequence[Link]]
"""What a message of the event offers on that channel besides the console. Made when it is sent, and stored nowhere."""


def no_links(event: Event, channel: Channel) -> Sequence[Link]:
    return ()


@dataclass(slots=True)
class Courier:
    """One process's share of the work. Any number of them may share a store."""

    name: str
    """Of one process at a time; kept over restarts, it lets a new process take over at once."""
    store: Store
    clock: Clock
    catalogue: Callable[[], Catalogue]
    notifiers: Mapping[Service, Notifier]
    site: str = ""
    """The console's address, if it is known."""
    links: Links = no_links
    hands: int = 8
    """Channels served at the same time."""
    dice: Callable[[], float] = random.random
    _busy: dict[str, threading.Thread] = field(init=False, default_factory=dict)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _stirred: threading.Event = field(init=False, default_factory=threading.Event)

    def run(self, stop: threading.Event, pause: float) -> None:
        """Follows the events and delivers, until ``stop`` is set. Whoever is still at work then is not waited for: what
        they bring is sent again if they do not get to the end."""
        herald, told = Herald(self.store, self.clock, self.catalogue), ""
        while not stop.is_set():
            self._stirred.clear()
            if stop.is_set():
                break
            trouble = self._turn(herald)
            if trouble and trouble != told:
                log.warning("notifications wait: %s", trouble)
            told = trouble
            self._stirred.wait(pause)

    def stir(self) -> None:
        """There is something to look at, or it is time to stop."""
        self._stirred.set()

    def _turn(self, herald: Herald) -> str:
        """Why nothing could be done; mostly empty."""
        try:
            herald.follow()
            self.round()
        except LockgateError as error:
            return str(error)
        except Exception as error:
            log.exception("notifications met a fault in Lockgate itself")
            return f"a fault in Lockgate itself ({type(error).__name__})"
        return ""

    def round(self) -> int:
        """Begins with what is due, as far as there are hands for it. Returns how many parcels that were."""
        begun = 0
        while len(self._busy) < self.hands:
            with self._lock:
                busy = frozenset(self._busy)
            parcel = self.store.deliveries.claim(self.name, self.clock.now(), LEASE, busy)
            if not parcel:
                break
            self._begin(parcel)
            begun += 1
        return begun

    def drain(self) -> None:
        """Waits until every hand is free."""
        while True:
            with self._lock:
                hands = list(self._busy.values())
            if not hands:
                return
            for hand in hands:
                hand.join()

    def _begin(self, parcel: Sequence[Delivery]) -> None:
        channel = parcel[0].channel
        hand = threading.Thread(target=self._guarded, args=(parcel,), name=f"courier-{channel}", daemon=True)
        with self._lock:
            self._busy[channel] = hand
            hand.start()

    def _guarded(self, parcel: Sequence[Delivery]) -> None:
        try:
            self._deliver(parcel)
        except LockgateError as error:
            log.warning("%s is brought again: %s", parcel[0].parcel, error)
        except Exception:
            log.exception("%s met a fault in Lockgate itself", parcel[0].parcel)
        finally:
            with self._lock:
                self._busy.pop(parcel[0].channel, None)
            self._stirred.set()

    def _deliver(self, parcel: Sequence[Delivery]) -> None:
        try:
            because = self._sent(parcel)
        except Invalid as error:
            self._put_back(parcel, f"environments.yaml cannot be read: {error}", 0.0, counts=False)
        except Throttled as error:
            self._put_back(parcel, str(error), error.after)
        except Retryable as error:
            self._put_back(parcel, str(error), 0.0)
        except LockgateError as error:
            self._bury(parcel, str(error))
        except Exception as error:
            log.exception("%s met a fault in Lockgate itself", parcel[0].parcel)
            self._put_back(parcel, f"A fault in Lockgate itself ({type(error).__name__}).", 0.0)
        else:
            self._settle(parcel, Standing.DELIVERED, because)

    def _sent(self, parcel: Sequence[Delivery]) -> str:
        channel = self.catalogue().channel(parcel[0].channel)
        message = self._message(parcel, channel)
        sent = Parcel(_name(parcel[0]), message, self.clock.now(), parcel[0].recipients)
        return self.notifiers[channel.service].send(channel, sent)

    def _message(self, parcel: Sequence[Delivery], channel: Channel) -> Message:
        if parcel[0].message is not None:
            return parcel[0].message
        events = [event for one in parcel for event in self.store.history.events(one.seq - 1, 1)]
        if len(events) == 1:
            return messages.compose(events[0], site=self.site, links=self.links(events[0], channel))
        return messages.digest(events, site=self.site)

    # --- what becomes of it ---

    def _put_back(self, parcel: Sequence[Delivery], because: str, wished: float, *, counts: bool = True) -> None:
        attempts = parcel[0].attempts + counts
        if attempts >= ATTEMPTS:
            self._bury(parcel, because)
            return
        due = self.clock.now() + pause_after(attempts, wished, self.dice())
        again = [replace(one, attempts=attempts, because=because, due_at=due) for one in parcel]
        self.store.deliveries.settle(again)
        log.info("%s is brought again in %.0f s: %s", parcel[0].parcel, due - self.clock.now(), because)

    def _bury(self, parcel: Sequence[Delivery], because: str) -> None:
        log.warning("%s is given up: %s", parcel[0].parcel, because)
        self._settle(parcel, Standing.DEAD, because, self._obituary(parcel, because))

    def _settle(self, parcel: Sequence[Delivery], state: Standing, because: str, events: Sequence[Event] = ()) -> None:
        now = self.clock.now()
        settled = [
            replace(one, state=state, because=because, attempts=one.attempts + 1, settled_at=now) for one in parcel
        ]
        if state is Standing.DELIVERED:  # what was handed in may hold a link for one person
            settled = [replace(one, message=None) for one in settled]
        self.store.deliveries.settle(settled, events)

    def _obituary(self, parcel: Sequence[Delivery], because: str) -> list[Event]:
        """Other channels may be told. Of what tells of notifications itself nothing is told: it would never end."""
        first = parcel[0]
        known = self.store.history.events(first.seq - 1, 1) if first.seq else ()
        if not known or known[0].kind.startswith("notification."):
            return []
        words = first.about if len(parcel) == 1 else f"a digest of {len(parcel)} events"
        event = Event(
            kind="notification.dead",
            at=self.clock.now(),
            because=f"The channel {first.channel} did not get {words!r}: {because}",
            application=known[0].application,
            environment=known[0].environment,
            data={"channel": first.channel, "delivery": first.id},
        )
        return [event]


def _name(first: Delivery) -> str:
    """The same at every attempt, and another one for every other parcel, also of another installation."""
    return f"{first.parcel}-{short(digest_of([first.parcel, first.created_at]))}"
