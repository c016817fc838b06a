"""Documents as the tools write them, after their public documentation; shortened, nothing left out that is read."""

from typing import Any

CYCLONEDX: dict[str, Any] = {
    "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
    "version": 1,
    "metadata": {
        "timestamp": "2026-11-20T10:00:00+01:00",
        "tools": {"components": [{"type": "application", "author": "anchore", "name": "syft", "version": "1.20.0"}]},
        "component": {"bom-ref": "root", "type": "container", "name": "registry.example/shop", "version": "1.0"},
    },
    "components": [
        {
            "bom-ref": "pkg:deb/debian/openssl@3.0.7?arch=amd64&package-id=1",
            "type": "library",
            "name": "openssl",
            "version": "3.0.7",
            "purl": "pkg:deb/debian/openssl@3.0.7?arch=amd64",
            "hashes": [{"alg": "MD5", "content": "0" * 32}, {"alg": "SHA-256", "content": "a" * 64}],
            "licenses": [{"license": {"id": "Apache-2.0"}}],
            "components": [{"type": "library", "name": "libcrypto", "version": "3.0.7"}],
        },
        {
            "bom-ref": "angular",
            "type": "framework",
            "group": "@angular",
            "name": "core",
            "version": "17.0.0",
            "purl": "pkg:npm/%40angular/core@17.0.0",
        },
    ],
    "vulnerabilities": [
        {
            "id": "CVE-2026-1111",
            "source": {"name": "NVD"},
            "references": [{"id": "GHSA-aaaa-bbbb-cccc", "source": {"name": "GitHub"}}],
            "ratings": [{"severity": "medium"}, {"score": 9.8, "severity": "critical", "method": "CVSSv31"}],
            "recommendation": "3.0.8",
            "affects": [{"ref": "pkg:deb/debian/openssl@3.0.7?arch=amd64&package-id=1"}],
        },
        {"id": "CVE-2026-2222", "ratings": [{"score": 5.0}], "affects": [{"ref": "angular"}]},
        {
            "id": "CVE-2026-3333",
            "ratings": [{"severity": "high"}],
            "affects": [{"ref": "angular"}],
            "analysis": {"state": "not_affected", "justification": "code_not_reachable", "detail": "Never called."},
        },
        {
            "id": "CVE-2026-4444",
            "ratings": [{"severity": "low"}],
            "affects": [{"ref": "angular"}],
            "analysis": {"state": "exploitable"},
        },
    ],
}

VEX: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "vulnerabilities": [
        {
            "id": "CVE-2026-1111",
            "analysis": {"state": "not_affected", "justification": "code_not_present"},
            "affects": [{"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:deb/debian/openssl@3.0.7"}],
        }
    ],
}

SPDX: dict[str, Any] = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "name": "registry.example/shop",
    "creationInfo": {"created": "2026-11-20T09:00:00Z", "creators": ["Organization: Anchore", "Tool: syft-1.20.0"]},
    "packages": [
        {"name": "registry.example/shop", "SPDXID": "SPDXRef-Root", "versionInfo": "1.0"},
        {
            "name": "urllib3",
            "SPDXID": "SPDXRef-1",
            "versionInfo": "2.0.4",
            "downloadLocation": "NOASSERTION",
            "checksums": [{"algorithm": "SHA256", "checksumValue": "b" * 64}],
            "externalRefs": [
                {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:x"},
                {
                    "referenceCategory": "PACKAGE-MANAGER",
                    "referenceType": "purl",
                    "referenceLocator": "pkg:pypi/urllib3@2.0.4",
                },
            ],
        },
        {"name": "tzdata", "SPDXID": "SPDXRef-2", "versionInfo": "NOASSERTION"},
    ],
    "relationships": [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-Root"}
    ],
}

SARIF: dict[str, Any] = {
    "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": "CodeQL",
                    "rules": [
                        {"id": "py/sql-injection", "properties": {"security-severity": "8.8"}},
                        {"id": "py/unused", "defaultConfiguration": {"level": "note"}},
                    ],
                }
            },
            "automationDetails": {"id": "shop/python/2026-11-20"},
            "invocations": [{"executionSuccessful": True, "endTimeUtc": "2026-11-20T09:30:00Z"}],
            "results": [
                {
                    "ruleId": "py/sql-injection",
                    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}}}],
                },
                {
                    "ruleId": "py/sql-injection",
                    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}}}],
                },
                {"ruleIndex": 1, "locations": []},
                {"ruleId": "py/sql-injection", "kind": "pass"},
                {"ruleId": "py/sql-injection", "suppressions": [{"kind": "inSource"}]},
                {"ruleId": "py/sql-injection", "baselineState": "absent"},
                {"ruleId": "elsewhere", "level": "error"},
            ],
        }
    ],
}

TRIVY: dict[str, Any] = {
    "SchemaVersion": 2,
    "CreatedAt": "2026-11-20T11:22:33.123456789+01:00",
    "ArtifactName": "registry.example:5000/shop:1.0",
    "ArtifactType": "container_image",
    "Results": [
        {
            "Target": "registry.example:5000/shop:1.0 (debian 12.4)",
            "Class": "os-pkgs",
            "Type": "debian",
            "Packages": [
                {"ID": "openssl@3.0.7", "Name": "openssl", "Version": "3.0.7",
                 "Identifier": {"PURL": "pkg:deb/debian/openssl@3.0.7?distro=debian-12.4"}},
            ],
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2026-1111",
                    "VendorIDs": ["DSA-1-1"],
                    "PkgID": "openssl@3.0.7",
                    "PkgName": "openssl",
                    "PkgIdentifier": {"PURL": "pkg:deb/debian/openssl@3.0.7?distro=debian-12.4"},
                    "InstalledVersion": "3.0.7",
                    "FixedVersion": "3.0.8",
                    "Severity": "CRITICAL",
                },
                {"VulnerabilityID": "CVE-2026-5555", "PkgName": "zlib1g", "Severity": "UNKNOWN"},
            ],
        },
        {
            "Target": "Dockerfile",
            "Class": "config",
            "Misconfigurations": [
                {"ID": "DS002", "Severity": "HIGH", "Status": "FAIL"},
                {"ID": "DS001", "Severity": "HIGH", "Status": "PASS"},
            ],
        },
        {"Target": "/app/.env", "Class": "secret", "Secrets": [{"RuleID": "aws-key", "Severity": "CRITICAL"}]},
        {"Target": "Python", "Class": "lang-pkgs"},
    ],
}  # fmt: skip

GRYPE: dict[str, Any] = {
    "matches": [
        {
            "vulnerability": {
                "id": "GHSA-aaaa-bbbb-cccc",
                "severity": "High",
                "fix": {"versions": ["2.0.7"], "state": "fixed"},
            },
            "relatedVulnerabilities": [{"id": "CVE-2026-6666"}],
            "matchDetails": [{"type": "exact-direct-match"}],
            "artifact": {
                "id": "1f",
                "name": "urllib3",
                "version": "2.0.4",
                "type": "python",
                "purl": "pkg:pypi/urllib3@2.0.4",
            },
        },
        {
            "vulnerability": {
                "id": "CVE-2026-7777",
                "severity": "Negligible",
                "fix": {"state": "wont-fix"},
            },
            "artifact": {"name": "bash", "version": "5", "purl": ""},
        },
    ],
    "source": {"type": "image", "target": {"userInput": "registry.example/shop:1.0", "imageID": "sha256:00"}},
    "descriptor": {"name": "grype", "version": "0.90.0", "timestamp": "2026-11-20T12:00:00.5Z"},
}
