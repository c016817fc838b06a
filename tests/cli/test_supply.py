"""What a person reads of evidence, findings, waivers and inventory, and how moments are written."""

import time
from pathlib import Path

import pytest

from lockgate.cli.evidence import document_lines, findings_lines, waiver_lines
from lockgate.cli.inventory import inventory_lines, where_lines
from lockgate.cli.main import Exit
from lockgate.cli.moments import earlier, later
from lockgate.cli.output import Line
from lockgate.core.errors import Invalid
from lockgate.messages import (
    EvidenceView,
    FindingsView,
    FindingView,
    FoundView,
    InventoryView,
    RunningView,
    TallyView,
    WaiverView,
    WhereView,
)
from tests.cli.conftest import Run
from tests.cli.double import Double

NOW = 1_800_000_000.0
DAY = 86_400.0
SBOM = EvidenceView(
    *("rel-1", "sha256:" + "a" * 64, "cyclonedx", "1.6", ("contents",)),
    *("sbom.json", 9, NOW, "ann", "syft", "x", None, 2, 0),
)
RUNS = RunningView("shop", "prod", "rel-1", "shop 1 (#1)", "dep-1", NOW - 60, None, "ann", "", 2, NOW - 3)
UNSEEN = RunningView("blog", "prod", "rel-2", "blog 1 (#1)", "dep-2", NOW - 60, None, "bob", because="It was lost.")
RAN = RunningView("shop", "dev", "rel-1", "shop 1 (#1)", "dep-0", NOW - 99, NOW - 60, "ann", "north")
FOUND = FoundView("rel-1", "openssl", "3.0.7", "pkg:deb/debian/openssl@3.0.7", "", "web")
WAIVER = WaiverView("CVE-1", "openssl", "", "", NOW + DAY, "not reachable", "ann", NOW, False)


def words(lines: list[Line]) -> list[str]:
    return [line.words for line in lines]


def test_where_something_runs() -> None:
    found = WhereView("openssl@3.0.7", NOW, (RUNS, UNSEEN), (FOUND,), 2, True)
    assert words(where_lines(found, False, False, NOW)) == [
        "openssl@3.0.7 is in 2 releases:",
        "  pkg:deb/debian/openssl@3.0.7",
        "",
        "ENVIRONMENT  APPLICATION  RELEASE      SINCE                BY   DEPLOYMENT  SEEN",
        "prod         shop         shop 1 (#1)  2027-01-15 07:59:00  ann  dep-1       2 instances, 3 s ago",
        "prod         blog         blog 1 (#1)  2027-01-15 07:59:00  bob  dep-2       unknown: It was lost.",
        "There is more; see it with a higher --limit.",
    ]


def test_where_something_ran() -> None:
    found = WhereView("openssl", NOW, (RAN,), (FOUND,), 1)
    told = words(where_lines(found, False, True, NOW))
    assert told[0] == "openssl is in one release:"
    assert told[-1].split() == [
        "dev/north", "shop", "shop", "1", "(#1)", "2027-01-15", "07:58:21", "2027-01-15", "07:59:00", "ann", "dep-0",
    ]  # fmt: skip


def test_nothing_anywhere() -> None:
    nowhere = WhereView("x", NOW, ())
    assert words(where_lines(nowhere, False, False, NOW)) == [
        "x runs nowhere, as far as is known. See where it ever did with --ever."
    ]
    assert words(where_lines(nowhere, True, True, NOW)) == ["x ran nowhere at 2027-01-15 08:00:00, as far as is known."]
    assert words(inventory_lines(InventoryView(NOW, ()), "prod", False, NOW)) == ["Nothing runs in prod."]
    assert words(inventory_lines(InventoryView(NOW, ()), "", True, NOW)) == ["Nothing ran at 2027-01-15 08:00:00."]


def test_documents() -> None:
    assert words(document_lines((SBOM,))) == [
        "DOCUMENT   FORMAT         TELLS     ATTACHED             BY   DIGEST        MADE WITH",
        "sbom.json  cyclonedx 1.6  contents  2027-01-15 08:00:00  ann  aaaaaaaaaaaa  syft",
    ]
    assert "release attach" in words(document_lines(()))[0]


