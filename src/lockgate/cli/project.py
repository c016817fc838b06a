"""A project's two files: write them, check them."""

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from lockgate.cli.output import BLANK, FAINT, GOOD, STRONG, Json, Line, headline, indented, line, show
from lockgate.cli.surroundings import DEFINITION, ENVIRONMENTS, templates_near
from lockgate.core.errors import Conflict, Invalid, Problem

if TYPE_CHECKING:
    from lockgate.config.form import Read
    from lockgate.config.policies import Shelf
    from lockgate.config.proposal import Proposal
    from lockgate.core.application import Application
    from lockgate.core.environment import Catalogue, Environment
    from lockgate.core.policy import Policy

Force = Annotated[bool, Parameter(name="--force", negative="", help="Overwrite files that are there.")]

NEXT = (
    ("lockgate check", "both files are understood"),
    ("lockgate serve", "in another terminal, in this folder"),
    ("lockgate release create", "artifacts resolved to digests, frozen; {first} takes it by itself"),
    ("lockgate watch", "see it arrive"),
)

_CATALOGUE = re.compile(r"^environments:", re.MULTILINE)


def init(folder: Path = Path(), /, *, force: Force = False, json: Json = False) -> None:
    """Write lockgate.yaml and environments.yaml, with comments, for what the folder holds.

    Parameters
    ----------
    folder
        The project's folder.
    """
    from lockgate.config.project import detect

    if not folder.is_dir():
        raise Invalid([Problem(str(folder), None, "", "there is no such folder.", "Make it first: mkdir")])
    proposal = detect(folder)
    _refuse_overwriting(folder, proposal, force)
    _write(folder, proposal)
    told = {"kind": proposal.kind, "because": proposal.because, "files": list(proposal.files), "notes": proposal.notes}
    show(told, json, lambda: init_lines(folder, proposal))


def _refuse_overwriting(folder: Path, proposal: "Proposal", force: bool) -> None:
    there = [name for name in proposal.files if (folder / name).exists()]
    if there and not force:
        verb = "is" if len(there) == 1 else "are"
        raise Conflict(f"{' and '.join(there)} {verb} there already; nothing was written.", "Overwrite with --force.")


def _write(folder: Path, proposal: "Proposal") -> None:
    """All files beside their places first, so that a full disk leaves none half written."""
    beside = {name: folder / f".{name}.new" for name in proposal.files}
    try:
        for name, text in proposal.files.items():
            beside[name].write_text(text, encoding="utf-8")
        for name, path in beside.items():
            path.replace(folder / name)
    except OSError as error:
        raise Invalid([Problem(str(folder), None, "", f"it cannot be written: {error.strerror}.")]) from error
    finally:
        for path in beside.values():
            with suppress(OSError):
                path.unlink()


def init_lines(folder: Path, proposal: "Proposal") -> list[Line]:
    from lockgate.config.environments_file import read_catalogue

    catalogue = read_catalogue(proposal.files[str(ENVIRONMENTS)]).value
    first = next((environment.name for environment in catalogue.first()), "dev")
    lines = [line((proposal.kind, STRONG), f": {proposal.because}")]
    lines += [line(("  ✔ ", GOOD), f"wrote {folder / name}") for name in proposal.files]
    if proposal.notes:
        lines += [BLANK, headline("Before the first release"), *indented(proposal.notes)]
    steps = [(command, why.format(first=first)) for command, why in NEXT]
    if folder != Path():
        steps.insert(0, (f"cd {folder}", ""))
    width = max(len(command) for command, _ in steps)
    return [*lines, BLANK, headline("Next"), *(_step(command, why, width) for command, why in steps)]


def _step(command: str, why: str, width: int) -> Line:
    return line(f"  {command:<{width}}", (f"  {why}" if why else "", FAINT))


