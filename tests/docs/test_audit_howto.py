"""docs/howto/prove-who-deployed-what.md is followed to the letter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "prove-who-deployed-what.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]


class Auditor(Person):
    """Has the page's files in the folder, with a port that is free here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (program,) = blocks("python", pages=[HOWTO])
        application, environments, *_ = blocks("yaml", pages=[HOWTO])
        (folder / "shop.py").write_text(program.text)
        (folder / "lockgate.yaml").write_text(application.text)
        (folder / "environments.yaml").write_text(environments.text.replace("8081", str(self.ports[0])))

    def _as_on_a_terminal(self, command: str) -> str:
        """What is exported, signed or refused is the same in a pipe."""
        return command


@pytest.fixture
def auditor(tmp_path: Path) -> Iterator[Auditor]:
    found = Auditor(tmp_path)
    try:
        yield found
    finally:
        found.interrupts()
        found.types("lockgate down --yes")


@pytest.mark.real
@pytest.mark.timeout(180)
def test_prove_who_deployed_what_does_what_it_says(auditor: Auditor) -> None:
    for step in STEPS:
        printed = auditor.types(step.command)
        missing = first_missing(step.printed, printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"
