"""What is asked of the engine to make one container: a spec, its place and its address as the API's own JSON."""

import contextlib
import io
import math
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from lockgate.core import template
from lockgate.core.artifact import Tree
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import InstanceId
from lockgate.core.plan import InstanceSpec
from lockgate.core.secret import Secret
from lockgate.core.traffic import Key

VOLUME = "/lockgate"
"""Folder inside that may be filled before it starts, whatever its root is like."""
WORK = f"{VOLUME}/work"
"""Folder inside that holds the component's files. Not the volume itself, whose owner cannot be told."""
SECRETS = "/run/secrets"
WITHOUT = ("AUDIT_WRITE", "MKNOD", "NET_RAW")
"""Capabilities of the engine's usual set that a service has no use for."""
READ, READ_ALL = 0o400, 0o444
Owner = tuple[int, int] | None
Cargo = dict[str, IO[bytes]]


@dataclass(frozen=True, slots=True)
class Address:
    """How one instance is reached, and what it is told of that."""

    network: str
    """``host``, or a network of the engine on which its port is published."""
    host: str
    port: int
    """Outside; 0: it takes no traffic."""
    inside: int
    """The port that its program listens on."""

    @property
    def bind(self) -> str:
        """What its program listens on: with a network of its own, whoever comes comes from outside."""
        return self.host if self.network == "host" else "0.0.0.0"


@dataclass(frozen=True, slots=True)
class Logging:
    """Of each container's output, kept by the engine."""

    bytes: int
    files: int


def image_of(spec: InstanceSpec) -> str:
    """By digest only: a tag may have moved."""
    return f"{spec.artifact.name}@{spec.artifact.digest}"


def configuration(
    instance: InstanceId, key: Key, spec: InstanceSpec, address: Address, labels: Mapping[str, str], logging: Logging
) -> dict[str, Any]:
    """The body of the call that creates it. Raises :class:`Invalid` for a placeholder that has no meaning here."""
    places = _places(spec, address)
    made: dict[str, Any] = {
        "Image": image_of(spec),
        "Env": [f"{name}={text}" for name, text in _environment(instance, key, spec, address, places).items()],
        "Labels": dict(labels),
        "StopSignal": f"SIG{spec.stop.signal.upper().removeprefix('SIG')}",
        "StopTimeout": math.ceil(spec.stop.grace),
        # Lockgate asks for itself; the image's own check would run beside it for nothing.
        "Healthcheck": {"Test": ["NONE"]},
        "Volumes": {folder: {} for folder in _folders(spec)},
        "HostConfig": _host(spec, address, logging),
    }
    if spec.command:
        made["Cmd"] = [_filled(word, places) for word in spec.command]
    if spec.container.entrypoint:
        made["Entrypoint"] = [_filled(word, places) for word in spec.container.entrypoint]
    if spec.container.user:
        made["User"] = spec.container.user
    if address.port and address.network != "host":
        made["ExposedPorts"] = {f"{address.inside}/tcp": {}}
    return made


def _host(spec: InstanceSpec, address: Address, logging: Logging) -> dict[str, Any]:
    limits, container = spec.resources, spec.container
    host: dict[str, Any] = {
        "Init": True,  # a program that is process 1 ignores TERM unless it says otherwise
        "NetworkMode": address.network,
        "RestartPolicy": {"Name": "no"},  # until it has been ready: what does not start is looked at, not repeated
        "ReadonlyRootfs": container.read_only,
        "SecurityOpt": [] if container.gain_privileges else ["no-new-privileges"],
        "CapDrop": list(WITHOUT) if container.capabilities is None else ["ALL"],
        "CapAdd": list(container.capabilities or ()),
        "Tmpfs": dict.fromkeys(container.scratch, ""),
        "Mounts": [_mount(inside, what) for inside, what in container.mounts.items()],
        "LogConfig": {
            "Type": "json-file",
            "Config": {"max-size": str(logging.bytes), "max-file": str(logging.files)},
        },
    }
    if limits.memory_bytes:
        host |= {"Memory": limits.memory_bytes, "MemorySwap": limits.memory_bytes}
    if limits.cpu:
        host["NanoCpus"] = int(limits.cpu * 1e9)
    if limits.pids:
        host["PidsLimit"] = limits.pids
    if limits.open_files:
        host["Ulimits"] = [{"Name": "nofile", "Soft": limits.open_files, "Hard": limits.open_files}]
    if address.port and address.network != "host":
        published = {"HostIp": address.host, "HostPort": str(address.port)}
        host["PortBindings"] = {f"{address.inside}/tcp": [published]}
    return host