def check(*files: Path, json: Json = False) -> None:
    """Check lockgate.yaml and environments.yaml, each and together. Changes nothing; needs no server.

    Parameters
    ----------
    files
        What to check; default: those of the two that are in this folder.
    """
    chosen = files or tuple(path for path in (DEFINITION, ENVIRONMENTS) if path.exists())
    if not chosen:
        because = f"there is neither {DEFINITION} nor {ENVIRONMENTS} in this folder."
        raise Invalid([Problem("command line", None, "", because, "Write them with: lockgate init")])
    applications, catalogues, shelves = _read_all(chosen)
    problems = [*_together(applications, catalogues), *_faulty_rules(catalogues, shelves)]
    if problems:
        raise Invalid(problems)
    good = [*map(_application_words, applications), *map(_catalogue_words, catalogues)]
    good += [_policy_words(read.value) for shelf in shelves for read in shelf.own.values()]
    show({"problems": [], "files": [str(path) for path in chosen]}, json, lambda: [_good(words) for words in good])


def _read_all(paths: tuple[Path, ...]) -> "tuple[list[Read[Application]], list[Read[Catalogue]], list[Shelf]]":
    """Raises :class:`Invalid` with the problems of all files at once."""
    from lockgate.config.application_file import read_application
    from lockgate.config.calendar_files import CalendarFiles
    from lockgate.config.document import load_text
    from lockgate.config.environments_file import read_catalogue
    from lockgate.config.policies import FOLDER, read_shelf

    applications: list[Read[Application]] = []
    catalogues: list[Read[Catalogue]] = []
    shelves: list[Shelf] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            text = load_text(path, str(path))
            if _is_catalogue(path, text):
                shelves.append(read_shelf(path.parent / FOLDER))
                catalogues.append(read_catalogue(text, str(path), shelves[-1]))
                files = CalendarFiles(path.parent)
                files.put_into(catalogues[-1].value)
                problems.extend(files.problems)
            else:
                applications.append(read_application(text, str(path), templates_near(*paths)))
        except Invalid as error:
            problems.extend(error.problems)
    if problems:
        raise Invalid(problems)
    return applications, catalogues, shelves


def _is_catalogue(path: Path, text: str) -> bool:
    """By what it holds, and where that does not tell by its name."""
    return bool(_CATALOGUE.search(text)) or path.name.startswith(ENVIRONMENTS.stem)


def _together(applications: "list[Read[Application]]", catalogues: "list[Read[Catalogue]]") -> list[Problem]:
    from lockgate.config.together import check_together

    return [problem for one in applications for other in catalogues for problem in check_together(one, other)]


def _faulty_rules(catalogues: "list[Read[Catalogue]]", shelves: "list[Shelf]") -> list[Problem]:
    """Of policies. Who works rules out is started only if there is something to work out."""
    from lockgate.config.policies import faults_of

    uses = [
        use for read in catalogues for environment in read.value.environments.values() for use in environment.policies
    ]
    if not any(shelf.own for shelf in shelves) and not any(use.parameters for use in uses):
        return []
    from lockgate.wiring.checks import judging

    with judging() as judge:
        pairs = zip(catalogues, shelves, strict=True)
        return [problem for read, shelf in pairs for problem in faults_of(shelf, read, judge.check)]


def _policy_words(policy: "Policy") -> str:
    tests = f"{len(policy.tests)} test{'s' if len(policy.tests) != 1 else ''}" if policy.tests else "no tests"
    return f"{policy.source}: {policy.name}; {tests}, see: lockgate policy test"


def _good(words: str) -> Line:
    return line(("✔ ", GOOD), words, hang=2)


def _application_words(read: "Read[Application]") -> str:
    application = read.value
    parts = ", ".join(application.components)
    checks = len(application.verify)
    checked = f"{checks} check{'s' if checks != 1 else ''}" if checks else "no checks"
    return f"{read.where}: {application.name} with {parts}; {application.strategy.kind.value}, {checked}."


def _catalogue_words(read: "Read[Catalogue]") -> str:
    return f"{read.where}: {' → '.join(map(_environment_words, read.value.in_order()))}."


def _environment_words(environment: "Environment") -> str:
    """With its cells in the order they are changed."""
    cells = ", ".join(cell.name for cell in environment.in_rollout())
    return f"{environment.name} ({cells})" if cells else environment.name
