"""Fencing: the newest claim seen on each thing, kept as file names, so that two control planes refuse each other.

Without a lock on purpose: one that a frozen control plane holds would stop the healthy one. A file is only ever
removed by who has made a newer one, so whatever the interleaving the highest number stays.
"""

import contextlib
import os
from pathlib import Path

from lockgate.core.errors import Fenced
from lockgate.core.ids import digest_of, short
from lockgate.core.plan import Fence


class Claims:
    """``folder/DIGEST-OF-NAME/GENERATION``, empty files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def admit(self, name: str, fence: Fence) -> None:
        """Raises :class:`Fenced` for an older claim on ``name`` than the newest seen; remembers this one."""
        place = self._folder / short(digest_of(name))
        seen = _generations(place)
        newest = max(seen, default=-1)
        if fence.generation < newest:
            because = f"{fence.deployment} acts on {name} by claim {fence.generation}, but claim {newest} is known."
            raise Fenced(because, "It has lost the deployment and must claim it again.")
        if fence.generation > newest:
            place.mkdir(parents=True, exist_ok=True)
            os.close(os.open(place / str(fence.generation), os.O_CREAT | os.O_CLOEXEC, 0o600))
            for old in seen:
                with contextlib.suppress(FileNotFoundError):
                    (place / str(old)).unlink()


def _generations(place: Path) -> list[int]:
    try:
        return [int(name) for name in os.listdir(place) if name.isdigit()]  # noqa: PTH208
    except FileNotFoundError:
        return []
