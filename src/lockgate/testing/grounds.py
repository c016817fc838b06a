"""A ground of real processes: the sample application under the process target, in one home folder, and the clearing up
afterwards."""

import os
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from lockgate.core.application import Health, Resources, Stop
from lockgate.core.artifact import Artifact, ArtifactKind, Tree
from lockgate.core.ids import digest_of
from lockgate.core.plan import InstanceSpec
from lockgate.drivers import supervision
from lockgate.drivers.clock import SystemClock
from lockgate.drivers.targets.process import ProcessTarget, Settings
from lockgate.testing import sample_app
from lockgate.testing.waiting import wait_until

SAMPLE = Artifact(ArtifactKind.FILE, "sample_app.py", "1", digest_of("sample"), "file:sample_app.py")
PYTHON = (sys.executable, "-I", "-S")


class ProcessGround:
    """See :class:`lockgate.testing.contracts.target.Ground`. Several targets share the folder, as several control
    planes of a machine do."""

    def __init__(self, home: Path, ports: range | None = None) -> None:
        # Test runs beside each other on one machine do not choose from the same ports.
        first = 21_000 + os.getpid() % 90 * 100
        self.settings = Settings(home, ports=ports or range(first, first + 100), keep_logs=3)
        self._targets: list[ProcessTarget] = []

    def target(self) -> ProcessTarget:
        self._targets.append(ProcessTarget(self.settings, sample_tree, SystemClock()))
        return self._targets[-1]

    def sample(self, *words: str, **changes: Any) -> InstanceSpec:
        """The sample application with these options; ``changes`` go into the spec."""
        command = (*PYTHON, "{artifact}", "--host", "{host}", "--port", "{port}", *words)
        spec = InstanceSpec(SAMPLE, {}, command, {}, Health("/health", interval=0.05), Resources(), Stop(grace=2.0))
        return replace(spec, **changes)

    def good(self, version: str) -> InstanceSpec:
        return self.sample("--version", version)

    def broken(self, version: str) -> InstanceSpec:
        return self.sample("--version", version, "--exit", "7")

    def silent(self) -> InstanceSpec:
        return self.sample(command=("sleep", "1000"))

    def pass_by(self) -> None:
        """Time passes by itself."""

    def clear(self) -> None:
        """Nothing that was started here goes on."""
        for target in self._targets:
            target.close()
        end_all(self.settings.home)


def sample_tree(artifact: Artifact) -> Tree:
    """Every artifact is the sample application."""
    return Tree(PurePosixPath(sample_app.__file__))


def end_all(root: Path) -> None:
    """Kills every program below ``root`` with its shim and all it started."""
    for found in supervision.programs(root):
        found.kill()
    wait_until(lambda: not supervision.adopt(root))
