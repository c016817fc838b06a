"""Evidence of releases, and inventory: documents that are read without trust, and the memory of both."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from lockgate.core.audit import Event
from lockgate.core.evidence import Attestation, Contents, Evidence, Format
from lockgate.core.finding import Scan, Waiver
from lockgate.core.holding import Holding, Located, Placed
from lockgate.core.ids import Digest, Instant, ReleaseId
from lockgate.core.package import Sought


class Incoming(Protocol):
    """Bytes on their way into the store of documents. What is not kept is gone."""

    @property
    def size(self) -> int: ...

    def write(self, data: bytes) -> int:
        """Raises :class:`StorageFull`."""

    def finish(self) -> Digest:
        """Nothing more will be written."""

    def keep(self) -> Digest:
        """For good."""


class Documents(Protocol):
    """Documents that can be attached to releases: kept under their digest, and read without trust."""

    def incoming(self) -> AbstractContextManager[Incoming]: ...

    def read(self, incoming: Incoming, wanted: Format | None) -> Contents:
        """What is in it; ``wanted`` None: whichever it is. Raises :class:`Invalid`, naming what was expected; also for
        what would need too much time or memory."""

    def open(self, envelope: str, document: str, keys: Sequence[str]) -> Attestation:
        """A signed statement, compared with public keys: PEM texts, or absolute paths of files with some. Raises
        :class:`Invalid` or :class:`ComponentMissing` for a key that cannot be used."""


class Attachments(Protocol):
    """What is attached to releases, and which weaknesses somebody has taken on. Each call is one transaction."""

    def attach(self, new: Evidence, contents: Contents, event: Event) -> bool:
        """False, and nothing is written, when the release has the same document already."""

    def of(self, release: ReleaseId) -> tuple[Evidence, ...]:
        """Oldest first."""

    def scans(self, release: ReleaseId) -> tuple[Scan, ...]:
        """What its documents found, of each document that tells findings."""

    def digests(self) -> frozenset[Digest]:
        """Of every document that is attached to anything."""

    def waive(self, new: Waiver, event: Event) -> None:
        """One for the same weakness, package, application and environment is replaced."""

    def unwaive(self, old: Waiver, event: Event) -> None:
        """Raises NotFound."""

    def waivers(self) -> tuple[Waiver, ...]:
        """Expired ones, too."""


class Holdings(Protocol):
    """What ran where, from when until when. Written by :meth:`Deployments.save`, in its transaction."""

    def now(self, environment: str, application: str, limit: int) -> tuple[Placed, ...]:
        """What holds now; everywhere, and every application, when empty."""

    def at(self, environment: str, application: str, at: Instant, limit: int) -> tuple[Holding, ...]:
        """What held at that moment."""

    def of(self, application: str, environment: str, release: ReleaseId) -> tuple[Holding, ...]:
        """When the release held there, oldest first."""

    def find(self, sought: Sought, at: Instant | None, ever: bool, limit: int) -> Located:
        """Where what is sought holds now, held at that moment, or has ever held."""
