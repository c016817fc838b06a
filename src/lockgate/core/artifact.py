"""Artifact: an immutable built thing, named by digest."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import Digest


class ArtifactKind(StrEnum):
    """Where an artifact comes from, which is also how it is made ready to run."""

    PYPI = "pypi"
    NPM = "npm"
    ARCHIVE = "archive"
    GIT = "git"
    FILE = "file"
    OCI = "oci"


_REFERENCE = re.compile(r"^(?P<kind>[a-z]+):(?P<name>.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a user writes: ``pypi:datasette==0.65.5``, ``npm:http-server@14.1.1``, ``archive:./site.tar.gz``,
    ``git:https://host/repo.git@v1``, ``file:./data.db``. It may name a moving thing; a digest never does."""

    kind: ArtifactKind
    name: str
    """Everything after the first colon."""

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.name}"

    @classmethod
    def parse(
        cls, text: str, *, where: str = "request", line: int | None = None, field: str = "artifact"
    ) -> "Reference":
        """Raises :class:`Invalid` naming the kinds there are."""
        found = _REFERENCE.match(text.strip())
        kinds = ", ".join(k.value for k in ArtifactKind)
        if found is None or found["kind"] not in {k.value for k in ArtifactKind}:
            because = f"{text!r} is not an artifact reference."
            mend = f"Write kind:name, such as pypi:datasette==0.65.5; the kinds are {kinds}."
            raise Invalid([Problem(where, line, field, because, mend)])
        return cls(ArtifactKind(found["kind"]), found["name"].strip())


@dataclass(frozen=True, slots=True)
class Artifact:
    """A reference resolved once. The same digest is the same thing for ever."""

    kind: ArtifactKind
    name: str
    """Package, repository or file name, without the version."""
    version: str
    """As the source names it: ``0.65.5``, a tag, a short commit, or the first digits of the digest."""
    digest: Digest
    reference: str
    """What was asked for, for people."""

    def label(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True)
class Tree:
    """An artifact made ready to run on this machine: read-only, complete, at its final place."""

    root: PurePosixPath
    """Folder (or, for ``file:``, the file itself)."""
    path: tuple[PurePosixPath, ...] = ()
    """Folders to put first on PATH, so that the artifact's own programs are found."""
