"""What is read of each kind of document, and what is refused in which words."""

import copy
import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.errors import Invalid
from lockgate.core.evidence import MAX_PACKAGES, Contents, Format, Role
from lockgate.core.finding import Finding, Severity, Statement
from lockgate.core.package import Package
from lockgate.drivers.documents import reading
from lockgate.testing.documents import SigningKey, provenance
from tests.drivers.documents import samples

EVERY = [samples.CYCLONEDX, samples.VEX, samples.SPDX, samples.SARIF, samples.TRIVY, samples.GRYPE]


def read(document: object) -> Contents:
    return reading.read(json.dumps(document).encode())


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def changed(document: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {**copy.deepcopy(document), **fields}


def test_cyclonedx() -> None:
    found = read(samples.CYCLONEDX)
    assert (found.format, found.version, found.tool, found.about) == (
        Format.CYCLONEDX, "1.6", "syft", "registry.example/shop",
    )  # fmt: skip
    assert found.made_at == at("2026-11-20T09:00:00+00:00")
    assert found.roles == {Role.CONTENTS, Role.SCAN, Role.VEX}
    openssl = "pkg:deb/debian/openssl@3.0.7?arch=amd64"
    assert found.packages == (
        Package("openssl", "3.0.7", openssl, "sha256:" + "a" * 64),
        Package("libcrypto", "3.0.7"),
        Package("@angular/core", "17.0.0", "pkg:npm/%40angular/core@17.0.0"),
    )
    first, second, third = found.findings
    ref = samples.CYCLONEDX["components"][0]["bom-ref"]
    alias = ("GHSA-aaaa-bbbb-cccc",)
    assert first == Finding("CVE-2026-1111", Severity.CRITICAL, "openssl", "3.0.7", openssl, "3.0.8", alias, ref)
    assert (second.severity, second.name, second.fixable) == (Severity.MEDIUM, "@angular/core", False)
    assert third.vulnerability == "CVE-2026-4444"
    harmless = Statement("CVE-2026-3333", "not_affected", ("pkg:npm/%40angular/core@17.0.0",), "Never called.")
    assert found.statements == (harmless,)


def test_a_vex_document_judges_and_is_no_scan() -> None:
    found = read(samples.VEX)
    assert found.roles == {Role.VEX} and found.findings == ()
    (statement,) = found.statements
    assert statement.packages == ("pkg:deb/debian/openssl@3.0.7",)
    assert statement.covers(read(samples.CYCLONEDX).findings[0])
    assert not statement.covers(read(samples.CYCLONEDX).findings[1])


def test_a_list_of_contents_alone_is_no_scan_but_one_that_found_nothing_is() -> None:
    bare = {k: v for k, v in samples.CYCLONEDX.items() if k != "vulnerabilities"}
    assert read(bare).roles == {Role.CONTENTS}
    assert read({**bare, "vulnerabilities": []}).roles == {Role.CONTENTS, Role.SCAN}


@pytest.mark.parametrize("version", ["1.4", "1.5", "1.6", "1.7"])
def test_every_version_of_cyclonedx_that_is_promised(version: str) -> None:
    tools = [{"vendor": "x", "name": "trivy", "version": "1"}] if version == "1.4" else {"components": []}
    metadata = changed(samples.CYCLONEDX["metadata"], tools=tools)
    found = read(changed(samples.CYCLONEDX, specVersion=version, metadata=metadata))
    assert found.version == version and len(found.packages) == 3
    assert found.tool == ("trivy" if version == "1.4" else "")


def test_spdx() -> None:
    found = read(samples.SPDX)
    assert (found.format, found.version, found.tool) == (Format.SPDX, "2.3", "syft-1.20.0")
    assert found.packages == (
        Package("urllib3", "2.0.4", "pkg:pypi/urllib3@2.0.4", "sha256:" + "b" * 64),
        Package("tzdata"),
    )
    assert read(changed(samples.SPDX, spdxVersion="SPDX-2.2")).version == "2.2"


def test_sarif() -> None:
    found = read(samples.SARIF)
    assert (found.tool, found.about, found.roles) == ("CodeQL", "shop/python", {Role.SCAN})
    assert [(f.vulnerability, f.severity, f.name) for f in found.findings] == [
        ("py/sql-injection", Severity.HIGH, "a.py"),
        ("py/unused", Severity.LOW, "CodeQL"),
        ("elsewhere", Severity.HIGH, "CodeQL"),
    ]


def test_an_analysis_that_broke_off_proves_nothing() -> None:
    broken = copy.deepcopy(samples.SARIF)
    broken["runs"][0]["invocations"][0]["executionSuccessful"] = False
    without = copy.deepcopy(samples.SARIF)
    del without["runs"][0]["results"]
    for document in (broken, without, changed(samples.SARIF, runs=[])):
        with pytest.raises(Invalid, match=r"proves nothing|no run"):
            read(document)


def test_trivy() -> None:
    found = read(samples.TRIVY)
    assert (found.tool, found.about) == ("trivy", "registry.example:5000/shop")
    assert found.made_at is not None and abs(found.made_at - at("2026-11-20T10:22:33+00:00")) < 1
    assert [(f.vulnerability, f.severity, f.name, f.fixed) for f in found.findings] == [
        ("CVE-2026-1111", Severity.CRITICAL, "openssl", "3.0.8"),
        ("CVE-2026-5555", Severity.UNKNOWN, "zlib1g", ""),
        ("DS002", Severity.HIGH, "Dockerfile", ""),
        ("aws-key", Severity.CRITICAL, "/app/.env", ""),
    ]
    assert found.roles == {Role.SCAN, Role.CONTENTS} and found.packages[0].name == "openssl"
    assert read({"SchemaVersion": 2, "ArtifactName": "x"}).findings == ()


def test_grype() -> None:
    found = read(samples.GRYPE)
    assert (found.tool, found.about) == ("grype", "registry.example/shop")
    first, second = found.findings
    assert (first.severity, first.fixed, first.aliases) == (Severity.HIGH, "2.0.7", ("CVE-2026-6666",))
    assert (second.severity, second.fixed) == (Severity.NEGLIGIBLE, "")
    assert read(changed(samples.GRYPE, source={"type": "directory", "target": "/src"})).about == "/src"


def test_a_signed_statement() -> None:
    found = reading.read(SigningKey.ed25519().envelope(provenance({"web": "sha256:" + "a" * 64})))
    assert (found.format, found.roles, found.tool) == (
        Format.IN_TOTO, {Role.PROVENANCE}, "https://ci.example/builder@v1",
    )  # fmt: skip
    other = {**provenance({}), "predicateType": "https://in-toto.io/attestation/test-result/v0.1", "predicate": {}}
    assert reading.read(SigningKey.p256().envelope(other)).roles == {Role.ATTESTATION}


BAD = [
    (b"", "it is empty"),
    (b"   \n", "it is empty"),
    (b"[]", "no JSON object"),
    (b"<bom/>", "but XML"),
    (b"SPDXVersion: SPDX-2.3", "tag:value"),
    (b"\x1f\x8b\x08", "but gzip"),
    (b"{", "it is not JSON"),
    (b'{"bomFormat": "CycloneDX", "specVersion": "\xff"}', "it is not JSON"),
    (b'{"a":' * 100_000, "it is not JSON"),
    (b"{}", "nothing in it says"),
    (b'{"_type": "https://in-toto.io/Statement/v1"}', "nobody has signed"),
    (b'{"dsseEnvelope": {}}', "Sigstore bundle"),
    (b'{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}', "SPDX 3"),
    (b'{"bomFormat": "CycloneDX", "specVersion": "1.2"}', "Versions 1.4 to 1.7 are read"),
    (b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": 7}]}', r"components\[0\].name"),
    (b'{"spdxVersion": "SPDX-2.1"}', "SPDX-2.2 and SPDX-2.3 are read"),
    (b'{"version": "2.0.0", "runs": []}', "Version 2.1.0 is read"),
    (b'{"SchemaVersion": 1}', "Schema 2 is read"),
    (b'{"matches": [{}]}', r"matches\[0\]"),
    (b'{"payloadType": "text/plain", "payload": "", "signatures": [{"sig": ""}]}', "Expected an in-toto statement"),
    (b'{"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": []}', "0 signatures"),
    (b'{"payloadType": "application/vnd.in-toto+json", "payload": "%%", "signatures": [{"sig": ""}]}', "not base64"),
    (b'{"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": [{"sig": ""}]}', "_type"),
]


@pytest.mark.parametrize(("data", "words"), BAD)
def test_what_is_no_such_document_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        reading.read(data)


def test_too_much_is_refused() -> None:
    many = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "a"}] * (MAX_PACKAGES + 1)}
    with pytest.raises(Invalid, match="at most 100000 are kept"):
        read(many)
    with pytest.raises(Invalid, match="more than 2000000 objects"):
        reading.read(b"{" * 2_000_001)
    envelope = json.loads(SigningKey.ed25519().envelope(provenance({})))
    with pytest.raises(Invalid, match="at most 1048576"):
        reading.read(json.dumps({**envelope, "padding": "x" * 2**20}).encode())


@pytest.mark.parametrize("text", ["x" * 601, "a\x00b"])
def test_texts_that_no_name_has_are_refused(text: str) -> None:
    for place in ("name", "version", "bom-ref"):
        spoilt = copy.deepcopy(samples.CYCLONEDX)
        spoilt["components"][0][place] = text
        spoilt["vulnerabilities"][0]["affects"] = [{"ref": text}]
        with pytest.raises(Invalid, match=r"where a name or a version is expected"):
            read(spoilt)


@given(st.sampled_from(EVERY), st.data())
def test_whatever_is_changed_in_a_document_is_read_or_refused(document: dict[str, Any], data: st.DataObject) -> None:
    """Never anything but a value or an :class:`Invalid`."""
    spoilt = copy.deepcopy(document)
    place: Any = spoilt
    while isinstance(place, (dict, list)) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or data.draw(st.booleans()):
            place[key] = data.draw(st.sampled_from([None, 1, -1.5, "", "x", [], {}, [[]], True, "9" * 400]))
            break
        place = place[key]
    try:
        found = read(spoilt)
    except Invalid as refusal:
        assert refusal.problems[0].because
    else:
        assert isinstance(found, Contents)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        reading.read(data)
