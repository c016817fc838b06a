"""Releases and quarantines: make, list, show; what is barred from where."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import App as Commands
from cyclopts import Parameter

from lockgate.cli.authorship import authors_since, last_commit
from lockgate.cli.environments import diff_lines
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
    day,
    first_line,
    line,
    now,
    put_json,
    show,
    table,
)
from lockgate.cli.surroundings import DEFINITION, App, Reason, actor, application_meant, templates_near
from lockgate.client import Client
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import short
from lockgate.messages import CreateRelease, Lift, Place, QuarantineView, ReleaseView

release = Commands(name="release", help="Make and look at releases.", help_format="plaintext")
quarantine = Commands(name="quarantine", help="Releases barred from an environment.", help_format="plaintext")

_NAMED = re.compile(r"([A-Za-z0-9_.-]+)=([a-z]+:.+)", re.DOTALL)
"""``web=pypi:datasette==0.65.2``; the reference itself may hold equals signs."""


@release.command
def create(
    *,
    file: Annotated[Path, Parameter(name=["--file", "-f"])] = DEFINITION,
    artifact: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    commit: str = "",
    url: str = "",
    author: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    built_by: str = "",
    json: Json = False,
) -> None:
    """Resolve the artifacts once, and freeze them with the definition.

    Parameters
    ----------
    file
        The definition.
    artifact
        A reference to use instead of the one in the definition: web=pypi:datasette==0.65.2, or only the reference
        where there is one component. May be given several times.
    commit
        The commit it was made from.
    url
        Where to read about it: a build, a change.
    author
        Who wrote what is new in it, by name or e-mail address; default: as Git says, since the release before. May be
        given several times.
    built_by
        Who, or what, built it, if that is not you.
    """
    request = request_from(file, artifact, commit, url)
    authors = author or authors_since(file.parent, last_commit(request.definition), commit)
    request = replace(request, authors=authors, built_by=built_by)
    view = Client().create_release(request)
    show(view, json, lambda: [line(("✔ ", GOOD), (view.label, STRONG), " is ready to deploy."), *_body(view)])


def request_from(file: Path, artifacts: tuple[str, ...] = (), commit: str = "", url: str = "") -> CreateRelease:
    """Raises :class:`Invalid` when the file cannot be read or an artifact is for no component."""
    text = definition_text(file)
    return CreateRelease(
        definition=text,
        where=str(file),
        folder=str(file.parent.resolve()),
        artifacts=dict(_chosen(word, text, str(file)) for word in artifacts),
        commit=commit,
        url=url,
        actor=actor(),
    )


def definition_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Invalid(
            [Problem(str(file), None, "", "there is no such file.", "Write one with: lockgate init")]
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid([Problem(str(file), None, "", f"it cannot be read: {error}.")]) from error


def _chosen(word: str, text: str, where: str) -> tuple[str, str]:
    """(component, reference) of one ``--artifact``."""
    named = _NAMED.fullmatch(word)
    if named:
        return named.group(1), named.group(2)
    from lockgate.config.application_file import read_application

    components = list(read_application(text, where, templates_near(Path(where))).value.components)
    if len(components) == 1:
        return components[0], word
    because = f"{word} is for one of {', '.join(components)}."
    raise Invalid([Problem("command line", None, "--artifact", because, f"Write {components[0]}={word}.")])


@release.command(name="list")
def list_releases(*, app: App = "", limit: int = 20, json: Json = False) -> None:
    """Releases of an application, newest first.

    Parameters
    ----------
    limit
        How many at most.
    """
    found = Client().releases(application_meant(app), limit)
    show(found, json, lambda: release_lines(found, now()))


def release_lines(found: tuple[ReleaseView, ...], at: float) -> list[Line]:
    if not found:
        return [line("There is no release yet. Make one with: lockgate release create")]
    rows: list[Row] = [
        [line((view.label, STRONG)), view.id, ago(at - view.created_at), view.created_by, _places(view)]
        for view in found
    ]
    return table(("RELEASE", "ID", "MADE", "BY", "WHERE"), rows)


def _places(view: ReleaseView) -> Line:
    if not view.places:
        return line(("nowhere yet", FAINT))
    parts = [(f"{place.environment} {place.state.replace('_', ' ')}", _place_style(place)) for place in view.places]
    spans = [span for part in parts for span in (part, (", ", ""))]
    return Line(tuple(spans[:-1]))


def _place_style(place: Place) -> str:
    return {"runs": GOOD, "ran": FAINT, "quarantined": BAD}.get(place.state, BUSY)


@release.command(name="show")
def show_release(
    name: str = "latest",
    /,
    *,
    statement: Annotated[bool, Parameter(negative="")] = False,
    app: App = "",
    json: Json = False,
) -> None:
    """One release: its artifacts by digest, and where it is or has been.

    Parameters
    ----------
    name
        Its id, #3, a version that names one release only, or latest.
    statement
        Only what was signed of it: an in-toto statement in a DSSE envelope, as JSON, for other tools too.
    """
    if statement:
        put_json(Client().release_statement(application_meant(app), name))
        return
    view = Client().release(application_meant(app), name)
    show(view, json, lambda: release_page(view))


def release_page(view: ReleaseView) -> list[Line]:
    return [line((view.label, STRONG)), *_body(view)]


def _body(view: ReleaseView) -> list[Line]:
    facts: list[tuple[str, str]] = [
        ("id", view.id),
        ("digest", view.digest),
        ("made", f"{day(view.created_at)} by {view.created_by}"),
    ]
    facts += [(name, words) for name, words in (("commit", view.commit), ("url", view.url)) if words]
    artifacts: list[Row] = [
        [a.component, f"{a.name} {a.version}", short(a.digest), a.reference] for a in view.artifacts
    ]
    lines = table((), [_fact(name, words) for name, words in facts], indent=2)
    lines += [BLANK, *table(("COMPONENT", "ARTIFACT", "DIGEST", "ASKED FOR"), artifacts, indent=2)]
    if view.templates:
        used: list[Row] = [[name, short(digest)] for name, digest in view.templates.items()]
        lines += [BLANK, *table(("TEMPLATE", "DIGEST"), used, indent=2)]
    return lines + ([BLANK, *_place_lines(view)] if view.places else [])


def _fact(name: str, words: str) -> Row:
    return [line((name, FAINT)), words]


def _place_lines(view: ReleaseView) -> list[Line]:
    rows: list[Row] = [
        [
            p.environment,
            line((p.state.replace("_", " "), _place_style(p))),
            day(p.at),
            p.deployment,
            first_line(p.because),
        ]
        for p in view.places
    ]
    return table(("ENVIRONMENT", "STATE", "SINCE", "DEPLOYMENT", ""), rows, indent=2)


@release.command(name="diff")
def diff_releases(left: str, right: str = "latest", /, *, app: App = "", json: Json = False) -> None:
    """How two releases differ: what they are made of, and how they are defined.

    Parameters
    ----------
    left
        The release: its id, #3, or a version that names one release only.
    right
        The other one.
    """
    client, application = Client(), application_meant(app)
    found = client.compare(*(client.release(application, name).id for name in (left, right)))
    show(found, json, lambda: diff_lines(found))


@quarantine.command(name="list")
def list_quarantines(*, app: App = "", json: Json = False) -> None:
    """Which releases are barred from where, and why."""
    found = tuple(view for view in Client().quarantines() if not app or view.application == app)
    show(found, json, lambda: quarantine_lines(found))


def quarantine_lines(found: tuple[QuarantineView, ...]) -> list[Line]:
    if not found:
        return [line("No release is barred from anywhere.")]
    rows: list[Row] = [
        [line((q.release_label, BAD)), q.environment, day(q.since), q.release, first_line(q.because)] for q in found
    ]
    return table(("RELEASE", "ENVIRONMENT", "SINCE", "ID", "WHY"), rows)


@quarantine.command
def lift(name: str, /, *, env: str, reason: Reason, app: App = "", json: Json = False) -> None:
    """Let a barred release into the environment again. It is in the audit log.

    Parameters
    ----------
    name
        The release: its id, #3 or a version that names one release only.
    env
        The environment.
    """
    client, application = Client(), application_meant(app)
    view = client.release(application, name)
    client.lift(Lift(application, env, view.id, reason, actor()))
    show(view, json, lambda: [line(("✔ ", GOOD), f"{view.label} may enter {env} again.")])
