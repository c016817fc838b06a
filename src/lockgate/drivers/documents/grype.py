"""Grype's own JSON: weaknesses of packages."""

import msgspec

from lockgate.core.evidence import Contents, Format, Role
from lockgate.core.finding import Finding
from lockgate.decoding import UNREADABLE
from lockgate.drivers.documents.wire import Shape, instant_of, read_as, severity_of


class _Fix(Shape):
    versions: list[str] | None = None
    state: str = ""


class _Vulnerability(Shape):
    id: str
    severity: str = ""
    fix: _Fix = msgspec.field(default_factory=_Fix)


class _Related(Shape):
    id: str = ""


class _Artifact(Shape):
    name: str
    version: str = ""
    purl: str = ""
    id: str = ""


class _Match(Shape):
    vulnerability: _Vulnerability
    artifact: _Artifact
    related_vulnerabilities: list[_Related] | None = None


class _Source(Shape):
    type: str = ""
    target: msgspec.Raw = msgspec.Raw(b"null")


class _Image(Shape):
    user_input: str = ""


class _Descriptor(Shape):
    name: str = ""
    version: str = ""
    timestamp: str | None = None


class _Document(Shape):
    matches: list[_Match]
    source: _Source = msgspec.field(default_factory=_Source)
    descriptor: _Descriptor = msgspec.field(default_factory=_Descriptor)


def read(data: bytes) -> Contents:
    """Raises :class:`Invalid`."""
    document = read_as(data, _Document, "Grype report")
    return Contents(
        Format.GRYPE,
        document.descriptor.version,
        frozenset({Role.SCAN}),
        tool=document.descriptor.name or "grype",
        about=_about(document.source.target),
        made_at=instant_of(document.descriptor.timestamp),
        findings=tuple(_finding(match) for match in document.matches),
    )


def _finding(match: _Match) -> Finding:
    found, package = match.vulnerability, match.artifact
    aliases = tuple(one.id for one in match.related_vulnerabilities or [] if one.id and one.id != found.id)
    fixed = ", ".join(found.fix.versions or []) if found.fix.state == "fixed" else ""
    severity = severity_of(found.severity)
    return Finding(found.id, severity, package.name, package.version, package.purl, fixed, aliases, package.id)


def _about(target: msgspec.Raw) -> str:
    """A folder is told as text, an image as an object."""
    try:
        return msgspec.json.decode(target, type=str)
    except UNREADABLE:
        pass
    try:
        name = msgspec.json.decode(target, type=_Image).user_input.partition("@")[0]
    except UNREADABLE:
        return ""
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(":")[0]
