"""SPDX JSON, 2.2 and 2.3: what is in a release."""

import msgspec

from lockgate.core.evidence import Contents, Format, Role
from lockgate.core.package import Package, digest_in, purl_or_none
from lockgate.drivers.documents.wire import Shape, instant_of, read_as, refused

VERSIONS = ("SPDX-2.2", "SPDX-2.3")
ABSENT = frozenset({"NOASSERTION", "NONE", ""})


class _Checksum(Shape):
    algorithm: str = ""
    value: str = msgspec.field(default="", name="checksumValue")


class _Reference(Shape):
    kind: str = msgspec.field(default="", name="referenceType")
    locator: str = msgspec.field(default="", name="referenceLocator")


class _Package(Shape):
    name: str
    id: str = msgspec.field(default="", name="SPDXID")
    version_info: str = ""
    checksums: list[_Checksum] = msgspec.field(default_factory=list)
    external_refs: list[_Reference] = msgspec.field(default_factory=list)


class _Creation(Shape):
    created: str | None = None
    creators: list[str] = msgspec.field(default_factory=list)


class _Relationship(Shape):
    element: str = msgspec.field(default="", name="spdxElementId")
    kind: str = msgspec.field(default="", name="relationshipType")
    related: str = msgspec.field(default="", name="relatedSpdxElement")


class _Document(Shape):
    spdx_version: str
    name: str = ""
    creation_info: _Creation = msgspec.field(default_factory=_Creation)
    packages: list[_Package] = msgspec.field(default_factory=list)
    document_describes: list[str] = msgspec.field(default_factory=list)
    relationships: list[_Relationship] = msgspec.field(default_factory=list)


def read(data: bytes) -> Contents:
    """Raises :class:`Invalid`."""
    document = read_as(data, _Document, "SPDX document")
    if document.spdx_version not in VERSIONS:
        raise refused(f"it is {document.spdx_version[:20]!r}.", f"{' and '.join(VERSIONS)} are read, as JSON.")
    whole = _described(document)
    return Contents(
        Format.SPDX,
        document.spdx_version.removeprefix("SPDX-"),
        frozenset({Role.CONTENTS}),
        tool=_tool(document.creation_info.creators),
        about=document.name,
        made_at=instant_of(document.creation_info.created),
        packages=tuple(_package(one) for one in document.packages if not (one.id in whole and _is_wrapper(one))),
    )


def _described(document: _Document) -> frozenset[str]:
    """What the document is about, which is not inside of it."""
    related = (one.related for one in document.relationships if one.kind == "DESCRIBES")
    return frozenset([*document.document_describes, *related])


def _is_wrapper(one: _Package) -> bool:
    """A folder or an image that only holds the others has no name that anybody would look for."""
    return not any(found.kind == "purl" for found in one.external_refs)


def _package(one: _Package) -> Package:
    found = (purl_or_none(reference.locator) for reference in one.external_refs if reference.kind == "purl")
    purl = next((url for url in found if url), None)
    version = "" if one.version_info in ABSENT else one.version_info
    digest = digest_in({checksum.algorithm: checksum.value for checksum in one.checksums})
    return Package(one.name, version, str(purl) if purl else "", digest or "")


def _tool(creators: list[str]) -> str:
    """``Tool: syft-1.4.0`` -> ``syft-1.4.0``"""
    return next((one.partition(":")[2].strip() for one in creators if one.startswith("Tool:")), "")
