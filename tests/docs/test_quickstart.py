"""docs/quickstart.md is followed to the letter in an empty folder, and what it says is printed is printed.

Only what differs from machine to machine is put in its place: ports, times, digests. A person reads between two
commands; the test waits instead until nothing is under way.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lockgate.client import Client
from lockgate.core.errors import LockgateError
from lockgate.testing.installation import free_ports, wait_until
from tests.docs.pages import DOCS, Typed, blocks, typed

QUICKSTART = DOCS / "quickstart.md"
STEPS = [step for block in blocks("console", pages=[QUICKSTART]) for step in typed(block)]

_MASKS = (
    (r"(sha256:|rel-)?\b(?=[0-9a-f]*\d)[0-9a-f]{12,64}\b", "DIGEST"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\d\d:\d\d:\d\d", "TIME"),
    (r"\+?\d+(\.\d+)? (s|min)\b", "AGE"),
    (r"(127\.0\.0\.1|localhost):\d+", "ADDRESS"),
    (r"\d+ programs", "N programs"),
    (r"token=\S+", "TOKEN"),
    (r"\s+", " "),
)


def masked(line: str) -> str:
    for pattern, name in _MASKS:
        line = re.sub(pattern, name, line)
    return line.strip()


class Person:
    """Sits at a terminal, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        api, *self.ports = free_ports(4)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCKGATE_")}
        path = f"{Path(sys.executable).parent}:{kept['PATH']}"
        self.environ = {
            **kept,
            "PATH": path,
            "COLUMNS": "100",
            "LOCKGATE_HOME": str(self.home),
            "LOCKGATE_LISTEN": f"127.0.0.1:{api}",
            "LOCKGATE_ACTOR": "you",
        }
        self.server: subprocess.Popen[str] | None = None

    def types(self, command: str) -> str:
        """What it prints."""
        if command.startswith("mkdir"):
            return self._moves(command)
        if command == "lockgate serve":
            return self._serves()
        if command.startswith("lockgate down"):
            self.interrupts()
        self._waits()
        words = self._as_on_a_terminal(command)
        done = subprocess.run(words, shell=True, cwd=self.folder, env=self.environ, capture_output=True, text=True)
        if command == "lockgate init":
            self._puts_ports()
        return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)

    def interrupts(self) -> None:
        """Ctrl-C in the second terminal."""
        if self.server and self.server.poll() is None:
            self.server.terminate()
            self.server.wait(30)

    def _moves(self, command: str) -> str:
        subprocess.run(command, shell=True, cwd=self.folder, check=True)
        self.folder /= command.rpartition("cd ")[2]
        return ""

    def _serves(self) -> str:
        log = self.home.parent / "server.log"
        with log.open("w") as file:
            self.server = subprocess.Popen(
                ["lockgate", "serve"], cwd=self.folder, env=self.environ, stderr=file, text=True, start_new_session=True
            )
        wait_until(lambda: "Console:" in log.read_text(), "A word of the server")
        return log.read_text()

    def _as_on_a_terminal(self, command: str) -> str:
        """There, deployments are watched and status is a matrix without being asked to."""
        if re.match(r"lockgate (promote|rollback|deploy)\b", command):
            return f"{command} --watch"
        if command == "lockgate status":
            return f"FORCE_COLOR=1 {command}"
        for old, new in zip(("8081", "8082", "8083"), self.ports, strict=True):
            command = command.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        return command

    def _puts_ports(self) -> None:
        """Of init's file, those that are free here."""
        file = self.folder / "environments.yaml"
        text = file.read_text()
        for old, new in zip(("8081", "8082", "8083"), self.ports, strict=True):
            assert f"listen: {old}" in text
            text = text.replace(f"listen: {old}", f"listen: {new}")
        file.write_text(text)

    def _waits(self) -> None:
        """Until nothing is under way, and what has succeeded has been offered to the next environment."""
        if not (self.server and self.server.poll() is None):
            return
        quiet = 0
        for _ in range(1500):
            quiet = quiet + 1 if self._at_rest() else 0
            if quiet == 10:
                return
            time.sleep(0.02)
        pytest.fail("the deployments do not come to rest")

    def _at_rest(self) -> bool:
        try:
            return all(view.final for view in Client.of(self.home).deployments(limit=50))
        except LockgateError:
            return False


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    found = Person(tmp_path)
    try:
        yield found
    finally:
        found.interrupts()
        subprocess.run(["lockgate", "down", "--yes"], env=found.environ, cwd=tmp_path, capture_output=True, check=False)


@pytest.mark.real
@pytest.mark.timeout(180)
def test_the_quickstart_does_what_it_says(person: Person) -> None:
    for step in STEPS:
        printed = person.types(step.command)
        missing = first_missing(step.printed, printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"


def first_missing(said: Sequence[str], printed: Sequence[str]) -> str | None:
    """The first line of the page that does not come, in order; None: all do. Lines between them are allowed only
    where the page says ``…``."""
    left = [masked(line) for line in printed if line.strip()]
    anywhere = False
    for line in said:
        wanted = masked(line.replace("token=…", "token=x"))
        if wanted == "…":
            anywhere = True
        elif wanted:
            at = next((i for i, one in enumerate(left) if one == wanted), -1) if anywhere else 0
            if at < 0 or not left or left[at] != wanted:
                return line
            left, anywhere = left[at + 1 :], False
    return None if anywhere or not left or not said else f"an end (it goes on with {left[0]!r})"


def test_it_takes_fewer_than_ten_commands_to_be_deployed_promoted_and_rolled_back() -> None:
    typed_so_far = [step.command.split()[1] for step in STEPS if step.command.startswith("lockgate ")]
    needed = typed_so_far[: typed_so_far.index("rollback") + 1]
    assert {"init", "serve", "release", "promote", "rollback"} <= set(needed)
    assert len(needed) < 10


@pytest.mark.parametrize(
    ("said", "printed", "missing"),
    [
        (["a", "b"], ["a", "b"], None),
        (["a"], ["a", "b"], "an end (it goes on with 'b')"),
        (["a", "…"], ["a", "b"], None),
        (["…", "c"], ["a", "b", "c"], None),
        (["c"], ["a"], "c"),
        (["took 1 s"], ["took 2.5 s"], None),
        ([], ["anything"], None),
    ],
)
def test_output_is_compared_line_by_line(said: list[str], printed: list[str], missing: str | None) -> None:
    assert first_missing(said, printed) == missing


def test_a_block_gives_its_commands_with_what_they_print() -> None:
    first = STEPS[1]
    assert isinstance(first, Typed) and first.command == "lockgate init"
    assert first.printed[1] == "  ✔ wrote index.html"
