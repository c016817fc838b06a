"""Environments: which there are, what one is and who says so, and how two sides differ."""

from collections.abc import Mapping

from cyclopts import App as Commands

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
    headline,
    indented,
    line,
    now,
    show,
    table,
)
from lockgate.cli.surroundings import App, application_meant
from lockgate.client import Client
from lockgate.messages import EnvironmentView
from lockgate.messages.environments import (
    ComparisonView,
    DifferenceView,
    EnvironmentDetail,
    HolderView,
    KeptView,
    OriginView,
    WhyView,
)

env = Commands(name="env", help="Look at environments and compare them.", help_format="plaintext")

_MARKS = {"release": GOOD, "observed": BUSY, "rule": STRONG}
WIDEST = 48
"""Columns of one side in the table of differences; the sentences above it have the whole."""


@env.command(name="list")
def list_environments(*, json: Json = False) -> None:
    """Every environment, in promotion order."""
    found = Client().environments()
    show(found, json, lambda: list_lines(found))


def list_lines(found: tuple[EnvironmentView, ...]) -> list[Line]:
    rows: list[Row] = [
        [
            line((one.name, STRONG)),
            one.after or line(("first", FAINT)),
            one.tier or line(("–", FAINT)),
            one.owner or line(("nobody", FAINT)),
            one.target,
            one.promote,
            one.purpose,
        ]
        for one in found
    ]
    return table(("ENVIRONMENT", "AFTER", "TIER", "OWNER", "TARGET", "PROMOTE", "PURPOSE"), rows)


@env.command(name="show")
def show_environment(name: str, /, *, why: str = "", json: Json = False) -> None:
    """One environment: owner, purpose, values, secrets, rules, and who says so.

    Parameters
    ----------
    name
        The environment.
    why
        Who says what of this field: values.time_limit, or time_limit alone.
    """
    if why:
        told = Client().why(name, why)
        show(told, json, lambda: why_lines(told))
        return
    found = Client().environment(name)
    show(found, json, lambda: page(found, now()))


def why_lines(told: WhyView) -> list[Line]:
    return [line(sentence) for sentence in told.sentences]


def page(found: EnvironmentDetail, at: float) -> list[Line]:
    lines = [line((found.name, STRONG)), *indented(_sentences(found))]
    lines += _section("For people", [[line((n, FAINT)), url] for n, url in found.endpoints.items()])
    lines += _section("Written", [_field(path, origin) for path, origin in found.fields.items()])
    lines += _section("Secrets", [_secret(name, kept) for name, kept in found.secrets.items()])
    return lines + _section("Runs", [_holder(holder, at) for holder in found.runs])


def _section(title: str, rows: list[Row]) -> list[Line]:
    return [BLANK, headline(title), *table((), rows, indent=2)] if rows else []


def _sentences(found: EnvironmentDetail) -> list[str]:
    tier = f", of the tier {found.tier}" if found.tier else ""
    users = f" Used by {', '.join(found.users)}." if found.users else ""
    purpose = f" It is for {found.purpose}." if found.purpose else ""
    own = ", ".join(found.capabilities) or "nothing"
    stated = "its drivers cannot tell now" if found.stated is None else f"its drivers can: {', '.join(found.stated)}"
    return [
        f"Run by {found.owner or 'nobody that is named'}{tier}.{purpose}{users}",
        _order(found),
        f"Its owner says that it has: {own}; {stated}.",
        *_addresses(found),
    ]


def _order(found: EnvironmentDetail) -> str:
    entering = "by themselves" if found.promote == "automatic" else "when somebody promotes them"
    before = f"; {' and '.join(found.before)} comes after it" if found.before else ""
    if found.after is None:
        return f"It is a first environment: releases enter {entering}{before}."
    return f"Releases that have succeeded in {found.after} enter {entering}{before}."


def _addresses(found: EnvironmentDetail) -> list[str]:
    if found.cells:
        told = "; ".join(f"{cell}: {', '.join(listens.values()) or 'none'}" for cell, listens in found.cells.items())
        return [f"Requests arrive in its cells: {told}."]
    where = [at if name == "*" else f"{at} for {name}" for name, at in found.listen.items()]
    return [f"Requests arrive at {', '.join(where)}."] if where else []


def _field(path: str, origin: OriginView) -> Row:
    over = f", instead of {', '.join(one.level for one in origin.overridden)}" if origin.overridden else ""
    return [path, line((origin.text, STRONG)), line((f"{origin.level}, line {origin.line}{over}", FAINT))]


def _secret(name: str, kept: KeptView) -> Row:
    fingerprint = f"fingerprint {kept.fingerprint}" if kept.fingerprint else "fingerprint unknown"
    return [name, kept.source, line((fingerprint, FAINT))]


def _holder(holder: HolderView, at: float) -> Row:
    since = "" if holder.since is None else ago(at - holder.since)
    return [line((holder.release_label, STRONG)), holder.release, holder.deployment, line((since, FAINT))]


@env.command
def diff(left: str, right: str, /, *, app: App = "", json: Json = False) -> None:
    """How two environments differ, two moments of one, or two releases: sentences first, then a table.

    Parameters
    ----------
    left
        An environment (staging), one at a time that is past (prod@2h, prod@2026-11-20T12:00Z), or a release (#3, or
        its id).
    right
        The same of the other side.
    """
    client = Client()
    found = client.compare(*(side_meant(client, side, app) for side in (left, right)))
    show(found, json, lambda: diff_lines(found))


def side_meant(client: Client, side: str, app: str) -> str:
    """``#3`` is a release of the application meant, by its id."""
    return client.release(application_meant(app), side).id if side.startswith("#") else side


def diff_lines(found: ComparisonView) -> list[Line]:
    first, *sentences = found.sentences
    lines = [line((first, STRONG))]
    lines += [_told(one, sentence) for one, sentence in zip(found.differences, sentences, strict=True)]
    rows: list[Row] = [
        [one.kind, one.subject, _side(one.left, one), _side(one.right, one)] for one in found.differences if one.subject
    ]
    return [*lines, BLANK, *table(("KIND", "WHAT", found.left, found.right), rows)] if rows else lines


def _told(one: DifferenceView, sentence: str) -> Line:
    mark: Mapping[bool, tuple[str, str]] = {True: ("  ≠ ", _MARKS.get(one.kind, "")), False: ("  ? ", BAD)}
    return line(mark[one.known], sentence, hang=4)


def _side(text: str, one: DifferenceView) -> Line:
    if not text:
        return line(("–", FAINT))
    short = text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
    return line((short, BUSY if text == "unknown" and not one.known else ""))
