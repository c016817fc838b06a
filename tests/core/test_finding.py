"""Which findings count: the newest scan, each weakness once, waivers until they expire, VEX documents."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.finding import Finding, FindingCounts, Scan, Severity, Statement, Tally, Waiver, counted
from lockgate.testing.samples import NOON

BAD = Finding(
    "CVE-1", Severity.CRITICAL, "openssl", "3.0.7", "pkg:deb/debian/openssl@3.0.7?arch=x", "3.0.8", ("GHSA-1",)
)
MEEK = Finding("CVE-2", Severity.LOW, "bash", "5")
WAIVER = Waiver("CVE-1", NOON + 60, "why", "ann", NOON)


def a_scan(*findings: Finding, at: float = NOON, tool: str = "trivy", about: str = "shop") -> Scan:
    return Scan(f"{tool}{at}", tool, about, at, findings)


def count(
    *scans: Scan, waivers: tuple[Waiver, ...] = (), says: tuple[Statement, ...] = (), now: float = NOON
) -> FindingCounts:
    return counted(scans, says, waivers, application="shop", environment="prod", now=now)


def test_nothing_scanned_is_known_to_be_nothing_scanned() -> None:
    assert count().scanned_at is None
    assert count(a_scan()).scanned_at == NOON
    assert count(a_scan()).by_severity == dict.fromkeys(Severity, Tally())


def test_the_worst_comes_first_and_is_counted() -> None:
    found = count(a_scan(MEEK, BAD))
    assert found.open == (BAD, MEEK)
    assert found.by_severity[Severity.CRITICAL] == Tally(open=1, fixable=1)
    assert found.by_severity[Severity.LOW] == Tally(open=1)
    assert found.at_least(Severity.HIGH) == (BAD,)
    assert found.at_least(Severity.LOW, fixable_only=True) == (BAD,)


def test_a_newer_scan_of_the_same_thing_replaces_the_older() -> None:
    assert count(a_scan(BAD), a_scan(MEEK, at=NOON + 5)).open == (MEEK,)
    assert count(a_scan(BAD), a_scan(MEEK, at=NOON + 5, about="other")).open == (BAD, MEEK)
    assert count(a_scan(BAD), a_scan(MEEK, at=NOON + 5, tool="grype")).open == (BAD, MEEK)


def test_what_two_tools_found_is_one_finding_whatever_they_call_it() -> None:
    other = Finding("GHSA-1", Severity.HIGH, "OpenSSL", "3.0.7", aliases=("CVE-1",))
    assert count(a_scan(BAD), a_scan(other, tool="grype")).open == (BAD,)
    elsewhere = replace(other, version="3.0.6")
    assert len(count(a_scan(BAD), a_scan(elsewhere, tool="grype")).open) == 2


def test_a_waiver_counts_until_it_expires() -> None:
    during = count(a_scan(BAD), waivers=(WAIVER,))
    assert during.open == () and during.waived == ((BAD, WAIVER),) and during.expired == ()
    assert during.by_severity[Severity.CRITICAL] == Tally(waived=1)
    after = count(a_scan(BAD), waivers=(WAIVER,), now=WAIVER.until)
    assert after.open == (BAD,) and after.expired == (WAIVER,)
    renewed = replace(WAIVER, until=NOON + 999, package="openssl")
    assert count(a_scan(BAD), waivers=(WAIVER, renewed), now=NOON + 99).waived == ((BAD, renewed),)


def test_a_waiver_covers_what_it_names_and_nothing_else() -> None:
    covering = [
        {},
        {"vulnerability": "ghsa-1"},
        {"package": "OpenSSL"},
        {"package": "openssl@3.0.7"},
        {"package": "pkg:deb/debian/openssl"},
        {"package": "pkg:deb/debian/openssl@3.0.7"},
        {"environment": "prod"},
        {"application": "shop"},
    ]
    for change in covering:
        assert replace(WAIVER, **change).covers(BAD, "shop", "prod"), change  # type: ignore[arg-type]
    other = [
        {"vulnerability": "CVE-9"},
        {"package": "bash"},
        {"package": "openssl@3.0.6"},
        {"package": "pkg:deb/debian/openssl@3.0.6"},
        {"package": "pkg:rpm/openssl"},
        {"environment": "dev"},
        {"application": "blog"},
    ]
    for change in other:
        assert not replace(WAIVER, **change).covers(BAD, "shop", "prod"), change  # type: ignore[arg-type]


def test_what_a_vex_document_calls_harmless_does_not_count() -> None:
    for packages in ((), ("pkg:deb/debian/openssl@3.0.7",), ("pkg:deb/debian/openssl",)):
        found = count(a_scan(BAD), says=(Statement("CVE-1", "not_affected", packages),))
        assert found.open == () and found.harmless == 1
    for statement in (Statement("CVE-1", "not_affected", ("pkg:npm/x",)), Statement("CVE-9", "not_affected")):
        assert count(a_scan(BAD), says=(statement,)).open == (BAD,)


FINDINGS = st.builds(
    Finding,
    st.sampled_from(["CVE-1", "CVE-2", "CVE-3"]),
    st.sampled_from(Severity),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["", "1"]),
)


@given(st.lists(FINDINGS, max_size=8), st.lists(st.sampled_from(["CVE-1", "CVE-2"]), max_size=2), st.floats(0, 120))
def test_every_finding_is_open_or_waived_or_harmless_and_once(
    findings: list[Finding], waived: list[str], later: float
) -> None:
    waivers = tuple(replace(WAIVER, vulnerability=name) for name in waived)
    says = (Statement("CVE-3", "resolved"),)
    found = count(a_scan(*findings), waivers=waivers, says=says, now=NOON + later)
    distinct = {(f.vulnerability, f.name, f.version) for f in findings}
    assert len(found.open) + len(found.waived) + found.harmless == len(distinct)
    assert sum(t.open for t in found.by_severity.values()) == len(found.open)
    assert sum(t.waived for t in found.by_severity.values()) == len(found.waived)
    assert not any(f.vulnerability == "CVE-3" for f in found.open)
    if later >= 60:
        assert found.waived == ()
