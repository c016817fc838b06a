"""docs/reference/cli.md names every command, every option and every exit code, and nothing that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from lockgate.cli.main import COMMANDS, Exit, application

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def commands(app: App, path: str = "lockgate") -> Iterator[tuple[str, App]]:
    """Every command that does something, by its full name."""
    below = {name: sub for name, sub in app.resolved_commands().items() if not name.startswith("-")}
    for name, sub in below.items():
        yield from commands(sub, f"{path} {name}")
    if not below or app.default_command:
        yield path, app


def options(app: App) -> set[str]:
    found = {name for argument in app.assemble_argument_collection() for name in argument.names}
    return {name for name in found if name.startswith("-")}


def sections() -> dict[str, str]:
    """Heading of the third level -> what stands below it."""
    parts = re.split(r"^### `(.+?)`$", REFERENCE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(name: str) -> str:
    """A heading is the command as it is typed: ``lockgate deploy [RELEASE] --to ENV``."""
    found = [text for heading, text in sections().items() if re.match(rf"{re.escape(name)}( [^a-z]|$)", heading)]
    assert len(found) == 1, f"{name} has {len(found)} sections"
    return found[0]


EVERY = dict(commands(application()))


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_option_of_every_command_is_described(name: str) -> None:
    text = documented(name) + next(heading for heading in sections() if heading.startswith(name))
    told = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))
    there = options(EVERY[name])
    assert there - told - {"--json"} == set()
    assert {one for one in told if one.startswith("--")} - there - {"--json"} == set()


def test_every_command_takes_json_but_those_that_are_not_questions() -> None:
    without = {name for name, app in EVERY.items() if "--json" not in options(app)}
    assert without == {"lockgate serve", "lockgate completion"}


def test_no_section_is_about_a_command_that_is_gone() -> None:
    for heading in sections():
        assert any(heading.startswith(name) for name in EVERY), heading


def test_every_exit_code_is_described() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for code in Exit:
        assert f"| {code.value} |" in text


def test_commands_are_named_with_what_they_do() -> None:
    for group in COMMANDS.values():
        for name, (_, words) in group.items():
            assert words.endswith("."), name
