"""The stage: an installation of its own in one folder, both applications, and users who ask without a pause.

Everything is done as a user does it: by ``lockgate`` commands in the application's folder, with a real server in its
own process. Only looking between two commands goes by the client, which asks the same API.
"""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demonstration import applications
from demonstration.kinds import Kind
from demonstration.teller import Teller
from lockgate.client import Client
from lockgate.core.errors import Conflict, Unavailable
from lockgate.messages import DeploymentView
from lockgate.testing.installation import Installation, wait_until
from lockgate.testing.load import Load, Report

MARK = "made-by-scripts-demo"
"""A file that says: this folder may be deleted by the next demo."""

NAMES = tuple(applications.VISITORS)
PLACES = ("dev", "staging", "prod")


@dataclass
class Stage:
    """What the chapters play on."""

    folder: Path
    ports: Mapping[str, int]
    """``front_prod`` -> port."""
    installation: Installation
    teller: Teller
    kind: Kind
    loads: dict[str, Load] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """Person -> what signs them in."""

    @classmethod
    def build(cls, folder: Path, teller: Teller, kind: Kind) -> "Stage":
        """``folder`` will hold everything; what an earlier demo left there is ended and deleted. Raises Conflict for a
        folder that no demo has made, DataFolderBusy while another demo runs in it."""
        clear(folder, kind)
        (folder / MARK).touch()
        keys = [f"{name}_{place}" for name in NAMES for place in PLACES]
        own, *others = quiet_ports(1 + len(keys))
        ports = dict(zip(keys, others, strict=True))
        settings = {"LOCKGATE_LISTEN": f"127.0.0.1:{own}"}
        installation = Installation(folder, applications.write(folder, ports, kind), settings)
        return cls(folder, ports, installation, teller, kind)

    @property
    def client(self) -> Client:
        return self.installation.client

    def url(self, application: str, environment: str = "prod") -> str:
        return f"http://127.0.0.1:{self.ports[f'{application}_{environment}']}"

    def console(self) -> str:
        """A link that opens the console, once."""
        return self.client.log_in()

    # --- commands ---

    def lockgate(self, application: str, *words: str, expect: int = 0, brief: bool = False, by: str = "") -> list[str]:
        """Types a command in the application's folder and shows what it prints, as it comes; ``brief``: the first line.
        ``by``: a person, who has signed in. Returns the lines, unless they went to the terminal. Raises Unavailable
        when it ends with another exit code than expected."""
        self.teller.typed(f"{by}: {application}" if by else application, "lockgate", *words)
        shown = self.teller.on_terminal and not brief
        program = self._start(application, words, None if shown else subprocess.PIPE, by)
        lines = []
        for number, line in enumerate(program.stdout or ()):
            lines.append(line.rstrip("\n"))
            if not (brief and number):
                self.teller.printed(lines[-1])
        if program.wait() != expect:
            raise Unavailable(f"lockgate {' '.join(words)} has ended with {program.returncode}, not {expect}.")
        return lines

    def answered(self, application: str, *words: str) -> Any:
        """What a command tells programs. Nothing is shown."""
        program = self._start(application, (*words, "--json"), subprocess.PIPE)
        return json.loads(program.communicate()[0])

    def _start(
        self, application: str, words: Sequence[str], output: int | None, by: str = ""
    ) -> "subprocess.Popen[str]":
        signed_in = {"LOCKGATE_TOKEN": self.tokens[by]} if by else {}
        return subprocess.Popen(
            [sys.executable, "-m", "lockgate", *words],
            cwd=self.folder / application,
            env={**self.installation.environ(), "LOCKGATE_ACTOR": "you", **signed_in},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            text=True,
            bufsize=1,
        )

    def add_person(self, name: str) -> None:
        """Their token is the second line that is printed, and is not shown."""
        printed = self.lockgate(".", "person", "add", name, "--email", f"{name}@example.com", brief=True)
        self.tokens[name] = printed[1].strip()

    def write(self, name: str, text: str) -> None:
        """Somebody writes a new file, named from the demo's folder."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.teller.written(name, text.strip("\n"))

    def edit(self, name: str, old: str, new: str) -> None:
        """Somebody changes a file, named from the demo's folder."""
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{path} does not say {old}"
        path.write_text(text.replace(old, new))
        self.teller.edited(name, old.strip("\n"), new.strip("\n"))

    # --- looking ---

    def newest(self, application: str, environment: str) -> DeploymentView | None:
        return next(iter(self.client.deployments(application, environment, limit=1)), None)

    def until(self, what: str, happens: Callable[[], object], patience: float = 60.0) -> None:
        """Raises Unavailable."""
        wait_until(happens, what, patience, pause=0.005)

    def arrived(self, application: str, environment: str, release: str) -> DeploymentView:
        """The deployment of the release in an environment that takes it by itself, once it has ended."""

        def ended() -> bool:
            found = self.newest(application, environment)
            return found is not None and found.release == release and found.final

        self.until(f"The end of {release}'s deployment to {environment}", ended)
        found = self.newest(application, environment)
        assert found is not None
        return found

    def why(self, deployment: str) -> None:
        """The product's own explanation, as far as it says where the deployment is."""
        self.teller.told(self.client.explain(deployment).sentences[0])

    def halves(self, application: str, environment: str) -> str:
        """Who gets which part of the traffic at this moment: ``75 % 2.10.2, 25 % 2.11.7``."""
        weights = self.client.status(application, environment).rows[0].weights
        return ", ".join(f"{points / 100:g} % {label}" for label, points in sorted(weights.items()) if points)

    # --- users ---

    def open_doors(self, application: str) -> None:
        """From now on users ask prod for it, and every answer counts."""
        self.loads[application] = Load(self.url(application), applications.VISITORS[application]).start()

    @property
    def requests(self) -> int:
        return sum(load.requests for load in self.loads.values())

    @property
    def failed(self) -> int:
        return sum(load.failed for load in self.loads.values())

    def revisions_met(self) -> frozenset[str]:
        """Every revision that a user's request has been answered by so far."""
        return frozenset(name for load in self.loads.values() for name in load.report().by_revision)

    def close_doors(self) -> dict[str, Report]:
        """No new requests; those under way end. Returns what was asked, and how it went, by application."""
        return {name: load.stop() for name, load in self.loads.items()}

    # --- the end ---

    def stop_server(self) -> None:
        """As Ctrl-C does."""
        process = self.installation.process
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait(30)

    def living(self) -> int:
        """How many programs and containers still run of the folder's."""
        return programs_of(self.folder) + self.kind.living(self.installation)


def clear(folder: Path, kind: Kind) -> None:
    """Ends what an earlier demo left running in the folder and deletes it. Raises Conflict for a folder that no demo
    has made, DataFolderBusy while another demo runs in it."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise Conflict(f"{folder} holds something that is not from a demo.", "Name an empty folder with --folder.")
        kind.clear(Installation(folder, (folder / "environments.yaml").read_text()))
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def quiet_ports(count: int) -> list[int]:
    """Free ports of 127.0.0.1 below those that the kernel gives to outgoing connections: users open many."""
    found: list[int] = []
    for port in random.sample(range(10_000, 20_000), 1000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise Unavailable(f"There are no {count} free ports between 10000 and 20000.")


def programs_of(folder: Path) -> int:
    """Processes of this machine whose command line or working folder lies in ``folder``."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + bytes((process / "cwd").readlink())
        except OSError:
            continue  # It has ended meanwhile, or is not ours to look at.
        count += str(folder).encode() in told and int(process.name) != os.getpid()
    return count


def pause(seconds: float) -> None:
    """Users go on asking meanwhile."""
    time.sleep(seconds)
