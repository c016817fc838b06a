"""Provenance, vulnerabilities and soak: when they open, and what they say when not."""

from dataclasses import replace
from typing import Any

import pytest

from lockgate.core.environment import ProvenanceRule, VulnerabilityRule
from lockgate.core.evidence import Attestation
from lockgate.core.finding import Finding, Scan, Severity, Waiver, counted
from lockgate.core.gate import Answer
from lockgate.core.holding import Holding
from lockgate.core.ids import DeploymentId, ReleaseId
from lockgate.gates import provenance, soak, vulnerabilities
from lockgate.testing.samples import NOON

DAY, HOUR = 86_400.0, 3600.0
WEB, DATA = "sha256:" + "a" * 64, "sha256:" + "b" * 64

# --- soak ---


def stay(since: float, until: float | None = None) -> Holding:
    return Holding("shop", "staging", ReleaseId("rel-1"), "shop 1", DeploymentId("dep-1"), since, until, "ann")


def soaked(*held: Holding, now: float = NOON, **more: Any) -> Any:
    return soak.evaluate(soak.Facts("shop 1 (#1)", "prod", "staging", 2 * HOUR, held, **more), now)


def test_a_release_that_held_long_enough_enters() -> None:
    assert soaked(stay(NOON - 2 * HOUR)).answer is Answer.PASS
    assert soaked(stay(NOON - DAY, NOON - DAY + HOUR), stay(NOON - HOUR)).answer is Answer.PASS
    assert soaked(rollback=True).answer is Answer.PASS
    assert soak.evaluate(soak.Facts("shop 1", "prod"), NOON).answer is Answer.PASS


def test_one_that_still_holds_waits_until_it_has() -> None:
    verdict = soaked(stay(NOON - 600))
    assert (verdict.answer, verdict.until) == (Answer.WAIT, NOON + 2 * HOUR - 600)
    assert verdict.because == "prod takes what has held staging for 2 h; shop 1 (#1) has for 10 min."


@pytest.mark.parametrize("held", [(), (stay(NOON - HOUR, NOON - 60),)])
def test_one_that_holds_no_more_is_denied(held: tuple[Holding, ...]) -> None:
    verdict = soaked(*held)
    assert verdict.answer is Answer.DENY
    assert "Deploy it to staging and let it run there" in verdict.because
    assert ("59 min only and holds it no more" in verdict.because) == bool(held)


# --- vulnerabilities ---

BAD = Finding("CVE-1", Severity.CRITICAL, "openssl", "3.0.7", fixed="3.0.8")
WORRY = Finding("CVE-2", Severity.HIGH, "bash", "5")


def scanned(
    *findings: Finding, rule: VulnerabilityRule | None = None, at: float | None = NOON, waivers: Any = (), **more: Any
) -> Any:
    scans = [] if at is None else [Scan("d", "trivy", "shop", at, findings)]
    counts = counted(scans, (), waivers, application="shop", environment="prod", now=NOON)
    facts = vulnerabilities.Facts("shop 1 (#1)", "rel-1", "prod", rule or VulnerabilityRule(), counts, **more)
    return vulnerabilities.evaluate(facts, NOON)


def test_without_a_scan_it_stays_shut() -> None:
    verdict = scanned(at=None)
    assert verdict.answer is Answer.DENY
    assert verdict.because == (
        "No scan of shop 1 (#1) has been attached, and prod asks for one. "
        "Attach one: lockgate release attach rel-1 FILE"
    )
    assert scanned(at=None, rule=VulnerabilityRule(required=False)).answer is Answer.PASS


def test_an_old_scan_is_none() -> None:
    rule = VulnerabilityRule(scanned_within=7 * DAY)
    assert scanned(rule=rule, at=NOON - 7 * DAY).answer is Answer.PASS
    verdict = scanned(rule=rule, at=NOON - 7 * DAY - 1)
    assert verdict.answer is Answer.DENY and "asks for one within 7 days" in verdict.because


