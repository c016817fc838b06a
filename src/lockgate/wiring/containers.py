"""Targets of container engines, and the notes of them that outlive the server."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.config.settings import Settings
from lockgate.core.environment import TargetSpec
from lockgate.core.ids import canonical, digest_of, short
from lockgate.drivers.artifacts import Artifacts
from lockgate.drivers.clock import SystemClock
from lockgate.drivers.docker_logins import DockerLogins
from lockgate.drivers.safe import Reveal, reveal
from lockgate.wiring.sources import artifacts_of

if TYPE_CHECKING:
    from lockgate.drivers.targets.docker import DockerTarget


def docker_target(
    spec: TargetSpec, settings: Settings, artifacts: Artifacts, clock: SystemClock, reveal: Reveal
) -> "DockerTarget":
    """Remembered in the data folder for :func:`down`. Its SDK takes 20 MiB and 150 ms of who deploys containers."""
    from lockgate.drivers.targets.docker import DockerTarget
    from lockgate.drivers.targets.docker import Settings as DockerSettings

    spec = _as_it_is_here(spec)
    note = _note_of(spec, settings.data)
    note.parent.mkdir(exist_ok=True)
    note.write_bytes(canonical(spec))
    given = spec.settings
    chosen = DockerSettings(
        home=settings.data,
        engine=given.get("engine", ""),
        tls=given.get("tls", ""),
        network=given.get("network", "host"),
        address=given.get("address", ""),
        ports=port_range(given.get("ports", ""), settings.ports),
    )
    return DockerTarget(chosen, artifacts.materialise, DockerLogins(), reveal, clock)


def _as_it_is_here(spec: TargetSpec) -> TargetSpec:
    """Without an engine of its own, that of this process's environment, which may be another one next time."""
    if spec.settings.get("engine"):
        return spec
    named = {"engine": os.environ.get("DOCKER_HOST", ""), "tls": os.environ.get("DOCKER_CERT_PATH", "")}
    return replace(spec, settings={**named, **spec.settings})


def _note_of(spec: TargetSpec, data: Path) -> Path:
    return data / "engines" / f"{short(digest_of(spec))}.json"


def docker_targets(settings: Settings) -> Iterator[tuple[Path, "DockerTarget"]]:
    """Every one that the data folder may have containers on, with the note of it."""
    for note in sorted((settings.data / "engines").glob("*.json")):
        found = json.loads(note.read_text())
        spec = TargetSpec(found["kind"], found["settings"])
        yield note, docker_target(spec, settings, artifacts_of(settings.data), SystemClock(), reveal)


def port_range(text: str, default: tuple[int, int]) -> range:
    first, _, last = text.partition("-")
    ends = (int(first), int(last)) if last else default
    return range(ends[0], ends[1] + 1)