def test_findings_and_waivers() -> None:
    bad = FindingView("CVE-1", "critical", "openssl", "3.0.7", "3.0.8")
    taken = FindingView("CVE-2", "high", "bash", "5", "", waived_until=NOW, waived_because="unused")
    counts = {"critical": TallyView(1, 1, 0), "high": TallyView(0, 0, 1)}
    expired = WaiverView("CVE-1", "", "", "", NOW - 5, "was unused", "ann", NOW - 9, True)
    view = FindingsView("rel-1", "shop 1 (#1)", "prod", NOW - 3600, counts, (bad,), (taken,), 3, (expired,))
    assert words(findings_lines(view, NOW)) == [
        "shop 1 (#1) in prod",
        "  1 critical (1 waived, 3 harmless); scanned 60 min ago",
        "",
        "  SEVERITY  FINDING  PACKAGE  VERSION  MENDED IN  WAIVED",
        "  critical  CVE-1    openssl  3.0.7    3.0.8",
        "  high      CVE-2    bash     5                   until 2027-01-15 08:00:00: unused",
        "",
        "  Waivers that have expired:",
        "  FINDING  PACKAGE  APPLICATION  WHERE       UNTIL                        BY   WHY",
        "  CVE-1    any      every        everywhere  expired 2027-01-15 07:59:55  ann  was unused",
    ]
    never = FindingsView("rel-1", "shop 1 (#1)", "", None, {}, (), (), 0, ())
    assert "No scan of it has been attached" in words(findings_lines(never, NOW))[1]
    assert len(waiver_lines((WAIVER,))) == 2


def test_commands_ask_what_they_say(run: Run, double: Double, tmp_path: Path) -> None:
    double.answers |= {
        ("POST", "/v1/releases/#1/evidence"): SBOM,
        ("GET", "/v1/releases/latest/evidence"): (SBOM,),
        ("GET", "/v1/where"): WhereView("openssl", NOW, (RUNS,), (FOUND,), 1),
        ("GET", "/v1/inventory"): InventoryView(NOW, (RUNS,)),
        ("POST", "/v1/waivers"): WAIVER,
        ("GET", "/v1/waivers"): (WAIVER,),
        ("POST", "/v1/waivers/remove"): {},
    }
    file = tmp_path / "sbom.json"
    file.write_text('{"bomFormat": "CycloneDX"}')
    done = run("release", "attach", "#1", str(file), "--app", "shop", "--kind", "cyclonedx")
    assert (done.code, done.out) == (Exit.DONE, "✔ sbom.json: cyclonedx 1.6, contents, 2 packages\n")
    sent = double.last()
    assert sent.query == {"application": "shop", "kind": "cyclonedx", "file": "sbom.json"}
    assert sent.body == {"bomFormat": "CycloneDX"} and sent.headers["x-lockgate-actor"] == "ann"
    assert run("release", "evidence", "--app", "shop").code == Exit.DONE
    assert "prod" in run("where", "openssl", "--ever").out
    assert double.last("GET").query == {"what": "openssl", "at": "0", "ever": "yes", "limit": "200"}
    assert "What ran in prod at" in run("inventory", "prod", "--at", "2h").out
    assert abs(int(double.last("GET").query["at"]) - (time.time() - 7200)) < 60
    assert run("waiver", "add", "CVE-1", "--until", "14d", "--reason", "r", "--package", "openssl").code == Exit.DONE
    body = double.last().body
    assert (body["vulnerability"], body["package"], body["actor"]) == ("CVE-1", "openssl", "ann")
    assert abs(body["until"] - time.time() - 14 * DAY) < 60
    assert "not reachable" in run("waiver", "list").out
    assert run("waiver", "remove", "CVE-1").code == Exit.DONE


def test_a_file_that_cannot_be_read_is_named(run: Run, double: Double) -> None:
    done = run("release", "attach", "latest", "nowhere.json", "--app", "shop")
    assert done.code == Exit.BAD_INPUT and "nowhere.json: it cannot be read: No such file" in done.err
    assert not [one for one in double.received if one.method == "POST"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2h", NOW - 7200),
        ("2h ago", NOW - 7200),
        ("1.5d", NOW - 1.5 * DAY),
        ("2027-01-03", NOW - 12 * DAY - 8 * 3600),
        ("2027-01-03 14:00", NOW - 12 * DAY + 6 * 3600),
        ("2027-01-03T14:00:00+01:00", NOW - 12 * DAY + 5 * 3600),
        ("07:30", NOW - 1800),
    ],
)
def test_moments_that_are_over(text: str, at: float) -> None:
    assert earlier(text, NOW, "--at") == at


def test_moments_to_come() -> None:
    assert later("30d", NOW, "--until") == NOW + 30 * DAY
    assert later("2027-01-16", NOW, "--until") == NOW + DAY + 16 * 3600 - 1
    for text in ("soon", "", "25:00", "2027-13-01"):
        with pytest.raises(Invalid, match=r"--until: .* is no moment"):
            later(text, NOW, "--until")
