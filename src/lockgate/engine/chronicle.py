"""Chronicle: the environments' file, written down whenever it has changed, so that rules can be compared later."""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from lockgate.core import rulebook
from lockgate.core.audit import Event
from lockgate.core.comparison import Kind, Settings, Snapshot, compare
from lockgate.core.environment import Catalogue
from lockgate.core.errors import LockgateError
from lockgate.core.ids import canonical, digest_of_bytes
from lockgate.core.rulebook import Written
from lockgate.engine.snapshots import document_read
from lockgate.ports import Clock, Store

log = logging.getLogger("lockgate.chronicle")

EVERY = 2.0
"""Seconds between two looks at the file. It is read only when it has changed."""

AT_MOST = 20
"""Differences that the event tells; the rest is found by comparing the two moments."""


class Chronicle:
    """Called for the catalogue, like what it is made from, and notes each version the first time that it is seen."""

    def __init__(self, store: Store, clock: Clock, catalogue: Callable[[], Catalogue]) -> None:
        self._store = store
        self._clock = clock
        self._catalogue = catalogue
        self._noted: Catalogue | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Catalogue:
        """Raises what reading the file raises. That it cannot be written down hinders nobody: it is tried again."""
        found = self._catalogue()
        if found is not self._noted:
            with self._lock:
                try:
                    self._note(found)
                    self._noted = found
                except LockgateError as error:
                    log.warning("the environments' file is not written down yet: %s", error)
        return found

    def look(self) -> None:
        """Now and then, also when nobody needs it. That it cannot be read is told to whoever does."""
        with suppress(LockgateError):
            self()

    def _note(self, catalogue: Catalogue) -> None:
        now = self._clock.now()
        said = rulebook.recorded(catalogue)
        text = canonical(said)
        before = self._store.catalogues.at(now)
        digest = digest_of_bytes(text)
        if before is None or before.digest != digest:
            events = [_changed(document_read(before.document), said, now)] if before else []
            self._store.catalogues.note(digest, text.decode(), now, events)


def _changed(before: Mapping[str, Written], after: Mapping[str, Written], now: float) -> Event:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    sentences = [sentence for name in names for sentence in _sentences(name, before.get(name), after.get(name))]
    told = [*sentences[:AT_MOST], *([f"And {len(sentences) - AT_MOST} more."] if len(sentences) > AT_MOST else [])]
    because = f"The environments' file has changed: {' '.join(told)}"
    return Event("environment.rules_changed", now, because, data={"environments": ", ".join(names)}, audited=True)


def _sentences(name: str, before: Written | None, after: Written | None) -> list[str]:
    if before is None or after is None:
        return [f"{name} is new." if before is None else f"{name} is gone."]
    sides = (Snapshot("before", _parts(before)), Snapshot("now", _parts(after)))
    return [f"{name}: {d.subject} was {d.left or 'not there'}, is {d.right or 'gone'}." for d in compare(*sides)]


def _parts(said: Written) -> Mapping[Kind, Settings]:
    return rulebook.by_kind(said)
