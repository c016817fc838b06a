"""A Docker engine and a registry for tests, benchmarks and the demo, from Debian's packages: data folders of their own,
a Unix socket, loopback, no bridge, no packet filter rules.

Containers use the host's network. The engine keeps them when it dies (``--live-restore``) and adopts them again.
"""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker.errors import DockerException

from lockgate.core.errors import ComponentMissing, Unavailable
from lockgate.testing.installation import free_ports

DAEMON = "/usr/sbin/dockerd"
"""By its path: another one on the PATH may be of another make."""
REGISTRY = "/usr/bin/docker-registry"
STARTS_WITHIN = 30.0


@dataclass
class DockerEngine:
    """A daemon of its own. ``folder``: short, since a socket's path may have 107 characters, and on a disk that
    overlay2 works on."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="lgd-")))
    options: Sequence[str] = ()
    process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> "DockerEngine":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/s"

    def client(self) -> docker.DockerClient:
        """A new one; whoever asks closes it."""
        return docker.DockerClient(self.url, version="1.41", timeout=60)

    def start(self, wait: bool = True) -> None:
        """Raises ComponentMissing where there is no daemon, or it cannot run here."""
        if not Path(DAEMON).exists() or os.geteuid() != 0:
            raise ComponentMissing("There is no Docker daemon to start here.", "Install docker.io and be root.")
        # After a kill -9 the file names a process that is not reaped yet, and the daemon would wait a minute for it.
        (self.folder / "exec/containerd/containerd.pid").unlink(missing_ok=True)
        settings = self.folder / "daemon.json"
        settings.write_text("{}")  # not the machine's own
        with (self.folder / "dockerd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    DAEMON,
                    f"--data-root={self.folder}/data",
                    f"--exec-root={self.folder}/exec",
                    f"--pidfile={self.folder}/pid",
                    f"--host={self.url}",
                    f"--config-file={settings}",
                    "--live-restore",
                    "--storage-driver=overlay2",
                    "--bridge=none",
                    "--iptables=false",
                    "--ip6tables=false",
                    "--ip-forward=false",
                    *self.options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait()

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + STARTS_WITHIN
        while not self.answers():
            ended = self.process is None or self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise ComponentMissing(f"The Docker daemon does not start: {self.log()[-1500:]}")
            time.sleep(0.02)

    def answers(self) -> bool:
        # The SDK leaves the socket open that could not be connected.
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(self.folder / "s")):
                return False
        with contextlib.suppress(DockerException, OSError), contextlib.closing(self.client()) as client:
            return bool(client.ping())
        return False

    def log(self) -> str:
        return (self.folder / "dockerd.log").read_text(errors="replace")

    def kill(self) -> None:
        """The daemon is gone at once, and its containerd with it; containers go on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)
        self._end_containerd(signal.SIGKILL)

    def close(self) -> None:
        """Ends it and every container, and removes the folder."""
        if self.process is None:
            return
        with contextlib.suppress(DockerException, OSError, ComponentMissing):
            if self.process.poll() is not None:
                self.start()
            with contextlib.closing(self.client()) as client:
                for container in client.containers.list(all=True, sparse=True):
                    container.remove(force=True, v=True)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        self._end_containerd(signal.SIGTERM)
        self._end_shims()
        _unmount_below(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_containerd(self, number: int) -> None:
        """Of an engine that was killed before; one that ends by itself has ended it."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.folder / "exec/containerd/containerd.pid").read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            if str(self.folder).encode() in words:
                os.kill(pid, number)

    def _end_shims(self) -> None:
        """Those that an engine which was killed half way through a start has forgotten."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes()
                if b"containerd-shim" in words and f"{self.folder}/exec/".encode() in words:
                    os.kill(int(process.name), signal.SIGKILL)


def _unmount_below(folder: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((m for m in mounts if m.startswith(f"{folder}/")), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)


@dataclass
class ImageRegistry:
    """A registry on loopback without sign-in, or with one when ``users`` (an htpasswd file's text) is given."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="lgr-")))
    users: str = ""
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> "ImageRegistry":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def host(self) -> str:
        """As it stands in front of an image's name."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Raises ComponentMissing where it is not installed, Unavailable when it does not start."""
        if not Path(REGISTRY).exists():
            raise ComponentMissing("There is no registry to start here.", "Install docker-registry.")
        settings = self.folder / "config.yml"
        settings.write_text(_settings(self))
        with (self.folder / "registry.log").open("ab") as log:
            self.process = subprocess.Popen(
                [REGISTRY, "serve", str(settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + STARTS_WITHIN
        while not self._answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise Unavailable(f"The registry does not start: {(self.folder / 'registry.log').read_text()[-1500:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """What it keeps stays; :meth:`start` brings it back at the same address."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self.host, timeout=2)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/v2/")
            return connection.getresponse().status in (200, 401)
        return False


def _settings(registry: ImageRegistry) -> str:
    text = f"""version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {registry.folder}/data}}
  delete: {{enabled: true}}
http: {{addr: "{registry.host}"}}
"""
    if registry.users:
        users = registry.folder / "htpasswd"
        users.write_text(registry.users)
        text += f"auth: {{htpasswd: {{realm: tests, path: {users}}}}}\n"
    return text
