"""The bookmark: how far this server has read the audit record, in a file that no database can edit."""

import json
import logging
from pathlib import Path

from lockgate.drivers.archive import ArchiveFolder

log = logging.getLogger("lockgate.bookmark")


class BookmarkFile:
    """:class:`lockgate.ports.Bookmark` in a file of the data folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[int, str] | None:
        try:
            found = json.loads(self._path.read_bytes())
            return int(found["seq"]), str(found["digest"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning(
                "%s cannot be read, so nobody can tell whether the last entries are still there: %s", self, error
            )
            return None

    def put(self, seq: int, digest: str) -> None:
        text = json.dumps({"seq": seq, "digest": digest}).encode()
        try:
            ArchiveFolder(self._path.parent).keep(self._path.name, [text])
        except OSError as error:
            log.warning("%s cannot be written: %s", self, error)

    def __str__(self) -> str:
        return str(self._path)
