"""What registries tell: manifests, indexes and descriptors (OCI image specification 1.1, Docker schema 2)."""

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from lockgate.core.errors import ArtifactMistyped
from lockgate.core.ids import Digest
from lockgate.decoding import UNREADABLE, decoded

IMAGE_MANIFESTS = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    }
)
INDEXES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
IMAGE_CONFIGS = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
ACCEPT = ", ".join([*sorted(INDEXES), *sorted(IMAGE_MANIFESTS)])

LAYERS = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
"""How the types of an image's layers begin."""

_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}", re.ASCII)
_WORD = re.compile(r"[\w.-]{1,64}", re.ASCII)
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
T = TypeVar("T")


class Platform(msgspec.Struct, frozen=True, rename="camel"):
    """What an image runs on. The configuration of an image tells it by the same names."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        """Empty when it is not fit to be shown."""
        parts = [part for part in (self.os, self.architecture, self.variant) if part]
        return "/".join(parts) if all(_WORD.fullmatch(part) for part in parts) else ""


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """A reference to bytes, by digest."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] | None = None

    @property
    def beside(self) -> bool:
        """In an index: what BuildKit says of an image there, not an image."""
        return "vnd.docker.reference.type" in (self.annotations or {})

    @property
    def sha256(self) -> Digest:
        """Raises :class:`ArtifactMistyped` for a digest by another algorithm."""
        if not _SHA256.fullmatch(self.digest):
            because = f"The registry names something by {self.digest!r}, which is no sha256 digest."
            raise ArtifactMistyped(because, "Push the image with sha256 digests.")
        return Digest(self.digest)


class Document(msgspec.Struct, frozen=True, rename="camel"):
    """A manifest or an index. Its media type may be missing; then what it has tells which it is."""

    schema_version: int = 0
    media_type: str = ""
    artifact_type: str | None = None
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    manifests: list[Descriptor] | None = None

    @property
    def is_index(self) -> bool:
        return self.manifests is not None or self.media_type in INDEXES

    @property
    def images(self) -> list[Descriptor]:
        """Of an index: manifests that may be images. Not attestations, which builders put beside them."""
        return [one for one in self.manifests or [] if one.media_type in IMAGE_MANIFESTS and not _beside(one)]


def document(data: bytes, what: str) -> Document:
    """Raises :class:`ArtifactMistyped`."""
    return read(data, Document, what)


def read(data: bytes, kind: type[T], what: str) -> T:
    """JSON of a registry. Raises :class:`ArtifactMistyped`."""
    try:
        return decoded(data, kind)
    except UNREADABLE as error:
        raise ArtifactMistyped(f"{what} is not what a registry tells of an image: {error}.") from error


def shown(media_type: str) -> str:
    """As it is, if it is one: what strangers call their things is printed on terminals."""
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"


def why_no_image(found: Document) -> str:
    """Empty for an image and for an index of images."""
    if found.schema_version != 2:
        return f"it is in Docker's old schema {found.schema_version}"
    if found.is_index:
        return _why_no_index(found)
    if found.media_type and found.media_type not in IMAGE_MANIFESTS:
        return f"it is of the type {shown(found.media_type)}"
    if found.config is None:
        return "it has no configuration of an image"
    if found.artifact_type or found.config.media_type not in IMAGE_CONFIGS:
        return f"it is of the type {shown(found.artifact_type or found.config.media_type)}"
    odd = [one.media_type for one in found.layers or [] if not one.media_type.startswith(LAYERS)]
    return f"it holds {shown(odd[0])}" if odd else ""


def _why_no_index(found: Document) -> str:
    if found.config is not None or found.layers is not None:
        return "it is a manifest and an index at once"
    if found.artifact_type or (found.media_type and found.media_type not in INDEXES):
        return f"it is of the type {shown(found.artifact_type or found.media_type)}"
    return "" if found.images else "it is an index without images"


def _beside(one: Descriptor) -> bool:
    """BuildKit's attestations have the platform unknown/unknown."""
    return one.beside or bool(one.artifact_type) or (one.platform is not None and one.platform.os == "unknown")
