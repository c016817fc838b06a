"""What is attached to releases: documents, findings, waivers."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App as Commands
from cyclopts import Parameter

from lockgate.cli.moments import later
from lockgate.cli.output import BAD, BLANK, BUSY, FAINT, GOOD, STRONG, Json, Line, Row, ago, day, line, now, show, table
from lockgate.cli.releases import release
from lockgate.cli.surroundings import App, Reason, actor, application_meant
from lockgate.client import Client
from lockgate.core.ids import short
from lockgate.messages import EvidenceView, FindingsView, FindingView, GiveWaiver, TakeWaiver, WaiverView

waiver = Commands(name="waiver", help="Findings that somebody takes on for a while.", help_format="plaintext")

Kind = Literal["auto", "in-toto", "cyclonedx", "spdx", "sarif", "trivy", "grype"]
Package = Annotated[str, Parameter(name="--package", help="Only in this package: a name or a package URL.")]
Environment = Annotated[str, Parameter(name="--environment", help="Only for this environment.")]

_STYLES = {"critical": BAD, "high": BAD, "medium": BUSY}


@release.command
def attach(name: str, /, *files: Path, kind: Kind = "auto", app: App = "", json: Json = False) -> None:
    """Attach documents to a release: provenance, a list of contents (SBOM), the report of a scan.

    Parameters
    ----------
    name
        The release: its id, #3, a version that names one release only, or latest.
    files
        The documents.
    kind
        What they must be; auto: whichever they are.
    """
    client, application = Client(), application_meant(app)
    found = tuple(client.attach(application, name, file, kind, actor()) for file in files)
    show(found, json, lambda: [_attached(one) for one in found])


def _attached(one: EvidenceView) -> Line:
    counted = [f"{one.packages} packages"] if "contents" in one.roles else []
    counted += [f"{one.findings} findings"] if "scan" in one.roles else []
    what = f"{one.format} {one.version}".rstrip()
    return line(("✔ ", GOOD), (one.name, STRONG), f": {what}, {', '.join([*one.roles, *counted])}")


@release.command
def evidence(name: str = "latest", /, *, app: App = "", json: Json = False) -> None:
    """What is attached to a release.

    Parameters
    ----------
    name
        The release: its id, #3, a version that names one release only, or latest.
    """
    found = Client().evidence(application_meant(app), name)
    show(found, json, lambda: document_lines(found))


def document_lines(found: tuple[EvidenceView, ...]) -> list[Line]:
    if not found:
        return [line("Nothing is attached. Attach something with: lockgate release attach RELEASE FILE")]
    rows: list[Row] = [
        [
            line((one.name, STRONG)),
            f"{one.format} {one.version}".rstrip(),
            ", ".join(one.roles),
            day(one.at),
            one.by,
            short(one.digest),
            one.tool,
        ]
        for one in found
    ]
    return table(("DOCUMENT", "FORMAT", "TELLS", "ATTACHED", "BY", "DIGEST", "MADE WITH"), rows)


def findings(name: str = "latest", /, *, environment: Environment = "", app: App = "", json: Json = False) -> None:
    """What scans have found in a release, and what of it is waived.

    Parameters
    ----------
    name
        The release: its id, #3, a version that names one release only, or latest.
    environment
        Whose waivers count, besides those for everywhere.
    """
    found = Client().findings(application_meant(app), name, environment)
    show(found, json, lambda: findings_lines(found, now()))


def findings_lines(found: FindingsView, at: float) -> list[Line]:
    title = line((found.release_label, STRONG), f" in {found.environment}" if found.environment else "")
    if found.scanned_at is None:
        mend = f"Attach one with: lockgate release attach {found.release} FILE"
        return [title, line(f"  No scan of it has been attached. {mend}")]
    told = ", ".join(f"{tally.open} {severity}" for severity, tally in found.counts.items() if tally.open)
    beside = f"{len(found.waived)} waived, {found.harmless} harmless"
    lines = [title, line(f"  {told or 'nothing open'} ({beside}); scanned {ago(at - found.scanned_at)}")]
    rows = [_finding(one) for one in (*found.open, *found.waived)]
    if rows:
        lines += [BLANK, *table(("SEVERITY", "FINDING", "PACKAGE", "VERSION", "MENDED IN", "WAIVED"), rows, indent=2)]
    if found.expired:
        lines += [BLANK, line(("  Waivers that have expired:", BAD)), *waiver_lines(found.expired, indent=2)]
    return lines


def _finding(one: FindingView) -> Row:
    waived = f"until {day(one.waived_until)}: {one.waived_because}" if one.waived_until else ""
    style = FAINT if waived else _STYLES.get(one.severity, "")
    return [line((one.severity, style)), one.vulnerability, one.package, one.version, one.fixed, waived]


@waiver.command
def add(
    vulnerability: str,
    /,
    *,
    until: str,
    reason: Reason,
    package: Package = "",
    environment: Environment = "",
    app: Annotated[str, Parameter(name="--app", help="Only for this application; default: for every one.")] = "",
    json: Json = False,
) -> None:
    """Take a finding on for a while. It is in the audit log; when it expires, the finding counts again.

    Parameters
    ----------
    vulnerability
        As scans name it: CVE-2026-1234.
    until
        When it ends: 30d, 12h, 2026-12-31 or "2026-12-31 18:00".
    """
    end = later(until, now(), "--until")
    asked = GiveWaiver(vulnerability, end, reason, package, environment, app, actor())
    view = Client().waive(asked)
    done = line(("✔ ", GOOD), (view.vulnerability, STRONG), f" is taken on until {day(view.until)}.")
    show(view, json, lambda: [done])


@waiver.command(name="list")
def list_waivers(*, json: Json = False) -> None:
    """What is taken on, by whom and until when; expired ones, too."""
    found = Client().waivers()
    empty = line("No finding is taken on.")
    show(found, json, lambda: waiver_lines(found) if found else [empty])


def waiver_lines(found: tuple[WaiverView, ...], indent: int = 0) -> list[Line]:
    rows: list[Row] = [
        [
            line((one.vulnerability, STRONG)),
            one.package or "any",
            one.application or "every",
            one.environment or "everywhere",
            line((f"{'expired ' if one.expired else ''}{day(one.until)}", BAD if one.expired else "")),
            one.actor,
            one.reason,
        ]
        for one in found
    ]
    return table(("FINDING", "PACKAGE", "APPLICATION", "WHERE", "UNTIL", "BY", "WHY"), rows, indent=indent)


@waiver.command
def remove(
    vulnerability: str,
    /,
    *,
    package: Package = "",
    environment: Environment = "",
    app: Annotated[str, Parameter(name="--app", help="The application that it names, if it names one.")] = "",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Take a finding on no more.

    Parameters
    ----------
    vulnerability
        As the waiver names it.
    """
    asked = TakeWaiver(vulnerability, package, environment, app, reason, actor())
    Client().unwaive(asked)
    show(asked, json, lambda: [line(("✔ ", GOOD), f"The waiver of {vulnerability} is taken back.")])
