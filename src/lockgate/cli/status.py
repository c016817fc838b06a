"""What runs where, what happened, and why a deployment is where it is."""

from collections.abc import Iterable, Mapping, Sequence

from lockgate.cli.charting import evidence_lines, room, speaks_unicode
from lockgate.cli.output import (
    BAD,
    BLANK,
    BUSY,
    FAINT,
    GOOD,
    STRONG,
    Json,
    Line,
    Row,
    ago,
    console,
    elapsed,
    first_line,
    indented,
    line,
    now,
    on_terminal,
    show,
    table,
)
from lockgate.cli.surroundings import App, application_here, brief, deployment_meant
from lockgate.cli.timeline import cell_row, event_lines, explained, section, standing, state_span, took, verdict_lines
from lockgate.client import Client
from lockgate.core.deployment import WAITING, State
from lockgate.core.inventory import Standing
from lockgate.messages import DeploymentView, Explanation, Status, StatusRow

MARKS = {
    Standing.AS_DEPLOYED: ("●", GOOD),
    Standing.DRIFTED: ("▲", BAD),
    Standing.UNKNOWN: ("?", BUSY),
    Standing.NOTHING: ("○", FAINT),
}


def status(*, app: App = "", env: str = "", json: Json = False) -> None:
    """What runs where: every application in every environment, and what is under way.

    Parameters
    ----------
    app
        Only this application.
    env
        Only this environment.
    """
    found = Client().status(app, env)
    show(found, json, lambda: status_lines(found, console().width if on_terminal() else None))


def status_lines(found: Status, width: int | None = None) -> list[Line]:
    """A matrix where it fits into ``width`` columns, else a line for each application and environment."""
    if not found.rows:
        lines = [line("Nothing has been deployed yet. Begin with: lockgate release create")]
    else:
        rows = {(row.application, row.environment): row for row in found.rows}
        lines = matrix(found, rows) if width else _listed(found)
        if width and max(one.width for one in lines) > width:
            lines = _listed(found)
    lines += section("Cells", _cells(found.rows))
    lines += section("Under way", _under_way(found))
    lines += section("Closed", _closed(found))
    lines += section("Not as it should be", _troubles(found))
    return lines + section("Barred", _barred(found.rows))


def matrix(found: Status, rows: Mapping[tuple[str, str], StatusRow]) -> list[Line]:
    """Applications down, environments across; two lines a cell."""
    names = [e.name for e in found.environments] or list(dict.fromkeys(row.environment for row in found.rows))
    lines: list[Row] = []
    for application in dict.fromkeys(row.application for row in found.rows):
        across = [rows.get((application, name)) for name in names]
        lines.append([line((application, STRONG)), *(_first(row) for row in across)])
        seconds = [_second(row, found.at) for row in across]
        lines += [["", *seconds]] if any(one.width for one in seconds) else []
        lines.append([""] * (len(names) + 1))
    return table(["", *names], lines[:-1], gap=3)


def _first(row: StatusRow | None) -> Line:
    if row is None:
        return line(("–", FAINT))
    mark = ("◐", BUSY) if row.under_way else MARKS[Standing(row.standing)]
    return line(mark, " ", _version(row))


def _second(row: StatusRow | None, at: float) -> Line:
    if row is None or not row.deployment:
        return line("")
    return line("  ", _readiness(row), (f" · {_age(row, at)}", FAINT))


def _version(row: StatusRow) -> str:
    """The release without the application's name, which stands beside it."""
    return row.release_label.removeprefix(f"{row.application} ") or "nothing deployed"


def _readiness(row: StatusRow) -> tuple[str, str]:
    standing = Standing(row.standing)
    words = f"{row.ready}/{row.wanted} ready"
    told = {Standing.AS_DEPLOYED: words, Standing.DRIFTED: f"{words}, drifted"}
    return told.get(standing, standing.value), MARKS[standing][1]


def _age(row: StatusRow, at: float) -> str:
    return "never seen" if row.observed_at is None else ago(at - row.observed_at)


def _listed(found: Status) -> list[Line]:
    rows = [_listed_row(row, found.at) for row in found.rows]
    return table(("APPLICATION", "ENVIRONMENT", "RELEASE", "STANDING", "READY", "SEEN", "ADDRESS"), rows)


