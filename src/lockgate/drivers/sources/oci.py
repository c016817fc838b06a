"""``oci:``: an image in a registry, as ``name:tag``, ``name@sha256:...`` or both.

What is kept are the small documents that say what the image is: its manifest or index, the manifests of its platforms,
and the configuration of an image that is for one platform only. Its layers stay in the registry; the engines that run
it fetch them, by the digest, and check them.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from lockgate.core.artifact import Artifact, ArtifactKind, Reference, Tree
from lockgate.core.errors import ArtifactAltered, ArtifactMissing, ArtifactMistyped, CapabilityMissing, Unavailable
from lockgate.core.ids import Digest, short
from lockgate.drivers.depot import Depot
from lockgate.drivers.registry import Attachment, ImageName, Registries, attachments, image_name
from lockgate.drivers.registry.documents import Descriptor, Document, Platform, document, read, why_no_image

MOST_IMAGES = 64
"""In one index: more is no application, but somebody who wants to keep us busy."""
LONGEST_CONFIGURATION = 4 * 1024 * 1024


class OciSource:
    """Images of every registry that can be reached."""

    kind = ArtifactKind.OCI

    def __init__(self, depot: Depot, registries: Registries) -> None:
        self._depot = depot
        self._registries = registries

    def resolve(self, reference: Reference, folder: Path) -> Artifact:
        """The digest is that of the manifest or index which the reference named. Raises :class:`Invalid`,
        :class:`ArtifactMissing`, :class:`ArtifactMistyped` (no image), :class:`ArtifactAltered`, :class:`Denied`,
        :class:`Unavailable`, :class:`StorageFull`."""
        image = image_name(reference.name)
        try:
            digest = self._fetch(image)
        except Unavailable:
            kept = self._kept(image)
            if kept is None:
                raise
            digest = kept
        return Artifact(self.kind, image.name, image.tag or short(digest), digest, str(reference))

    def materialise(self, artifact: Artifact) -> Tree:
        """Raises :class:`CapabilityMissing`: no image is unpacked here."""
        because = f"{artifact.label()} is an image, and images are run by an engine, not unpacked to files."
        raise CapabilityMissing(because, "Deploy it to an environment whose target runs containers.")

    def latest(self, reference: Reference, folder: Path) -> Reference:
        """What a tag means now, as ``name@digest``. Raises as :meth:`resolve`."""
        image = image_name(reference.name)
        if image.digest:
            return reference
        return Reference(self.kind, f"{image.name}@{self._fetch(image)}")

    def blobs_of(self, artifact: Artifact) -> Collection[Digest]:
        return {artifact.digest, *(one.sha256 for one in self._parts(artifact.digest) if self._has(one))}

    def platforms(self, artifact: Artifact) -> tuple[str, ...]:
        """As ``linux/amd64`` or ``linux/arm64/v8``, from what is kept. Raises :class:`ArtifactMissing`,
        :class:`ArtifactAltered`."""
        found = self._document(artifact.digest)
        if found.is_index:
            told = [one.platform for one in found.images if one.platform and self._has(one)]
        else:
            told = [read(self._depot.blobs.read(one.sha256), Platform, str(one.sha256)) for one in _parts(found)]
        return tuple(dict.fromkeys(filter(None, map(str, told))))

    def attachments(self, artifact: Artifact) -> tuple[Attachment, ...]:
        """What the registry has about it now: signatures, attestations. Raises as :meth:`resolve`."""
        return attachments(self._registries, image_name(f"{artifact.name}@{artifact.digest}"), artifact.digest)

    def _kept(self, image: ImageName) -> Digest | None:
        """While the registry is away, one named by digest that is here whole will do."""
        blobs = self._depot.blobs
        if image.digest is None or not blobs.claim(image.digest):
            return None
        found = self._document(image.digest)
        whole = not why_no_image(found) and all(blobs.claim(one.sha256) for one in _parts(found))
        return image.digest if whole else None

    def _fetch(self, image: ImageName) -> Digest:
        manifest = self._registries.manifest(image)
        if why := why_no_image(manifest.document):
            _refuse(image, why)
        parts = self._fetch_parts(image, manifest.document)
        for data in (*parts, manifest.data):
            self._depot.blobs.put_bytes(data)
        return manifest.digest

    def _fetch_parts(self, image: ImageName, whole: Document) -> list[bytes]:
        if not whole.is_index:
            return [self._configuration(image, one) for one in _parts(whole)]
        if len(whole.images) > MOST_IMAGES:
            _refuse(image, f"it is an index of {len(whole.images)} images, and at most {MOST_IMAGES} are looked at")
        found = [self._platform(image, one) for one in whole.images]
        there = [data for data in found if data is not None]
        if not there:
            because = f"{image} is an index, and the registry has none of the images in it."
            raise ArtifactMissing(because, "Push them, too.")
        return there

    def _platform(self, image: ImageName, one: Descriptor) -> bytes | None:
        """Some registries keep an index of which not every platform was copied."""
        data = self._here(one)
        try:
            data = data or self._registries.manifest(replace(image, tag="", digest=one.sha256)).data
        except ArtifactMissing:
            return None
        if why := why_no_image(document(data, str(image))):
            _refuse(image, why)
        return data

    def _configuration(self, image: ImageName, one: Descriptor) -> bytes:
        return self._here(one) or self._registries.blob(image, one, LONGEST_CONFIGURATION)

    def _here(self, one: Descriptor) -> bytes | None:
        """What is here is not fetched again: registries count."""
        try:
            return self._depot.blobs.read(one.sha256)
        except (ArtifactMissing, ArtifactAltered):
            return None

    def _has(self, one: Descriptor) -> bool:
        return self._depot.blobs.has(one.sha256)

    def _parts(self, digest: Digest) -> list[Descriptor]:
        return _parts(self._document(digest))

    def _document(self, digest: Digest) -> Document:
        return document(self._depot.blobs.read(digest), str(digest))


def _parts(whole: Document) -> list[Descriptor]:
    """What is kept beside it: for an index manifests, for a manifest the configuration."""
    if whole.is_index:
        return whole.images
    return [whole.config] if whole.config else []


def _refuse(image: ImageName, why: str) -> NoReturn:
    raise ArtifactMistyped(f"{image} is no image that can be run: {why}.", "Name the image itself.")
