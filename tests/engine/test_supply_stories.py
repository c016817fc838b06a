"""What is attached to a release opens gates, or keeps them shut, on every path; told in fake time."""

import json
from dataclasses import replace
from typing import Any

import pytest

from lockgate.core.deployment import State
from lockgate.core.environment import Catalogue, Environment, Promote, ProvenanceRule, Soak, VulnerabilityRule
from lockgate.core.errors import Denied, NotFound
from lockgate.core.finding import Severity
from lockgate.core.ids import ReleaseId
from lockgate.engine.collector import Collector
from lockgate.engine.inspection import artifacts_of, findings_of
from lockgate.messages import Deploy, GiveWaiver, RollBack
from lockgate.messages import Promote as Promotion
from lockgate.testing.documents import SigningKey, provenance
from lockgate.testing.rig import Rig

KEY = SigningKey.p256()


def attach(rig: Rig, release: str, document: dict[str, Any] | bytes, name: str = "it.json") -> bool:
    with rig.operations.supply.incoming() as incoming:
        incoming.write(document if isinstance(document, bytes) else json.dumps(document).encode())
        return rig.operations.supply.attach("shop", release, incoming, "auto", name, "ann")[1]


def a_report(*severities: str, created: str = "2000-01-01T00:00:00Z") -> dict[str, Any]:
    found = [
        {"VulnerabilityID": f"CVE-{n}", "PkgName": "openssl", "InstalledVersion": "3", "Severity": severity}
        for n, severity in enumerate(severities)
    ]
    results = [{"Target": "x", "Vulnerabilities": found}]
    return {"SchemaVersion": 2, "ArtifactName": "shop", "CreatedAt": created, "Results": results}


def asking(rig: Rig, environment: str, **rules: Any) -> None:
    known = dict(rig.catalogue.environments)
    known[environment] = replace(known[environment], **rules)
    rig.catalogue = Catalogue(known)


def signed(rig: Rig, release: str, key: SigningKey = KEY) -> bytes:
    subjects = artifacts_of(rig.store.releases.get(ReleaseId(release)))
    return key.envelope(provenance(subjects))


def test_a_release_without_provenance_is_kept_out_until_it_is_attached(rig: Rig) -> None:
    asking(rig, "dev", provenance=ProvenanceRule((KEY.pem,)))
    release = rig.release("1")
    with pytest.raises(Denied, match="no statement names web: shop 1"):
        rig.deploy(release)
    attach(rig, release, signed(rig, release, SigningKey.p256()))
    with pytest.raises(Denied, match="none of the known keys"):
        rig.deploy(release)
    attach(rig, release, signed(rig, release))
    assert rig.deploy(release).state == "pending"


def test_a_key_that_cannot_be_read_keeps_the_gate_shut(rig: Rig) -> None:
    release = rig.release("1")
    attach(rig, release, signed(rig, release))
    asking(rig, "dev", provenance=ProvenanceRule(("/nowhere/key.pem",)))
    row = rig.deploy(release)
    rig.run(2)
    assert rig.state(row.id) is State.GATED
    assert (
        "could not be asked, so it stays shut: The public key /nowhere/key.pem cannot be read"
        in rig.row(row.id).because
    )
    asking(rig, "dev", provenance=ProvenanceRule((KEY.pem,)))
    rig.run(60)
    assert rig.state(row.id) is State.SUCCEEDED


def test_findings_are_asked_on_every_path(rig: Rig) -> None:
    rule = VulnerabilityRule(refuse=Severity.HIGH)
    asking(rig, "dev", vulnerabilities=rule)
    asking(rig, "prod", vulnerabilities=rule)
    release = rig.release("1")
    with pytest.raises(Denied, match="No scan of shop 1"):
        rig.deploy(release)
    attach(rig, release, a_report("LOW"))
    rig.deploy(release)
    rig.run(60)
    attach(rig, release, a_report("LOW", "CRITICAL", created="2000-01-02T00:00:00Z"))
    (verdict,) = [
        v for v in rig.operations.preview(Deploy("shop", "prod", release)).verdicts if v.gate == "vulnerabilities"
    ]
    assert verdict.answer == "deny" and "CVE-1 (critical)" in verdict.because
    with pytest.raises(Denied, match="CVE-1"):
        rig.operations.promote(Promotion("shop", "prod"))
    now = rig.clock.now()
    rig.operations.supply.waive(GiveWaiver("CVE-1", now + 60, "mended soon", environment="prod", actor="ann"))
    row = rig.operations.promote(Promotion("shop", "prod"))
    rig.run(30)
    assert rig.state(row.id) is State.SUCCEEDED
    known = rig.store.releases.get(ReleaseId(release))
    assert findings_of(rig.store, known, "prod", rig.clock.now()).by_severity[Severity.CRITICAL].waived == 1
    assert findings_of(rig.store, known, "", rig.clock.now()).by_severity[Severity.CRITICAL].open == 1


