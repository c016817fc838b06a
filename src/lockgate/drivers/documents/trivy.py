"""Trivy's own JSON (schema 2): weaknesses of packages, and misconfigurations and secrets that it has found."""

from collections.abc import Iterator

import msgspec

from lockgate.core.evidence import Contents, Format, Role
from lockgate.core.finding import Finding
from lockgate.core.package import Package, purl_or_none
from lockgate.drivers.documents.wire import Shape, instant_of, read_as, refused, severity_of

VERSION = 2


class _Shape(Shape, rename="pascal"):
    """Trivy writes names with a capital."""


class _Identifier(Shape):
    purl: str = msgspec.field(default="", name="PURL")


class _Vulnerability(_Shape):
    id: str = msgspec.field(default="", name="VulnerabilityID")
    vendor_ids: list[str] = msgspec.field(default_factory=list, name="VendorIDs")
    pkg_name: str = ""
    pkg_identifier: _Identifier = msgspec.field(default_factory=_Identifier)
    installed_version: str = ""
    fixed_version: str = ""
    severity: str = ""


class _Misconfiguration(_Shape):
    id: str = msgspec.field(default="", name="ID")
    severity: str = ""
    status: str = "FAIL"


class _Secret(_Shape):
    rule_id: str = msgspec.field(default="", name="RuleID")
    severity: str = ""


class _Package(_Shape):
    name: str = ""
    version: str = ""
    identifier: _Identifier = msgspec.field(default_factory=_Identifier)


class _Result(_Shape):
    target: str = ""
    packages: list[_Package] | None = None
    vulnerabilities: list[_Vulnerability] | None = None
    misconfigurations: list[_Misconfiguration] | None = None
    secrets: list[_Secret] | None = None


class _Report(_Shape):
    schema_version: int
    artifact_name: str = ""
    created_at: str | None = None
    results: list[_Result] | None = None


def read(data: bytes) -> Contents:
    """Raises :class:`Invalid`."""
    report = read_as(data, _Report, "Trivy report")
    if report.schema_version != VERSION:
        raise refused(f"it is a Trivy report of schema {report.schema_version}.", f"Schema {VERSION} is read.")
    results = report.results or []
    packages = tuple(_package(one) for result in results for one in result.packages or [])
    return Contents(
        Format.TRIVY,
        str(report.schema_version),
        frozenset({Role.SCAN, Role.CONTENTS} if packages else {Role.SCAN}),
        tool="trivy",
        about=_untagged(report.artifact_name),
        made_at=instant_of(report.created_at),
        packages=packages,
        findings=tuple(finding for result in results for finding in _findings(result)),
    )


def _untagged(name: str) -> str:
    """The image without tag or digest: the next scan is of the same thing."""
    name = name.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(":")[0]


def _package(one: _Package) -> Package:
    purl = purl_or_none(one.identifier.purl)
    return Package(one.name, one.version, str(purl) if purl else "")


def _findings(result: _Result) -> Iterator[Finding]:
    for one in result.vulnerabilities or []:
        aliases = tuple(alias for alias in one.vendor_ids if alias != one.id)
        purl, severity = one.pkg_identifier.purl, severity_of(one.severity)
        yield Finding(one.id, severity, one.pkg_name, one.installed_version, purl, one.fixed_version, aliases)
    for wrong in result.misconfigurations or []:
        if wrong.status == "FAIL":
            yield Finding(wrong.id, severity_of(wrong.severity), result.target)
    for secret in result.secrets or []:
        yield Finding(secret.rule_id, severity_of(secret.severity), result.target)
