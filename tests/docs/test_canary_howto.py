"""docs/howto/release-with-a-canary.md is followed to the letter, with users of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.client import Client
from lockgate.testing import sample_app
from lockgate.testing.load import Load, Mix
from lockgate.testing.waiting import wait_until
from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "release-with-a-canary.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]
USERS = Mix(keepalive=8, fresh=0, post=0, slow=0, stream=0, rate=200.0, path="/", expect=frozenset({200, 500}))


class Releaser(Person):
    """Has the page's files in the folder, and users once something runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        application, environments, *_ = blocks("yaml", pages=[HOWTO])
        (folder / "lockgate.yaml").write_text(application.text)
        (folder / "environments.yaml").write_text(environments.text.replace("8081", str(self.ports[0])))
        shutil.copyfile(sample_app.__file__, folder / "shop.py")
        self.load: Load | None = None
        self.holding = False

    def types(self, command: str) -> str:
        if command.startswith("lockgate plan") and self.load is None:
            self.load = Load(f"http://127.0.0.1:{self.ports[0]}", USERS).start()
        printed = super().types(command)
        if command.endswith("--no-watch"):
            self.holding = True
        elif command.startswith("lockgate continue"):
            self.holding = False
        return printed

    def _as_on_a_terminal(self, command: str) -> str:
        return command if command.endswith("--no-watch") else super()._as_on_a_terminal(command)

    def _waits(self) -> None:
        """What holds comes to no rest by itself."""
        if self.holding:
            wait_until(self._holds, within=60.0)
            return
        super()._waits()

    def _holds(self) -> bool:
        return "holds until" in Client.of(self.home).deployments(limit=1)[0].because


@pytest.fixture
def releaser(tmp_path: Path) -> Iterator[Releaser]:
    found = Releaser(tmp_path)
    try:
        yield found
    finally:
        if found.load:
            found.load.stop()
        found.holding = False
        found.interrupts()
        found.types("lockgate down --yes")


@pytest.mark.real
@pytest.mark.timeout(180)
def test_release_with_a_canary_does_what_it_says(releaser: Releaser) -> None:
    for step in STEPS:
        printed = releaser.types(step.command)
        missing = first_missing(list(step.printed), printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"
    wait_until(lambda: Client.of(releaser.home).deployments(limit=1)[0].final, within=60.0)
    assert [view.state for view in Client.of(releaser.home).deployments(limit=3)] == [
        "succeeded",
        "rolled_back",
        "succeeded",
    ]
    assert releaser.load is not None and releaser.load.stop().failed == 0