def _listed_row(row: StatusRow, at: float) -> Row:
    mark, style = MARKS[Standing(row.standing)]
    standing = line((f"{mark} ", style), (row.standing, style))
    ready = f"{row.ready}/{row.wanted}" if row.deployment else ""
    seen = _age(row, at) if row.deployment else ""
    return [line((row.application, STRONG)), row.environment, _version(row), standing, ready, seen, row.url]


def _cells(rows: Iterable[StatusRow]) -> list[Line]:
    told = []
    for row in rows:
        named = (f"{row.application} in {row.environment}", STRONG)
        told += [[line(named), *cell_row(cell, row.application)] for cell in row.cells]
    return table((), told, indent=2) if told else []


def _under_way(found: Status) -> list[Line]:
    lines: list[Line] = []
    for row in found.rows:
        if row.under_way is not None:
            itself = State(row.under_way.state) in WAITING
            lines += _deployment_lines(row.under_way, row.waiting - itself, found.at)
    return lines


def _deployment_lines(view: DeploymentView, waiting: int, at: float) -> list[Line]:
    head = standing(view, at)
    more = f", of the train {view.train}" if view.train else ""
    more += f", {waiting} more waiting" if waiting else ""
    who = f"Who can act: {view.who}." if view.who else ""
    sentences = [sentence for sentence in dict.fromkeys((view.words, view.because, who)) if sentence]
    return [Line((("  ", ""), *head.spans, (more, FAINT))), *indented(sentences, 4)]


def _closed(found: Status) -> list[Line]:
    """Environments into which nothing may go now."""
    return [line(("  ■ ", BUSY), one.closed, hang=4) for one in found.environments if one.closed]


def _troubles(found: Status) -> list[Line]:
    """Of Lockgate itself first: what cannot be seen is not well."""
    lines = [line(("  ✘ ", BAD), problem, hang=4) for problem in found.problems]
    for row in found.rows:
        if Standing(row.standing) in (Standing.DRIFTED, Standing.UNKNOWN):
            mark, style = MARKS[Standing(row.standing)]
            lines.append(line((f"  {mark} ", style), f"{row.application} in {row.environment}: {row.because}", hang=4))
    return lines


def _barred(rows: Iterable[StatusRow]) -> list[Line]:
    return [line("  ", (label, BAD), f" in {row.environment}") for row in rows for label in row.quarantined]


def explain(name: str = "", /, *, app: App = "", json: Json = False) -> None:
    """Why a deployment is where it is, since when, what it waits for, and who can act.

    Parameters
    ----------
    name
        The deployment; default: the newest.
    """
    client = Client()
    meant = deployment_meant(client, name, app)
    found = client.explain(meant)
    show(found, json, lambda: explanation_lines(found, now(), _evidence(client, meant)))


def _evidence(client: Client, deployment: str) -> list[Line]:
    """Of a canary; else nothing."""
    analysis = client.analysis(deployment)
    return evidence_lines(analysis, room(), speaks_unicode()) if analysis else []


def explanation_lines(found: Explanation, at: float, evidence: Sequence[Line] = ()) -> list[Line]:
    lines = [standing(found.deployment, at), BLANK, *explained(found.sentences)]
    lines += section("What users get from it", evidence)
    lines += section("Gates", verdict_lines(found.verdicts))
    lines += section("Plan", indented(found.plan))
    lines += section("What happened", event_lines(found.timeline))
    return lines + section("What you can do", [line("  ", command) for command in found.commands])


def history(*, app: App = "", env: str = "", limit: int = 20, json: Json = False) -> None:
    """Deployments, newest first: of this folder's application, or of all.

    Parameters
    ----------
    env
        Only to this environment.
    limit
        How many at most.
    """
    found = Client().deployments(app or application_here(), env, limit=limit)
    show(found, json, lambda: history_lines(found, now()))


def history_lines(found: Sequence[DeploymentView], at: float) -> list[Line]:
    if not found:
        return [line("Nothing has been deployed yet.")]
    return table(("ID", "WHEN", "WHAT", "STATE", "TOOK", "BY", ""), [_history_row(view, at) for view in found])


def _history_row(view: DeploymentView, at: float) -> Row:
    what: Row = [line((view.id, STRONG)), ago(at - view.created_at), brief(view), line(state_span(view))]
    return [*what, elapsed(took(view, at)), view.actor, first_line(view.failure or view.reason or view.because)]
