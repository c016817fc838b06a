"""An installation of its own, with a real server in its own process: for acceptance tests, benchmarks and the demo.

The server is started, killed and frozen as a user's would be. Ports are asked of the kernel; nothing is left behind.
"""

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.client import Client
from lockgate.config.settings import read_settings
from lockgate.core.errors import LockgateError, Unavailable
from lockgate.messages import CreateRelease, Deploy, DeploymentView, ReleaseView
from lockgate.wiring.serving import down

_MADE = itertools.count()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody has now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def free_pair() -> int:
    """A port of 127.0.0.1 that nobody has now, like the one above it; from outside the range that the system hands out,
    so that nobody gets one of them by chance in the meantime."""
    while True:
        lower = random.randrange(20_000, 30_000, 2)
        with socket.socket() as one, socket.socket() as other, suppress(OSError):
            one.bind(("127.0.0.1", lower))
            other.bind(("127.0.0.1", lower + 1))
            return lower


def wait_until(happens: Callable[[], object], what: str, patience: float = 60.0, pause: float = 0.02) -> None:
    """Raises Unavailable with ``what`` when it has not happened in ``patience`` seconds."""
    end = time.monotonic() + patience
    while not happens():
        if time.monotonic() > end:
            raise Unavailable(f"{what} has not happened within {patience:g} s.")
        time.sleep(pause)


@dataclass
class Installation:
    """``folder`` holds everything: data, logs and the environments' file."""

    folder: Path
    environments: str
    """The text of environments.yaml."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """More ``LOCKGATE_...`` settings."""
    command: Sequence[str] = ("-m", "lockgate", "serve")
    """What the Python of this process is called with."""
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_ports(1)[0]
        # Installations side by side do not see each other's allotments: each has a range of its own.
        first = 20_000 + (os.getpid() + next(_MADE)) % 20 * 500
        self.ports = f"{first}-{first + 499}"
        (self.folder / "environments.yaml").write_text(self.environments)

    def __enter__(self) -> "Installation":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def data(self) -> Path:
        """Where instances and the router are: the home, unless a setting says otherwise."""
        return Path(self.variables.get("LOCKGATE_DATA", self.home))

    @property
    def client(self) -> Client:
        """Of the server as it listens now."""
        return Client.of(self.home)

    def environ(self) -> dict[str, str]:
        """Of the server's process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCKGATE_")}
        return {
            **kept,
            "LOCKGATE_HOME": str(self.home),
            "LOCKGATE_ENVIRONMENTS": str(self.folder / "environments.yaml"),
            "LOCKGATE_LISTEN": f"127.0.0.1:{self.port}",
            "LOCKGATE_PORTS": self.ports,
            **self.variables,
        }

    def start(self, wait: bool = True) -> None:
        """Starts the server; waits until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command],
                env=self.environ(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            wait_until(self.answers, f"An answer of the server (its log: {self.log()[-2000:]})", pause=0.01)

    def answers(self) -> bool:
        """Whether this very process serves."""
        if self.process and self.process.poll() is not None:
            raise Unavailable(f"The server has ended with {self.process.returncode}: {self.log()[-2000:]}")
        try:
            return bool(self.client.health())
        except LockgateError:
            return False

    def log(self) -> str:
        """What the server has printed."""
        return (self.folder / "server.log").read_text(errors="replace")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """The server is gone when this returns (unless the signal only freezes it)."""
        assert self.process is not None
        self.process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            self.process.wait(60)

    def close(self) -> None:
        """Ends the server and everything that it runs."""
        self.end_server()
        down(read_settings(self.environ(), self.folder))

    def end_server(self) -> None:
        """Ends only the server, as gently as it lets us."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill(signal.SIGTERM)

    # --- what a user does ---

    def release(self, definition: str, artifacts: Mapping[str, str] | None = None) -> ReleaseView:
        """As ``lockgate release create`` does."""
        request = CreateRelease(definition, "lockgate.yaml", str(self.folder), artifacts or {}, actor="tester")
        return self.client.create_release(request)

    def deploy(self, release: ReleaseView, to: str, *, urgent: bool = False) -> DeploymentView:
        return self.client.deploy(Deploy(release.application, to, release.id, urgent=urgent, actor="tester"))

    def until_final(self, deployment: str, patience: float = 120.0) -> DeploymentView:
        """The deployment once it has ended."""
        wait_until(lambda: self.client.deployment(deployment).final, f"The end of {deployment}", patience)
        return self.client.deployment(deployment)

    def run(self, release: ReleaseView, to: str, *, urgent: bool = False) -> DeploymentView:
        """Deploys and waits for the end."""
        return self.until_final(self.deploy(release, to, urgent=urgent).id)