def _mount(inside: str, what: str) -> dict[str, Any]:
    """``/srv/data`` is a folder of the machine, ``data`` a volume; ``:ro`` behind it closes it for writing."""
    source, _, mode = what.partition(":")
    kind = "bind" if source.startswith("/") else "volume"
    return {"Type": kind, "Source": source, "Target": inside, "ReadOnly": mode == "ro"}


def _folders(spec: InstanceSpec) -> list[str]:
    """Volumes of its own: they can be filled before it starts, also below a root that is closed for writing."""
    words = (*spec.command, *spec.container.entrypoint, *spec.env.values())
    work = bool(spec.files) or any(template.mentions(word, "work") for word in words)
    return [*([VOLUME] if work else []), *([SECRETS] if spec.secrets else [])]


# --- what is filled in ---


def _places(spec: InstanceSpec, address: Address) -> dict[str, str]:
    return {
        "host": address.bind,
        "port": str(address.inside),
        "work": WORK,
        **{f"files.{name}": f"{WORK}/{name}" for name in spec.files},
        **{f"secrets.{name}": f"{SECRETS}/{name}" for name in spec.secrets},
    }


def _filled(word: str, places: Mapping[str, str]) -> str:
    def place(name: str) -> str | None:
        if name in places or name.partition(".")[0] not in ("artifact", "files", "secrets"):
            return places.get(name)
        known = ", ".join(f"{{{one}}}" for one in places)
        because = f"{{{name}}} has no meaning for this component on a target for containers (there are: {known})."
        raise Invalid([Problem("lockgate.yaml", None, "run", because, "Mend the name, or add it to the component.")])

    return template.finish(word, place)


def _environment(
    instance: InstanceId, key: Key, spec: InstanceSpec, address: Address, places: Mapping[str, str]
) -> dict[str, str]:
    return {
        "LOCKGATE_APPLICATION": key.application,
        "LOCKGATE_ENVIRONMENT": key.environment,
        "LOCKGATE_COMPONENT": key.component,
        **({"LOCKGATE_CELL": key.cell} if key.cell else {}),
        "LOCKGATE_REVISION": spec.revision,
        "LOCKGATE_INSTANCE": instance,
        **({"HOST": address.bind, "PORT": str(address.inside)} if address.port else {}),
        **{name: _filled(text, places) for name, text in spec.env.items()},
    }


# --- what is put in before it starts ---


def cargo(spec: InstanceSpec, trees: Mapping[str, Tree], revealed: Mapping[str, Secret], user: str) -> Cargo:
    """Folder inside -> tar archive of what is copied there. ``user``: whose the files are, as the image or the spec
    says it. Raises ``OSError``."""
    owner = _owner(user)
    made: Cargo = {}
    folders = _folders(spec)
    if VOLUME in folders:
        made[VOLUME] = _files(trees, owner)
    if SECRETS in folders:
        made[SECRETS] = _secrets(revealed, owner)
    return made


def _owner(user: str) -> Owner:
    """None: a name, which only the image knows how to read."""
    uid, _, gid = (user or "0").partition(":")
    if not uid.isdigit() or (gid and not gid.isdigit()):
        return None
    return int(uid), int(gid or 0)


def _files(trees: Mapping[str, Tree], owner: Owner) -> IO[bytes]:
    with contextlib.ExitStack() as unless_done:
        out = unless_done.enter_context(tempfile.TemporaryFile())
        with tarfile.open(fileobj=out, mode="w") as tar:
            _add_folder(tar, PurePosixPath(WORK).name, 0o755 if owner else 0o777, owner)
            for name, tree in trees.items():
                # Kept files are links or shared; copied, they are the instance's own.
                inside = f"{PurePosixPath(WORK).name}/{name}"
                tar.add(os.path.realpath(str(tree.root)), inside, filter=lambda entry: _readable(entry, owner))
        out.seek(0)
        unless_done.pop_all()
    return out


def _secrets(revealed: Mapping[str, Secret], owner: Owner) -> IO[bytes]:
    # Not on disk.
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, secret in revealed.items():
            data = secret.reveal().encode()
            entry = _owned(tarfile.TarInfo(name), owner)
            entry.size, entry.mode = len(data), READ if owner else READ_ALL
            tar.addfile(entry, io.BytesIO(data))
    out.seek(0)
    return out


def _add_folder(tar: tarfile.TarFile, name: str, mode: int, owner: Owner) -> None:
    entry = _owned(tarfile.TarInfo(name), owner)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def _readable(entry: tarfile.TarInfo, owner: Owner) -> tarfile.TarInfo:
    """By its program, also when nobody here knows whose that is."""
    if owner is None:
        entry.mode |= (entry.mode & 0o500) >> 6
    return _owned(entry, owner)


def _owned(entry: tarfile.TarInfo, owner: Owner) -> tarfile.TarInfo:
    entry.uid, entry.gid = owner or (0, 0)
    entry.uname = entry.gname = ""
    return entry
