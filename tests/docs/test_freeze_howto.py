"""docs/howto/freeze-production.md is followed to the letter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.client import Client
from lockgate.core.errors import LockgateError
from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "freeze-production.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]


class Operator(Person):
    """Has the page's files in the folder, with a port that is free here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (program,) = blocks("python", pages=[HOWTO])
        (holidays,) = blocks("ics", pages=[HOWTO])
        application, environments, *_ = blocks("yaml", pages=[HOWTO])
        (folder / "shop.py").write_text(program.text)
        (folder / "holidays.ics").write_text(holidays.text)
        (folder / "lockgate.yaml").write_text(application.text)
        assert "listen: 8081" in environments.text
        text = environments.text.replace("listen: 8081", f"listen: {self.ports[0]}")
        (folder / "environments.yaml").write_text(text)

    def _at_rest(self) -> bool:
        """What waits at a gate is at rest, too."""
        try:
            views = Client.of(self.home).deployments(limit=50)
        except LockgateError:
            return False
        return all(view.final or view.state == "gated" for view in views)

    def _as_on_a_terminal(self, command: str) -> str:
        refused = "--no-watch" in command or "--at" in command
        return command if refused else super()._as_on_a_terminal(command)


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
def test_freeze_production_does_what_it_says(operator: Operator) -> None:
    for step in STEPS:
        printed = operator.types(step.command)
        missing = first_missing(step.printed, printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"
