"""docs/howto/find-where-an-artifact-runs.md is followed to the letter."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.client import Client
from lockgate.testing import sample_app
from lockgate.testing.waiting import wait_until
from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "find-where-an-artifact-runs.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]


class Seeker(Person):
    """Has the page's files in the folder, and a wide screen."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.environ["COLUMNS"] = "160"
        (sbom,) = blocks("json", pages=[HOWTO])
        application, environments = blocks("yaml", pages=[HOWTO])
        (folder / "sbom.json").write_text(sbom.text)
        (folder / "lockgate.yaml").write_text(application.text)
        text = environments.text
        for old, new in zip(("8081", "8082"), self.ports, strict=False):
            text = text.replace(f"listen: {old}", f"listen: {new}")
        (folder / "environments.yaml").write_text(text)
        shutil.copyfile(sample_app.__file__, folder / "shop.py")

    def types(self, command: str) -> str:
        """A person reads before they ask where something runs; the keeper looks meanwhile."""
        if command.startswith(("lockgate where", "lockgate inventory")):
            self._waits()
            wait_until(self._observed, within=30.0)
        return super().types(command)

    def _observed(self) -> bool:
        running = Client.of(self.home).inventory().running
        return bool(running) and all(one.instances for one in running)


@pytest.fixture
def seeker(tmp_path: Path) -> Iterator[Seeker]:
    found = Seeker(tmp_path)
    try:
        yield found
    finally:
        found.interrupts()
        found.types("lockgate down --yes")


@pytest.mark.real
@pytest.mark.timeout(180)
def test_find_where_an_artifact_runs_does_what_it_says(seeker: Seeker) -> None:
    for step in STEPS:
        printed = seeker.types(step.command)
        missing = first_missing(step.printed, printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"
