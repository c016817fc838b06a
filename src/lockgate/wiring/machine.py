"""What of this machine is usable."""

from contextlib import suppress
from pathlib import Path

from lockgate.config.catalogue_file import CatalogueFile
from lockgate.config.settings import Settings
from lockgate.core.errors import LockgateError
from lockgate.drivers.docker_info import EngineAddress
from lockgate.drivers.machine import Premises
from lockgate.drivers.machine import examine as examine_machine
from lockgate.drivers.policies.worker import judge_once
from lockgate.drivers.routers.envoy import find_binary
from lockgate.drivers.sources.pypi import find_uv
from lockgate.messages import Usable


def examine(settings: Settings, *, serving: bool = False) -> tuple[Usable, ...]:
    """What of this machine is usable. ``serving``: the server itself asks."""
    premises = Premises(
        settings.home,
        settings.listen,
        settings.ports,
        lambda: find_binary(settings.envoy),
        find_uv,
        _engines(settings.environments),
        judge_once,
    )
    return examine_machine(premises, serving=serving)


def _engines(environments: Path) -> tuple[EngineAddress, ...]:
    """That the file names; none, as long as it cannot be read."""
    found: dict[tuple[str, str], list[str]] = {}
    with suppress(LockgateError):
        for name, environment in CatalogueFile(environments)().environments.items():
            for cell, place in environment.places().items():
                given, where = place.target.settings, f"{name}/{cell}" if cell else name
                if place.target.kind == "docker":
                    found.setdefault((given.get("engine", ""), given.get("tls", "")), []).append(where)
    return tuple(EngineAddress(url, tls, tuple(names)) for (url, tls), names in found.items())
