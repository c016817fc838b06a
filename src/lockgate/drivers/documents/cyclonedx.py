"""CycloneDX JSON, 1.4 to 1.7: what is in a release, what is wrong with it, and what of that does no harm (VEX)."""

from collections.abc import Iterator, Mapping
from urllib.parse import unquote

import msgspec

from lockgate.core.evidence import Contents, Format, Role
from lockgate.core.finding import Finding, Severity, Statement
from lockgate.core.package import Package, digest_in, purl_or_none
from lockgate.decoding import UNREADABLE
from lockgate.drivers.documents.wire import Shape, instant_of, read_as, refused, severity_of, severity_of_score, worst

VERSIONS = ("1.4", "1.5", "1.6", "1.7")

HARMLESS = frozenset({"not_affected", "false_positive", "resolved", "resolved_with_pedigree"})
"""States of an analysis after which a weakness does no harm, or no more."""

_LINK = "urn:cdx:"
"""A reference into another document; what stands behind its # is the reference there."""


class _Hash(Shape):
    alg: str = ""
    content: str = ""


class _Component(Shape):
    ref: str = msgspec.field(default="", name="bom-ref")
    name: str = ""
    group: str = ""
    version: str = ""
    purl: str = ""
    hashes: list[_Hash] = msgspec.field(default_factory=list)
    components: "list[_Component]" = msgspec.field(default_factory=list)


class _Tools(Shape):
    components: list[_Component] = msgspec.field(default_factory=list)


class _Metadata(Shape):
    timestamp: str | None = None
    component: _Component | None = None
    tools: msgspec.Raw = msgspec.Raw(b"null")


class _Rating(Shape):
    severity: str | None = None
    score: float | None = None


class _Source(Shape):
    id: str = ""


class _Analysis(Shape):
    state: str = ""
    justification: str = ""
    detail: str = ""


class _Affected(Shape):
    ref: str = ""


class _Vulnerability(Shape):
    id: str = ""
    ratings: list[_Rating] = msgspec.field(default_factory=list)
    references: list[_Source] = msgspec.field(default_factory=list)
    recommendation: str = ""
    affects: list[_Affected] = msgspec.field(default_factory=list)
    analysis: _Analysis | None = None


class _Bom(Shape):
    bom_format: str
    spec_version: str
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    components: list[_Component] = msgspec.field(default_factory=list)
    vulnerabilities: list[_Vulnerability] | None = None


def read(data: bytes) -> Contents:
    """Raises :class:`Invalid`."""
    bom = read_as(data, _Bom, "CycloneDX document")
    if bom.spec_version not in VERSIONS:
        expected = f"Versions {VERSIONS[0]} to {VERSIONS[-1]} are read."
        raise refused(f"it is CycloneDX {bom.spec_version[:20]!r}.", expected)
    whole = bom.metadata.component
    inside = list(_all(bom.components))
    known = {one.ref: one for one in [*([whole] if whole else []), *inside] if one.ref}
    told = bom.vulnerabilities or []
    scanned = [one for one in told if one.analysis is None or one.analysis.state not in HARMLESS]
    harmless = [one for one in told if one.analysis is not None and one.analysis.state in HARMLESS]
    return Contents(
        Format.CYCLONEDX,
        bom.spec_version,
        _roles(bom, inside),
        tool=_tool(bom.metadata.tools),
        about=_about(whole),
        made_at=instant_of(bom.metadata.timestamp),
        packages=tuple(_package(one) for one in inside if one.name),
        findings=tuple(finding for one in scanned for finding in _findings(one, known)),
        statements=tuple(_statement(one, known, whole.ref if whole else "") for one in harmless),
    )


def _roles(bom: _Bom, inside: list[_Component]) -> frozenset[Role]:
    """One that lists weaknesses tells of a scan, even if it lists none; but not one that only judges them."""
    told = bom.vulnerabilities
    judged = bool(told) and all(one.analysis is not None for one in told or [])
    roles = {Role.CONTENTS} if inside or told is None else set()
    if told is not None and (inside or not judged):
        roles.add(Role.SCAN)
    return frozenset(roles | ({Role.VEX} if any(one.analysis for one in told or []) else set()))


def _all(components: list[_Component]) -> Iterator[_Component]:
    for one in components:
        yield one
        yield from _all(one.components)


def _full_name(one: _Component) -> str:
    return f"{one.group}/{one.name}" if one.group else one.name


def _package(one: _Component) -> Package:
    purl = purl_or_none(one.purl)
    digest = digest_in({found.alg: found.content for found in one.hashes})
    return Package(_full_name(one), one.version, str(purl) if purl else "", digest or "")


def _about(whole: _Component | None) -> str:
    """Without its version: the next scan is of the same thing."""
    if whole is None:
        return ""
    found = purl_or_none(whole.purl)
    return found.line if found else _full_name(whole)


def _tool(raw: msgspec.Raw) -> str:
    """A list of tools up to 1.4, an object with components since 1.5."""
    try:
        found = msgspec.json.decode(raw, type=list[_Component])
    except UNREADABLE:
        try:
            found = msgspec.json.decode(raw, type=_Tools).components
        except UNREADABLE:
            return ""
    return found[0].name if found else ""


def _findings(one: _Vulnerability, known: Mapping[str, _Component]) -> Iterator[Finding]:
    severity = _severity(one)
    aliases = tuple(dict.fromkeys(found.id for found in one.references if found.id and found.id != one.id))
    for ref in [affected.ref for affected in one.affects] or [""]:
        place = known.get(ref)
        name = _full_name(place) if place else (found.name if (found := purl_or_none(ref)) else ref)
        purl = place.purl if place else ref if purl_or_none(ref) else ""
        version = place.version if place else ""
        fixed = one.recommendation.strip()[:200]
        yield Finding(one.id, severity, name, version, purl, fixed, aliases, ref)


def _severity(one: _Vulnerability) -> Severity:
    return worst([severity_of(r.severity) if r.severity else severity_of_score(r.score) for r in one.ratings])


def _statement(one: _Vulnerability, known: Mapping[str, _Component], whole: str) -> Statement:
    assert one.analysis is not None
    refs = [_behind_link(affected.ref) for affected in one.affects]
    packages = () if whole and whole in refs else tuple(_meant(ref, known) for ref in refs)
    because = one.analysis.detail or one.analysis.justification
    return Statement(one.id, one.analysis.state, packages, because[:500])


def _behind_link(ref: str) -> str:
    return unquote(ref.partition("#")[2]) if ref.startswith(_LINK) else ref


def _meant(ref: str, known: Mapping[str, _Component]) -> str:
    """The package URL, if it has one that carries more than a name given in this document alone."""
    place = known.get(ref)
    return place.purl if place and place.purl else ref
