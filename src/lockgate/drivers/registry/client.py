"""A client of registries: manifests and small blobs, each compared with its digest (OCI distribution 1.1).

Layers are not read: engines fetch those themselves.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urljoin

from lockgate.core.errors import ArtifactMissing, LockgateError, Unavailable
from lockgate.core.ids import Digest
from lockgate.drivers.blobs import altered
from lockgate.drivers.logins import Logins
from lockgate.drivers.registry.documents import ACCEPT, Descriptor, Document, document
from lockgate.drivers.registry.names import ImageName
from lockgate.drivers.registry.tokens import Tokens, denied
from lockgate.drivers.registry.wire import MIB, Answer, Question, Wire

LONGEST_MANIFEST = 4 * MIB
"""Bytes; what registries must take at least, and what others read at most."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Or an index: its own bytes, which the digest names."""

    digest: Digest
    data: bytes
    document: Document


class Registries:
    """All registries, with the logins of this machine. ``plain``: those without TLS, beside the loopback's.
    ``patience``: seconds that a registry may be silent."""

    def __init__(self, logins: Logins, plain: Collection[str] = (), patience: float = 30.0) -> None:
        self._wire = Wire(plain, patience)
        self._tokens = Tokens(logins, self._wire.ask)

    def close(self) -> None:
        self._wire.close()

    def manifest(self, image: ImageName) -> Manifest:
        """What the name means now. Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`,
        :class:`ArtifactMistyped`, :class:`Denied`, :class:`Unavailable`."""
        answer = self.ask(image, f"/v2/{image.repository}/manifests/{image.which}", ACCEPT, LONGEST_MANIFEST)
        if answer.status != 200:
            raise problem(image, str(image), answer)
        digest = digest_of(answer.data)
        for expected in (image.digest, _told(answer)):
            if expected is not None and expected != digest:
                raise altered(str(image), expected, digest)
        return Manifest(digest, answer.data, document(answer.data, str(image)))

    def blob(self, image: ImageName, one: Descriptor, limit: int) -> bytes:
        """At most ``limit`` bytes. Raises as :meth:`manifest`."""
        what = f"{image.name}@{one.sha256}"
        answer = self.ask(image, f"/v2/{image.repository}/blobs/{one.sha256}", "*/*", limit)
        if answer.status != 200:
            raise problem(image, what, answer)
        if (found := digest_of(answer.data)) != one.sha256:
            raise altered(what, one.sha256, found)
        return answer.data

    def ask(self, image: ImageName, path: str, accept: str, limit: int) -> Answer:
        """GET, signed in as far as the registry wants it; ``path`` may be one that it told itself. Raises
        :class:`Denied`, :class:`Unavailable`, :class:`ArtifactMistyped`."""
        base = self._wire.url(image.registry, "/")
        url = urljoin(base, path)
        if not url.startswith(base):  # nobody else gets the token
            raise Unavailable(f"{image.registry} sends to another address for more.", "Look at the registry.")
        header = self._tokens.header(image)
        answer = self._get(image, url, accept, header, limit)
        if answer.status == 401:
            header = self._tokens.answer(image, answer.headers.get_list("www-authenticate"))
            answer = self._get(image, url, accept, header, limit)
        if answer.status in (401, 403):
            raise denied(image, "does not let you read this")
        return answer

    def _get(self, image: ImageName, url: str, accept: str, header: str, limit: int) -> Answer:
        headers = {"Accept": accept} | ({"Authorization": header} if header else {})
        return self._wire.ask(Question(image.registry, url, headers, limit=limit))


def digest_of(data: bytes) -> Digest:
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def problem(image: ImageName, what: str, answer: Answer) -> LockgateError:
    """For an answer that is not what was asked for."""
    if answer.status == 404:
        return ArtifactMissing(f"{image.registry} has no {what}.", "Look at the spelling, or whether it was pushed.")
    if answer.status == 429:
        because = f"{image.registry} wants fewer requests (HTTP 429)."
        return Unavailable(because, "Try again later, or sign in: many registries give more to whom they know.")
    return Unavailable(f"{image.registry} answered with HTTP {answer.status} for {what}.", "Try again later.")


def _told(answer: Answer) -> Digest | None:
    told = answer.headers.get("docker-content-digest", "")
    return Digest(told) if told.startswith("sha256:") else None
