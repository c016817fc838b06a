"""What we read of CycloneDX is what the project's own library wrote."""

import json

import pytest

from lockgate.core.evidence import Role
from lockgate.drivers.documents import reading

pytest.importorskip("cyclonedx")

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component
from cyclonedx.model.impact_analysis import ImpactAnalysisState
from cyclonedx.model.vulnerability import (
    BomTarget,
    Vulnerability,
    VulnerabilityAnalysis,
    VulnerabilityRating,
    VulnerabilitySeverity,
)
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from lockgate.core.package import PackageUrl

VERSIONS = [SchemaVersion.V1_4, SchemaVersion.V1_5, SchemaVersion.V1_6, SchemaVersion.V1_7]


def a_bom() -> Bom:
    bom = Bom()
    bom.metadata.component = Component(name="shop", version="1.0", bom_ref="root")
    known = [
        ("pypi", None, "Foo_Bar", "1.0"),
        ("npm", "@angular", "core", "17"),
        ("deb", "debian", "openssl", "3.0.7+b1"),
    ]
    for kind, namespace, name, version in known:
        url = PackageURL(kind, namespace, name, version, {"arch": "amd64"} if kind == "deb" else None)
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content="a" * 64)]
        bom.components.add(
            Component(name=name, group=namespace, version=version, purl=url, bom_ref=name, hashes=hashes)
        )
    bom.register_dependency(bom.metadata.component, bom.components)
    bom.vulnerabilities.add(
        Vulnerability(
            id="CVE-1",
            ratings=[VulnerabilityRating(severity=VulnerabilitySeverity.HIGH)],
            affects=[BomTarget(ref="openssl")],
        )
    )
    bom.vulnerabilities.add(
        Vulnerability(
            id="CVE-2",
            analysis=VulnerabilityAnalysis(state=ImpactAnalysisState.NOT_AFFECTED),
            affects=[BomTarget(ref="core")],
        )
    )
    return bom


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_library_writes_is_read(version: SchemaVersion) -> None:
    bom = a_bom()
    found = reading.read(make_outputter(bom, OutputFormat.JSON, version).output_as_string().encode())
    assert found.version == version.to_version()
    assert found.roles == {Role.CONTENTS, Role.SCAN, Role.VEX}
    expected = {(str(one.purl), one.version, "sha256:" + "a" * 64) for one in bom.components}
    assert {(p.purl, p.version, p.digest) for p in found.packages} == expected
    assert [(f.vulnerability, f.severity, f.name) for f in found.findings] == [("CVE-1", "high", "debian/openssl")]
    assert [(s.vulnerability, s.packages) for s in found.statements] == [("CVE-2", ("pkg:npm/%40angular/core@17",))]
    assert json.loads(make_outputter(bom, OutputFormat.JSON, version).output_as_string())["bomFormat"] == "CycloneDX"


@pytest.mark.parametrize(
    "text",
    [
        "pkg:pypi/Django_x@1.11.1",
        "pkg:npm/%40angular/animation@12.3.1",
        "pkg:NPM/foobar@12.3.1",
        "pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1?type=pom&repository_url=repo.spring.io/release",
        "pkg:golang/google.golang.org/genproto@abcdedf#googleapis/api/annotations",
        "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie",
        "pkg:docker/customer/dockerimage@sha256%3A244fd47e07d1004f0aed9c?repository_url=gcr.io",
        "pkg:generic/openssl@1.1.10g?download_url=https://openssl.org/source/openssl-1.1.0g.tar.gz",
        "pkg:rpm/fedora/curl@7.50.3-1.fc25?arch=i386",
        "pkg:github/Package-url/purl-Spec@244fd47e07d1004f0aed9c",
        "pkg:gem/ruby-advisory-db-check@0.12.4",
        "pkg:nuget/EnterpriseLibrary.Common@6.0.1304",
        "pkg:cargo/rand@0.7.2",
        "pkg://pypi/a@1%2B2",
    ],
)
def test_package_urls_are_understood_as_by_the_library(text: str) -> None:
    ours, theirs = PackageUrl.parse(text), PackageURL.from_string(text)
    assert (ours.type, ours.namespace, ours.name) == (theirs.type, theirs.namespace or "", theirs.name)
    assert (ours.version, ours.subpath) == (theirs.version or "", theirs.subpath or "")
    assert dict(ours.qualifiers) == dict(theirs.qualifiers)
    assert PackageURL.from_string(str(ours)) == theirs
