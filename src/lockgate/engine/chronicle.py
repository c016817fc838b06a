"""Chronicle: the environments' file, written down whenever it has changed, so that rules can be compared later."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from lockgate.core import rulebook
from lockgate.core.amendment import Amendment, amended
from lockgate.core.audit import Event
from lockgate.core.environment import Catalogue
from lockgate.core.errors import LockgateError
from lockgate.core.ids import digest_of_bytes
from lockgate.ports import Clock, Store

log = logging.getLogger("lockgate.chronicle")

EVERY = 2.0
"""Seconds between two looks at the file. It is read only when it has changed."""

AT_MOST = 20
"""Sentences that the event tells; every single change is in its data."""


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
        text = rulebook.document(said)
        before = self._store.catalogues.at(now)
        digest = digest_of_bytes(text)
        if before is None or before.digest != digest:
            found = amended(rulebook.document_read(before.document), said) if before else Amendment()
            self._store.catalogues.note(digest, text.decode(), now, [_changed(found, now)] if found.sentences else [])


def _changed(found: Amendment, now: float) -> Event:
    """The sentence says what people need to know, the data every single field."""
    more = len(found.sentences) - AT_MOST
    told = [*found.sentences[:AT_MOST], *([f"And {more} more."] if more > 0 else [])]
    because = f"The environments' file has changed: {' '.join(told)}"
    data = {"environments": ", ".join(found.environments), "changes": "\n".join(_lines(found))}
    if found.groups:
        data["groups"] = ", ".join(found.groups)
    return Event("environment.rules_changed", now, because, data=data, audited=True)


def _lines(found: Amendment) -> list[str]:
    return [f"{path}: {told}" for path, told in found.changes.items()]
