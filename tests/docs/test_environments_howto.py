"""docs/howto/model-environments.md is followed to the letter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "model-environments.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]


class Operator(Person):
    """Has the page's files in the folder, with ports that are free here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (program,) = blocks("python", pages=[HOWTO])
        application, environments = blocks("yaml", pages=[HOWTO])
        (folder / "shop.py").write_text(program.text)
        (folder / "lockgate.yaml").write_text(application.text)
        (folder / "environments.yaml").write_text(self.here(environments.text))

    def here(self, text: str) -> str:
        """With this machine's ports."""
        for old, new in zip(("8081", "8082"), self.ports, strict=False):
            text = text.replace(old, str(new))
        return text


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
def test_model_environments_does_what_it_says(operator: Operator) -> None:
    for step in STEPS:
        printed = operator.types(step.command)
        missing = first_missing([operator.here(line) for line in step.printed], printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"
