"""docs/howto/release-several-applications.md is followed to the letter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.client import Client
from lockgate.core.errors import LockgateError
from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "release-several-applications.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]


class Desk(Person):
    """Has the page's files in the folder, with ports that are free here. A train is at rest when it waits for a
    person or has ended."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (program,) = blocks("python", pages=[HOWTO])
        api, site, environments, train = blocks("yaml", pages=[HOWTO])
        text = environments.text
        for old, new in zip(("8081", "8082"), self.ports, strict=False):
            assert f": {old}" in text
            text = text.replace(f": {old}", f": {new}")
        files = {"code/app.py": program.text, "api/lockgate.yaml": api.text, "site/lockgate.yaml": site.text}
        for name, written in {**files, "environments.yaml": text, "train.yaml": train.text}.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(written)

    def _at_rest(self) -> bool:
        try:
            trains = Client.of(self.home).trains()
        except LockgateError:
            return True
        busy = {"running", "rolling_back"}
        waits = [any(step.state == "waiting" and step.task for step in one.steps) for one in trains]
        return all(
            one.final or one.state == "created" or (waiting and not any(step.state in busy for step in one.steps))
            for one, waiting in zip(trains, waits, strict=True)
        )


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
def test_releasing_several_applications_does_what_it_says(desk: Desk) -> None:
    for step in STEPS:
        printed = desk.types(step.command)
        missing = first_missing(step.printed, printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"
    view = Client.of(desk.home).train("friday")
    assert [step.state for step in view.steps] == ["succeeded"] * 4
    assert {event.kind for event in view.timeline} >= {"task.done", "deployment.succeeded", "train.succeeded"}