def test_a_waiver_that_expires_while_a_deployment_waits_ends_it(rig: Rig) -> None:
    """The gates are asked again when its turn comes."""
    asking(rig, "dev", vulnerabilities=VulnerabilityRule())
    release = rig.release("1")
    attach(rig, release, a_report("CRITICAL"))
    rig.operations.supply.waive(GiveWaiver("CVE-0", rig.clock.now() + 5, "soon", actor="ann"))
    row = rig.deploy(release)
    rig.clock.pass_by(10)
    rig.run(2)
    assert rig.state(row.id) is State.FAILED
    assert "Waivers have expired: of CVE-0" in rig.row(row.id).because


def test_a_rollback_needs_no_new_scan(rig: Rig) -> None:
    first, second = rig.release("1"), rig.release("2")
    for release in (first, second):
        rig.deploy(release)
        rig.run(30)
    asking(rig, "dev", vulnerabilities=VulnerabilityRule(), soak=Soak("staging", 9e9))
    row = rig.operations.roll_back(RollBack("shop", "dev", "it is slow", "ann"))
    rig.run(30)
    assert rig.row(row.id).release == first
    assert rig.state(row.id) is State.SUCCEEDED


def test_what_is_promoted_automatically_waits_until_it_has_soaked(rig: Rig) -> None:
    asking(rig, "prod", soak=Soak("staging", 600.0), promote=Promote.AUTOMATIC)
    rig.deploy(rig.release("1"))
    rig.run(120)
    (row,) = rig.operations.deployments("shop", "prod", frozenset(), 5)
    assert row.state == "gated"
    assert "prod takes what has held staging for 10 min" in row.because
    rig.clock.pass_by(400)
    rig.run(30)
    assert rig.state(row.id) is State.GATED
    rig.clock.pass_by(100)
    rig.run(60)
    assert rig.state(row.id) is State.SUCCEEDED


def test_what_a_missing_document_kept_out_goes_on_once_it_is_attached(rig: Rig) -> None:
    """Nobody has to deploy by hand what would have gone by itself."""
    asking(rig, "staging", vulnerabilities=VulnerabilityRule())
    release = rig.release("1")
    rig.deploy(release)
    rig.run(60)
    assert rig.operations.deployments("shop", "staging", frozenset(), 5) == ()
    assert "promotion.refused" in {e.kind for e in rig.operations.events(0, 500, "", "")}
    attach(rig, release, a_report("CRITICAL"))
    assert rig.operations.deployments("shop", "staging", frozenset(), 5) == ()
    attach(rig, release, a_report(created="2000-01-02T00:00:00Z"))
    rig.run(60)
    (row,) = rig.operations.deployments("shop", "staging", frozenset(), 5)
    assert row.state == "succeeded"
    attach(rig, release, a_report(created="2000-01-03T00:00:00Z"))
    assert len(rig.operations.deployments("shop", "staging", frozenset(), 5)) == 1


def test_a_first_environment_that_takes_everything_takes_it_once_it_may(rig: Rig) -> None:
    rig.catalogue = Catalogue(
        {"dev": replace(rig.catalogue.get("dev"), promote=Promote.AUTOMATIC, vulnerabilities=VulnerabilityRule())}
    )
    release = rig.release("1")
    assert rig.operations.deployments("shop", "dev", frozenset(), 5) == ()
    attach(rig, release, a_report())
    rig.run(30)
    (row,) = rig.operations.deployments("shop", "dev", frozenset(), 5)
    assert (row.state, row.actor) == ("succeeded", "lockgate")


def test_attached_documents_are_not_collected(rig: Rig) -> None:
    release = rig.release("1")
    attach(rig, release, a_report())
    assert rig.store.attachments.digests() == set(rig.documents.kept)
    kept: list[object] = []
    Collector(rig.store, kept.append).run()
    assert kept


def test_what_never_was_is_not_found(rig: Rig) -> None:
    with pytest.raises(NotFound, match="no environment 'moon'"):
        rig.operations.whereabouts.inventory("moon", "", None, 10)
    assert rig.operations.whereabouts.inventory("dev", "", None, 10).running == ()


def test_an_environment_that_is_gone_still_has_its_history(rig: Rig) -> None:
    release = rig.release("1")
    rig.deploy(release)
    rig.run(30)
    rig.catalogue = Catalogue({"other": Environment("other")})
    assert len(rig.operations.whereabouts.inventory("dev", "", None, 10).running) == 1


def test_what_was_not_seen_for_long_is_unknown(rig: Rig) -> None:
    release = rig.release("1")
    rig.deploy(release)
    rig.run(30)
    (fresh,) = rig.operations.whereabouts.inventory("dev", "", None, 10).running
    assert (fresh.instances, fresh.because) == (2, "")
    rig.clock.pass_by(60)
    (stale,) = rig.operations.whereabouts.inventory("dev", "", None, 10).running
    assert stale.instances is None and stale.because.startswith("It was last observed 6")
