"""docs/howto/release-cell-by-cell.md is followed to the letter, with two cells on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "release-cell-by-cell.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]


class Operator(Person):
    """Has the page's files in the folder, with ports that are free here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (program,) = blocks("python", pages=[HOWTO])
        application, environments, *_ = blocks("yaml", pages=[HOWTO])
        (folder / "shop.py").write_text(program.text)
        (folder / "lockgate.yaml").write_text(application.text)
        text = environments.text
        for old, new in zip(("8081", "8082"), self.ports, strict=False):
            assert f"listen: {old}" in text
            text = text.replace(f"listen: {old}", f"listen: {new}")
        (folder / "environments.yaml").write_text(text)


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    found = Operator(tmp_path)
    try:
        yield found
    finally:
        found.interrupts()
        found.types("lockgate down --yes")


@pytest.mark.real
@pytest.mark.timeout(180)
def test_release_cell_by_cell_does_what_it_says(operator: Operator) -> None:
    for step in STEPS:
        printed = operator.types(step.command)
        missing = first_missing(step.printed, printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"
