"""Templates: which there are, what one says, and whether those in a folder are whole. Needs no server."""

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App as Commands

from lockgate.cli.output import BAD, BLANK, FAINT, GOOD, STRONG, Json, Line, Row, indented, line, show, table
from lockgate.cli.surroundings import DEFINITION, templates_near
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import short

if TYPE_CHECKING:
    from lockgate.config.library import Shelf
    from lockgate.config.template_file import Input, Template

template = Commands(name="template", help="Components, checks and tasks to use again.", help_format="plaintext")


@template.command(name="list")
def list_templates(*, json: Json = False) -> None:
    """Every template that a definition in this folder can use: shipped, the operators', the team's."""
    found, problems = _all()
    told = [_told(shelf, one) for shelf, one in found]
    show({"templates": told, "problems": problems}, json, lambda: list_lines(found, problems))


def _all() -> "tuple[list[tuple[Shelf, Template]], list[Problem]]":
    """A file that cannot be read does not hide the others."""
    found: list[tuple[Shelf, Template]] = []
    problems: list[Problem] = []
    for shelf, file in templates_near(DEFINITION).all():
        try:
            found.append((shelf, shelf.read(file)))
        except Invalid as fault:
            problems += fault.problems
    return found, problems


def list_lines(found: "list[tuple[Shelf, Template]]", problems: list[Problem]) -> list[Line]:
    rows: list[Row] = [
        [line((one.label, STRONG)), one.part.value, shelf.whose, short(one.digest), one.about] for shelf, one in found
    ]
    bad = [line(("✘ ", BAD), problem.sentence(), hang=2) for problem in problems]
    return [*table(("TEMPLATE", "OF A", "WHOSE", "DIGEST", ""), rows), *bad]


@template.command(name="show")
def show_template(name: str, /, *, json: Json = False) -> None:
    """What a template takes and says.

    Parameters
    ----------
    name
        NAME, or NAME@VERSION.
    """
    shelf, found = _named(name)
    show({**_told(shelf, found), "text": found.text}, json, lambda: page(shelf, found))


def _named(name: str) -> "tuple[Shelf, Template]":
    """The newest where no version is named. Raises :class:`Invalid`."""
    from lockgate.config.document import Scalar
    from lockgate.config.form import At

    library = templates_near(DEFINITION)
    plain, _, version = name.partition("@")
    versions = list(library.versions(plain)) if plain in library.names() else []
    if version or not versions:
        wanted = library.get(At(Scalar(name if version else f"{name}@1", 1), "command line", "name", line=0))
        return next(pair for pair in versions if pair[1].label == wanted.label)
    return max(versions, key=lambda pair: pair[1].version)


def page(shelf: "Shelf", found: "Template") -> list[Line]:
    lines = [line((found.label, STRONG), f"  {found.about}")]
    facts = (("of a", found.part.value), ("whose", shelf.whose), ("file", found.where), ("digest", found.digest))
    lines += table((), [[line((name, FAINT)), words] for name, words in facts], indent=2)
    if found.inputs:
        rows: list[Row] = [_input_row(one) for one in found.inputs.values()]
        lines += [BLANK, *table(("INPUT", "TYPE", "DEFAULT", ""), rows, indent=2)]
    return [*lines, BLANK, *indented(found.text.splitlines())]


def _input_row(given: "Input") -> Row:
    kind = " | ".join(given.options) or given.type.value
    default = line(("must be given", STRONG)) if given.default is None else given.default.text or '""'
    return [given.name, kind, default, given.about]


@template.command
def check(*files: Path, json: Json = False) -> None:
    """Check template files: their inputs, and what becomes of them with the defaults and examples.

    Parameters
    ----------
    files
        What to check; default: every template of this folder and of the environments' file.
    """
    problems: list[Problem] = []
    done: list[tuple[Shelf, Template]] = []
    for shelf, file in _chosen(files):
        try:
            found = shelf.read(file)
            problems += _tried(found)
            done.append((shelf, found))
        except Invalid as fault:
            problems += fault.problems
    if problems:
        raise Invalid(problems)
    told = [_told(shelf, found) for shelf, found in done]
    show({"templates": told, "problems": []}, json, lambda: [_good(found) for _, found in done])


def _chosen(files: tuple[Path, ...]) -> "list[tuple[Shelf, Path]]":
    from lockgate.config.library import SHIPPED, Shelf

    if files:
        return [(Shelf("you", file.parent, str(file.parent)), file) for file in files]
    return [(shelf, file) for shelf, file in templates_near(DEFINITION).all() if shelf is not SHIPPED]


def _tried(found: "Template") -> "list[Problem]":
    from lockgate.config.trial import faults

    return faults(found)


def _good(found: "Template") -> Line:
    untried = [name for name, one in found.inputs.items() if one.default is None and one.example is None]
    tried = "reads well with its defaults and examples"
    if untried:
        tried = f"not tried, for want of an example of {', '.join(untried)}"
    number = "1 input" if len(found.inputs) == 1 else f"{len(found.inputs)} inputs"
    return line(("✔ ", GOOD), f"{found.label}: a {found.part.value} with {number}; {tried}.", hang=2)


def _told(shelf: "Shelf", found: "Template") -> dict[str, object]:
    inputs = {
        one.name: {
            "type": one.type.value,
            "about": one.about,
            "default": one.default.text if one.default is not None else None,
            "options": one.options,
            "pattern": one.pattern,
        }
        for one in found.inputs.values()
    }
    return {
        "template": found.label,
        "of": found.part.value,
        "whose": shelf.whose,
        "file": found.where,
        "digest": found.digest,
        "about": found.about,
        "inputs": inputs,
    }
