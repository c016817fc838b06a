"""docs/howto/keep-secrets.md is followed to the letter."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "keep-secrets.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]


class Owner(Person):
    """Has the page's files in the folder, with a port that is free here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (program,) = blocks("python", pages=[HOWTO])
        application, environments, *_ = blocks("yaml", pages=[HOWTO])
        (folder / "shop.py").write_text(program.text)
        (folder / "lockgate.yaml").write_text(application.text)
        assert "listen: 8081" in environments.text
        (folder / "environments.yaml").write_text(environments.text.replace("8081", str(self.ports[0])))


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    found = Owner(tmp_path)
    try:
        yield found
    finally:
        found.interrupts()
        found.types("lockgate down --yes")


def without_instance(line: str) -> str:
    return re.sub(r"web-[0-9a-f]+-\d-[0-9a-f]+", "web-INSTANCE", line)


@pytest.mark.real
@pytest.mark.timeout(180)
def test_keep_secrets_does_what_it_says(owner: Owner) -> None:
    everything = ""
    for step in STEPS:
        printed = owner.types(step.command)
        everything += printed
        said = [without_instance(line) for line in step.printed]
        missing = first_missing(said, [without_instance(line) for line in printed.splitlines()])
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"
    everything += (owner.home.parent / "server.log").read_text()
    assert not re.search("hunter2|correct-horse", everything)
    database = (owner.home / "lockgate.db").read_bytes() + (owner.home / "lockgate.db-wal").read_bytes()
    assert b"hunter2" not in database and b"correct-horse" not in database
