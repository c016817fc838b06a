"""Herald: follows the events behind everybody's back and writes down which channel is to hear of which.

Where it has come to is a row, moved on in the transaction that writes the deliveries: after a crash the next herald
goes on there, and of two at once one finds that the other was quicker. While the environments' file cannot be read it
stays where it is; nothing is lost by that.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lockgate.core.environment import Catalogue
from lockgate.core.notification import deliveries
from lockgate.ports import Clock, Store

PAGE = 200
"""Events looked at in one transaction."""


@dataclass(frozen=True, slots=True)
class Herald:
    """``catalogue`` raises :class:`lockgate.core.errors.Invalid` while the file is unreadable."""

    store: Store
    clock: Clock
    catalogue: Callable[[], Catalogue]

    def follow(self) -> int:
        """Looks at what has happened since. Returns how many events that were."""
        looked = 0
        while found := self._page():
            looked += found
            if found < PAGE:
                break
        return looked

    def _page(self) -> int:
        after = self.store.deliveries.followed()
        events = self.store.history.events(after, PAGE)
        if not events:
            return 0
        catalogue, now = self.catalogue(), self.clock.now()
        new = [d for e in events for d in deliveries(e, catalogue.rules_for(e.environment), now)]
        self.store.deliveries.follow(after, events[-1].seq, new)
        return len(events)
