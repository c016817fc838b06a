"""What is run: a spec, its artifact's tree and its berth make a program. Nothing of the control plane's own
environment goes in, save where programs are found."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.core import template
from lockgate.core.artifact import Tree
from lockgate.core.errors import Invalid, PreparationFailed, Problem
from lockgate.core.plan import InstanceSpec
from lockgate.drivers import launch
from lockgate.drivers.program import Limits, Program
from lockgate.drivers.safe import Reveal
from lockgate.drivers.targets.process.berths import Berth


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for every program of a target."""

    path: str
    """``PATH`` behind the artifact's own folders."""
    user: str | None
    log_bytes: int
    log_files: int


def program_for(berth: Berth, spec: InstanceSpec, tree: Tree, defaults: Defaults) -> Program:
    """``berth`` at its final place. Raises :class:`Invalid` for an unknown signal or file name."""
    places = _places(berth, spec, tree)
    return Program(
        argv=tuple(_filled(word, places) for word in spec.command),
        cwd=str(berth.work),
        environ=_environ(berth, spec, tree, places, defaults),
        stop_signal=signal_number(spec.stop.signal),
        grace=spec.stop.grace,
        limits=Limits(
            memory_bytes=spec.resources.memory_bytes,
            cpu=spec.resources.cpu,
            pids=spec.resources.pids,
            open_files=spec.resources.open_files,
        ),
        user=defaults.user,
        log_bytes=defaults.log_bytes,
        log_files=defaults.log_files,
        labels={"instance": berth.id, "revision": berth.revision, "key": str(berth.key)},
    )


def make_work(berth: Berth, trees: Mapping[str, Tree], user: str | None) -> None:
    """The working folder, its user's own, with the component's files by name."""
    berth.work.mkdir(exist_ok=True)
    ids = launch.user_ids(user)
    if ids is not None:
        os.chown(berth.work, ids[0], ids[1])
    for name, tree in trees.items():
        link = berth.work / name
        if berth.work.resolve() not in link.resolve().parents:
            raise PreparationFailed(f"The file name {name!r} leads out of the working folder.", "Choose another name.")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(tree.root)


def make_secrets(berth: Berth, spec: InstanceSpec, reveal: Reveal, user: str | None) -> None:
    """A file for each, that only the instance's user can read. Raises what revealing raises."""
    if not spec.secrets:
        return
    revealed = {name: reveal(source) for name, source in spec.secrets.items()}
    ids = launch.user_ids(user)
    # The folder stays ours: we read it again, so nobody else may put something in the place of a file.
    berth.secrets.mkdir(mode=0o700)
    for name, secret in revealed.items():
        fd = os.open(berth.secrets / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
        with os.fdopen(fd, "wb") as file:
            file.write(secret.reveal().encode())
            if ids is not None:
                os.fchown(file.fileno(), ids[0], ids[1])
    if ids is not None:
        berth.secrets.chmod(0o711)


def signal_number(name: str) -> int:
    """Of ``TERM`` or ``SIGTERM``."""
    try:
        return signal.Signals["SIG" + name.upper().removeprefix("SIG")]
    except KeyError:
        because, mend = f"there is no signal {name!r}.", "Write TERM, INT, QUIT or another of signal(7)."
        raise Invalid([Problem("lockgate.yaml", None, "stop.signal", because, mend)]) from None


def _places(berth: Berth, spec: InstanceSpec, tree: Tree) -> dict[str, str]:
    return {
        "host": berth.host,
        "port": str(berth.port),
        "work": str(berth.work),
        "artifact": str(tree.root),
        **{f"files.{name}": str(berth.work / name) for name in spec.files},
        **{f"secrets.{name}": str(berth.secrets / name) for name in spec.secrets},
    }


def _filled(word: str, places: Mapping[str, str]) -> str:
    def place(name: str) -> str | None:
        group = name.partition(".")[0]
        if name in places or group not in ("files", "secrets"):
            return places.get(name)
        known = ", ".join(sorted(name for name in places if name.startswith(f"{group}."))) or "none"
        because = f"{{{name}}} is not one of the component's {group} (they are: {known})."
        raise Invalid([Problem("lockgate.yaml", None, "run", because, f"Add it to {group}, or mend the name.")])

    return template.finish(word, place)


def _environ(
    berth: Berth, spec: InstanceSpec, tree: Tree, places: Mapping[str, str], defaults: Defaults
) -> dict[str, str]:
    return {
        "LANG": "C.UTF-8",
        "HOME": str(berth.work),
        "LOCKGATE_APPLICATION": berth.key.application,
        "LOCKGATE_ENVIRONMENT": berth.key.environment,
        "LOCKGATE_COMPONENT": berth.key.component,
        **({"LOCKGATE_CELL": berth.key.cell} if berth.key.cell else {}),
        "LOCKGATE_REVISION": berth.revision,
        "LOCKGATE_INSTANCE": berth.id,
        **({"HOST": berth.host, "PORT": str(berth.port)} if berth.port else {}),
        **{name: _filled(value, places) for name, value in spec.env.items()},
        "PATH": ":".join([*map(str, tree.path), spec.env.get("PATH", defaults.path)]),
    }
