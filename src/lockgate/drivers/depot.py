"""The artifacts' part of the data folder: blobs, trees, the caches of package managers, and scratch folders."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lockgate.drivers.blobs import Blobs
from lockgate.drivers.storage import discard, disk
from lockgate.drivers.trees import Trees


@dataclass(frozen=True, slots=True)
class Depot:
    """What every source works with."""

    folder: Path
    """``artifacts`` in the data folder."""
    blobs: Blobs
    trees: Trees

    @classmethod
    def at(cls, home: Path) -> Self:
        """``home`` is the data folder."""
        whole = home.absolute()
        return cls(whole / "artifacts", Blobs(whole), Trees(whole))

    def cache(self, name: str) -> Path:
        """A folder for what only saves time; it may be removed whenever nothing runs."""
        place = self.folder / "cache" / name
        with disk(place):
            place.mkdir(parents=True, exist_ok=True)
        return place

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder on the same file system, removed at the end."""
        parent = self.folder / "tmp"
        with disk(parent):
            parent.mkdir(parents=True, exist_ok=True)
            place = Path(tempfile.mkdtemp(prefix="work-", dir=parent))
        try:
            yield place
        finally:
            discard(place)
