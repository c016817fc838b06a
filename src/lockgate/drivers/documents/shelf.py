"""Where documents are kept: as blobs of the depot, under their digest."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from lockgate.core.evidence import Attestation, Contents, Format
from lockgate.drivers.blobs import Blobs
from lockgate.drivers.blobs import Incoming as IncomingBlob
from lockgate.drivers.documents import envelope as signed
from lockgate.drivers.documents.apart import read_apart
from lockgate.ports import Incoming


class Shelf:
    """:class:`lockgate.ports.Documents` in the data folder."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def incoming(self) -> AbstractContextManager[Incoming]:
        return self._blobs.incoming()

    def read(self, incoming: Incoming, wanted: Format | None) -> Contents:
        assert isinstance(incoming, IncomingBlob)
        incoming.finish()
        return read_apart(incoming.path, wanted)

    def open(self, envelope: str, document: str, keys: Sequence[str]) -> Attestation:
        return signed.opened(envelope, document, keys)
