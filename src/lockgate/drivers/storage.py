"""Errors of the file system, told as ours: a full disk is not the same as a missing folder."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from lockgate.core.errors import StorageFull, Unavailable


@contextlib.contextmanager
def storage(place: Path, what: str) -> Iterator[None]:
    """Raises StorageFull or Unavailable for an ``OSError`` inside. ``what``: what was being done, for the sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"The disk of {place} is full; {what} failed.", "Free some space there.") from error
        raise Unavailable(f"{what[:1].upper()}{what[1:]} in {place} failed: {error}.") from error
