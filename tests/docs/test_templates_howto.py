"""docs/howto/reuse-with-templates.md is followed to the letter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "reuse-with-templates.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]


class Developer(Person):
    """Has the page's files in the folder, with a port that is free here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (program,) = blocks("python", pages=[HOWTO])
        template, application, environments = blocks("yaml", pages=[HOWTO])
        (folder / "templates").mkdir()
        (folder / "templates" / "python-service.yaml").write_text(template.text)
        (folder / "shop.py").write_text(program.text)
        (folder / "lockgate.yaml").write_text(application.text)
        (folder / "environments.yaml").write_text(self.here(environments.text))

    def here(self, text: str) -> str:
        """With this machine's port."""
        return text.replace("8081", str(self.ports[0]))

    def types(self, command: str) -> str:
        return super().types(self.here(command))


@pytest.fixture
def developer(tmp_path: Path) -> Iterator[Developer]:
    found = Developer(tmp_path)
    try:
        yield found
    finally:
        found.interrupts()
        found.types("lockgate down --yes")


@pytest.mark.real
@pytest.mark.timeout(180)
def test_reuse_with_templates_does_what_it_says(developer: Developer) -> None:
    for step in STEPS:
        printed = developer.types(step.command)
        missing = first_missing([developer.here(line) for line in step.printed], printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"
