"""What others have attached to an image: signatures, attestations, lists of contents.

In an index itself, where BuildKit puts them; by the referrers API, by its fallback tag ``sha256-HEX`` where a registry
has none, and by the tags of cosign (``.sig``, ``.att``, ``.sbom``), whose layers are one attachment each.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lockgate.core.errors import ArtifactMissing, Unavailable
from lockgate.core.ids import Digest
from lockgate.drivers.registry.client import LONGEST_MANIFEST, Registries, problem
from lockgate.drivers.registry.documents import INDEXES, Descriptor, Document, document, shown
from lockgate.drivers.registry.names import ImageName
from lockgate.drivers.registry.wire import MIB

LONGEST_PAYLOAD = 64 * MIB
STATEMENT = "application/vnd.in-toto+json"
COSIGN = (".sig", ".att", ".sbom")
_NO_API = frozenset({400, 404, 405, 406, 501})
_PAGES = 50
_NEXT = re.compile(r'<(?P<path>[^>]+)>\s*;[^,]*\brel="?next\b')


@dataclass(frozen=True, slots=True)
class Attachment:
    """One of them. What it says is not checked here, only that it is what its digest names."""

    kind: str
    """Its artifact type, or its media type where it has none: ``application/vnd.dev.cosign.simplesigning.v1+json``."""
    digest: Digest
    size: int
    """Bytes of what the digest names."""
    annotations: Mapping[str, str]
    layer: bool
    """The digest is that of the payload itself; otherwise of a manifest whose layers are the payloads."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The bytes of an attachment."""

    kind: str
    digest: Digest
    annotations: Mapping[str, str]
    data: bytes


def attachments(registries: Registries, image: ImageName, digest: Digest) -> tuple[Attachment, ...]:
    """Of the manifest or index ``digest`` in the repository of ``image``. Raises as :meth:`Registries.manifest`, but
    not ArtifactMissing."""
    found = _beside(registries, image, digest)
    found += [_attachment(one, layer=False) for one in _referrers(registries, image, digest)]
    for ending in COSIGN:
        manifest = _by_tag(registries, image, _tag(digest) + ending)
        layers = manifest.layers if manifest is not None else None
        found += [_attachment(one, layer=True) for one in layers or []]
    return tuple({(one.digest, one.layer, *sorted(one.annotations.items())): one for one in found}.values())


def payloads(registries: Registries, image: ImageName, attachment: Attachment) -> tuple[Payload, ...]:
    """Each compared with its digest. Raises as :meth:`Registries.manifest`."""
    if attachment.layer:
        layers = [Descriptor(attachment.kind, attachment.digest, attachment.size, annotations=attachment.annotations)]
    else:
        manifest = registries.manifest(replace(image, tag="", digest=attachment.digest)).document
        layers = manifest.layers or []
    return tuple(
        Payload(one.media_type, one.sha256, one.annotations or {}, registries.blob(image, one, LONGEST_PAYLOAD))
        for one in layers
    )


def _beside(registries: Registries, image: ImageName, digest: Digest) -> list[Attachment]:
    """What BuildKit has put into the index itself."""
    try:
        index = registries.manifest(replace(image, tag="", digest=digest)).document
    except ArtifactMissing:
        return []
    pointed = [one for one in index.manifests or [] if one.beside]
    return [Attachment(STATEMENT, one.sha256, one.size, one.annotations or {}, layer=False) for one in pointed]


def _referrers(registries: Registries, image: ImageName, digest: Digest) -> Iterator[Descriptor]:
    path = f"/v2/{image.repository}/referrers/{digest}"
    for _ in range(_PAGES):
        answer = registries.ask(image, path, ", ".join(sorted(INDEXES)), LONGEST_MANIFEST)
        if answer.status in _NO_API:
            index = _by_tag(registries, image, _tag(digest))
            yield from (index.manifests if index is not None else None) or []
            return
        if answer.status != 200:
            raise problem(image, f"list of what is attached to {digest}", answer)
        yield from document(answer.data, f"What is attached to {digest}").manifests or []
        more = _NEXT.search(answer.headers.get("link", ""))
        if more is None:
            return
        path = more["path"]
    raise Unavailable(f"{image.registry} does not come to an end with what is attached to {digest}.")


def _by_tag(registries: Registries, image: ImageName, tag: str) -> Document | None:
    try:
        return registries.manifest(replace(image, tag=tag, digest=None)).document
    except ArtifactMissing:
        return None


def _tag(digest: Digest) -> str:
    return digest.replace(":", "-", 1)


def _attachment(one: Descriptor, *, layer: bool) -> Attachment:
    kind = one.media_type if layer else one.artifact_type or one.media_type
    return Attachment(shown(kind), one.sha256, one.size, one.annotations or {}, layer)