def test_what_is_refused_is_named_with_the_way_out() -> None:
    verdict = scanned(BAD, WORRY)
    assert verdict.answer is Answer.DENY
    assert "1 open finding of critical, and prod refuses them: CVE-1 (critical) in openssl 3.0.7, mended in 3.0.8." in (
        verdict.because
    )
    assert verdict.because.endswith("lockgate waiver add CVE-1")
    assert scanned(WORRY).answer is Answer.PASS
    assert scanned(WORRY, rule=VulnerabilityRule(refuse=Severity.HIGH)).answer is Answer.DENY
    assert scanned(WORRY, rule=VulnerabilityRule(refuse=Severity.HIGH, fixable_only=True)).answer is Answer.PASS
    assert scanned(BAD, rollback=True).answer is Answer.PASS


def test_many_are_counted_and_some_named() -> None:
    verdict = scanned(*(replace(BAD, vulnerability=f"CVE-{n}") for n in range(9)))
    assert "9 open findings" in verdict.because and "and 6 more" in verdict.because


def test_a_waiver_opens_and_one_that_has_expired_is_named() -> None:
    waiver = Waiver("CVE-1", NOON + 60, "why", "ann", NOON - 60)
    opened = scanned(BAD, waivers=[waiver])
    assert opened.answer is Answer.PASS and "(1 waived)" in opened.because
    verdict = scanned(BAD, waivers=[replace(waiver, until=NOON - 1)])
    assert verdict.answer is Answer.DENY and "Waivers have expired: of CVE-1 on 2027-01-15" in verdict.because


# --- provenance ---

SIGNED = Attestation(
    "provenance.json",
    "/etc/key.pem",
    "",
    "https://slsa.dev/provenance/v1",
    frozenset({WEB, DATA}),
    "https://ci.example/builder@v1",
    ("git+https://git.example/shop@refs/heads/main",),
)
RULE = ProvenanceRule(("/etc/key.pem",), True, ("https://ci.example/*",), ("https://git.example/shop",))


def proven(*attestations: Attestation, rule: ProvenanceRule | None = RULE, **more: Any) -> Any:
    artifacts = {"web: shop 1": WEB, "web: data.db": DATA}
    facts = provenance.Facts("shop 1 (#1)", "rel-1", "prod", rule, artifacts, attestations, **more)
    return provenance.evaluate(facts, NOON)


def test_a_signed_statement_of_every_artifact_opens() -> None:
    verdict = proven(SIGNED)
    assert verdict.answer is Answer.PASS
    assert verdict.because == "Where shop 1 (#1) comes from is signed by /etc/key.pem."
    parts = (replace(SIGNED, subjects=frozenset({WEB})), replace(SIGNED, subjects=frozenset({DATA})))
    assert proven(*parts).answer is Answer.PASS
    assert proven(rule=None).answer is Answer.PASS
    assert proven(rule=replace(RULE, required=False)).answer is Answer.PASS
    assert proven(rollback=True).answer is Answer.PASS


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ({"signed_by": "", "because": "none of the known keys (k) signed it"}, "none of the known keys (k) signed it"),
        ({"predicate": "https://example.com/other"}, "it is no SLSA provenance but https://example.com/other"),
        (
            {"builder": "https://evil.example/x"},
            "its builder https://evil.example/x is not one of https://ci.example/*",
        ),
        ({"builder": "xhttps://ci.example/x"}, "is not one of"),
        ({"sources": ("https://git.example/shop2",)}, "its source https://git.example/shop2 is not one of"),
        ({"sources": ()}, "its source (none named)"),
        ({"subjects": frozenset({WEB})}, "no statement names web: data.db"),
    ],
)
def test_what_is_wrong_with_a_statement_is_told(spoilt: dict[str, Any], words: str) -> None:
    verdict = proven(replace(SIGNED, **spoilt))
    assert verdict.answer is Answer.DENY
    assert words in verdict.because
    assert verdict.because.endswith("lockgate release attach rel-1 FILE")


def test_without_any_statement_it_stays_shut() -> None:
    verdict = proven()
    assert verdict.answer is Answer.DENY and f"no statement names web: shop 1 ({WEB})" in verdict.because


def test_a_bad_statement_beside_a_good_one_does_no_harm() -> None:
    assert proven(replace(SIGNED, signed_by=""), SIGNED).answer is Answer.PASS
