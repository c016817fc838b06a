"""One file by path or URL, maybe fixed by ``#sha256=`` to its content."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lockgate.core.artifact import ArtifactKind, Reference
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import Digest
from lockgate.drivers.blobs import Incoming
from lockgate.drivers.downloads import copy_in, downloads, without_owner

_FIXED = re.compile(r"#sha256[=:](?P<hex>[0-9a-fA-F]{64})\Z")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is."""

    kind: ArtifactKind
    written: str
    """As the user wrote it, without the digest."""
    url: str
    """Empty for a path."""
    path: Path
    digest: Digest | None

    @property
    def shown(self) -> str:
        """For messages; without a name and password."""
        return without_owner(self.url) if self.url else str(self.path)

    @property
    def file_name(self) -> str:
        return unquote(urlsplit(self.url).path).rstrip("/").rpartition("/")[2] if self.url else self.path.name

    def fixed(self, digest: Digest) -> Reference:
        """The reference that means this content for ever."""
        return Reference(self.kind, f"{self.written}#sha256={digest.removeprefix('sha256:')}")

    def fetch(self, into: Incoming) -> None:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactMistyped`, :class:`ArtifactAltered`, :class:`Unavailable`,
        :class:`StorageFull`."""
        if self.url:
            with downloads() as source:
                source.fetch(self.url, into)
        else:
            copy_in(self.path, into)
        if self.digest is not None:
            into.expect(self.digest, self.shown)


def place_of(reference: Reference, folder: Path) -> Place:
    """Raises :class:`Invalid` for an empty place or a fragment that is not a sha256."""
    found = _FIXED.search(reference.name)
    written = reference.name[: found.start()] if found else reference.name
    digest = Digest("sha256:" + found["hex"].lower()) if found else None
    if "#sha256" in written or not written.strip():
        because = f"{reference} does not name a file."
        mend = f"Write {reference.kind.value}: and a path or URL; #sha256= takes 64 hexadecimal digits."
        raise Invalid([Problem("request", None, "artifact", because, mend)])
    if _URL.match(written):
        return Place(reference.kind, written, written, Path(), digest)
    return Place(reference.kind, written, "", (folder / Path(written).expanduser()).absolute(), digest)
