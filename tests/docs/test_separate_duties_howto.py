"""docs/howto/separate-duties.md is followed to the letter, with everybody at one desk."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.client import Client
from lockgate.core.errors import LockgateError
from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "separate-duties.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]


class Desk(Person):
    """Has the page's files in the folder, with ports that are free here. What waits for people is at rest."""

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

    def _at_rest(self) -> bool:
        try:
            return all(view.final or view.state == "gated" for view in Client.of(self.home).deployments(limit=50))
        except LockgateError:
            return False


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    try:
        yield found
    finally:
        found.interrupts()
        found.types("lockgate down --yes")


@pytest.mark.real
@pytest.mark.timeout(240)
def test_separating_duties_does_what_it_says(desk: Desk) -> None:
    for step in STEPS:
        printed = desk.types(step.command)
        missing = first_missing(step.printed, printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"


def test_no_token_stands_on_the_page() -> None:
    assert not re.search(r"\blg_[A-Za-z0-9_-]{20,}", HOWTO.read_text())
