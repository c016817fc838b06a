"""docs/best-practices.md answers each practice with commands that exist and pages that explain them."""

import re

import pytest

from tests.docs import test_pages
from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "best-practices.md"
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| **")
]
PRACTICES = (
    "Repeatability", "Reuse", "Environment modelling", "Approval", "Coordination and audit", "Trains", "Inventory",
    "Calendar", "Immutability", "Deployment models", "Push and pull", "Policies",
)  # fmt: skip


def test_every_practice_has_an_answer() -> None:
    assert tuple(re.findall(r"\*\*(.+?)\*\*", row[0])[0] for row in ROWS) == PRACTICES
    assert all(len(row) == 3 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=PRACTICES)
def test_an_answer_is_explained_and_shown_by_commands_that_exist(row: list[str]) -> None:
    _, answer, look = row
    assert re.search(r"\]\([^)]+\)", answer), "it leads to a page"
    shown = re.findall(r"`([^`]+)`", look)
    assert shown and all(one.startswith("lockgate ") for one in shown)
    for one in shown:
        test_pages.test_a_command_exists_and_has_those_options(str(PAGE), one)


def test_the_first_pages_lead_there() -> None:
    assert "(docs/best-practices.md)" in (ROOT / "README.md").read_text()
    assert "(best-practices.md)" in (DOCS / "README.md").read_text()
