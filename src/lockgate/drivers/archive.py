"""The archive: files that are written once, whole, and on the disk before anybody relies on them."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


class ArchiveFolder:
    """A folder of such files. Only its owner can read them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, chunks: Iterable[bytes]) -> Path:
        """Written and synced when this returns; one that is there under that name is replaced."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=f".{name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
            path = self._folder / name
            Path(temporary).replace(path)
            self._sync_folder()
            return path
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
