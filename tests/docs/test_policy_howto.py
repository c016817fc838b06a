"""docs/howto/write-a-policy.md is followed to the letter; docs/reference/policies.md tells every fact there is."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.config.policies import starter
from lockgate.core.facts import paths
from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "write-a-policy.md"
REFERENCE = (DOCS / "reference" / "policies.md").read_text()
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]


class Owner(Person):
    """Has the page's files in the folder, with ports that are free here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (program,) = blocks("python", pages=[HOWTO])
        application, environments, policy = blocks("yaml", pages=[HOWTO])
        text = environments.text
        for old, new in zip(("8081", "8082"), self.ports, strict=False):
            assert f"listen: {old}" in text
            text = text.replace(f"listen: {old}", f"listen: {new}")
        (folder / "policies").mkdir()
        for name, content in (
            ("shop.py", program.text),
            ("lockgate.yaml", application.text),
            ("environments.yaml", text),
            ("policies/ticket.yaml", policy.text),
        ):
            (folder / name).write_text(content)


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    found = Owner(tmp_path)
    try:
        yield found
    finally:
        found.interrupts()
        found.types("lockgate down --yes")


@pytest.mark.real
@pytest.mark.timeout(240)
def test_write_a_policy_does_what_it_says(owner: Owner) -> None:
    for step in STEPS:
        printed = owner.types(step.command)
        missing = first_missing(step.printed, printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"


def rows(title: str) -> dict[str, list[str]]:
    below = re.split(r"^## ", REFERENCE.partition(f"\n## {title}\n")[2], flags=re.MULTILINE)[0]
    cells = [line.strip("|").split("|") for line in below.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in cells}


def test_every_fact_is_described() -> None:
    severities = ("high", "medium", "low", "negligible", "unrated")
    there = {path for path, _ in paths() if not re.match(rf"findings\.(?:{'|'.join(severities)})\.", path)}
    assert set(rows("Facts")) == there


def test_the_starter_set_is_described() -> None:
    told = {name: (cells[0], set(re.findall(r"`(\w+)`", cells[1]))) for name, cells in rows("The starter set").items()}
    assert told == {name: (one.otherwise.value, set(one.parameters)) for name, one in starter().items()}
