"""What a container engine says of itself, for ``lockgate doctor``: whether it is there, and fit for Lockgate.

Source of the protocol: Docker Engine API, ``GET /version`` and ``GET /info``; Podman's service answers the same.
"""

import os
import shutil
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from lockgate.messages import Usable

SOCKET = "unix:///var/run/docker.sock"
OLDEST = (1, 41)
"""Version of the API that Lockgate speaks, of Docker 20.10."""
PATIENCE = 3.0
"""Seconds for an answer."""
_LIMITS = {"MemoryLimit": "memory", "CpuCfsQuota": "processors", "PidsLimit": "processes"}
_TOO_LARGE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where an engine is, as ``environments.yaml`` says it."""

    url: str = ""
    """Empty: what ``DOCKER_HOST`` names, or the usual socket."""
    tls: str = ""
    """Folder with ``ca.pem``, ``cert.pem`` and ``key.pem``."""
    whose: tuple[str, ...] = ()
    """Environments whose instances it runs."""

    @property
    def place(self) -> str:
        return self.url or os.environ.get("DOCKER_HOST") or SOCKET


@dataclass(frozen=True, slots=True)
class _Unreachable(Exception):
    because: str
    mend: str


def look_at(engine: EngineAddress) -> Iterator[Usable]:
    """First whether it is there; then, of one that is, what of it is not as it should be."""
    subject = f"Docker of {', '.join(engine.whose)}" if engine.whose else "Docker"
    if engine.place.startswith("ssh://"):
        yield _over_ssh(subject, engine.place)
        return
    try:
        version, info = _asked(engine)
    except _Unreachable as fault:
        mend = fault.mend if engine.whose else f"{fault.mend} Only containers need it."
        yield Usable(subject, False, fault.because, mend)
        return
    yield _spoken(subject, engine, version, info)
    yield from _survival(subject, version, info)
    yield from _limits(subject, info)


def _over_ssh(subject: str, place: str) -> Usable:
    if shutil.which("ssh") is None:
        return Usable(subject, False, f"{place} is reached by ssh, which is not on the PATH.", "Install OpenSSH.")
    return Usable(subject, True, f"{place} is reached by ssh when something is deployed; it was not looked at.")


# --- asking ---


def _asked(engine: EngineAddress) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Version and info. Raises :class:`_Unreachable`."""
    parts = urlsplit(engine.place)
    if parts.scheme == "unix":
        _knock(engine.place, parts.path)
        transport, base = httpx2.HTTPTransport(uds=parts.path, trust_env=False), "http://docker"
    elif parts.scheme in ("tcp", "http", "https"):
        secure = bool(engine.tls)
        context = _context(Path(engine.tls)) if secure else True
        transport = httpx2.HTTPTransport(verify=context, trust_env=False)
        base = f"{'https' if secure else 'http'}://{parts.netloc}"
    else:
        because = f"{engine.place} is no address of an engine."
        raise _Unreachable(because, "Set DOCKER_HOST to unix:///path, tcp://host:port or ssh://user@host.")
    try:
        with httpx2.Client(transport=transport, base_url=base, timeout=PATIENCE, trust_env=False) as client:
            return _answer(client, engine.place, "/version"), _answer(client, engine.place, "/info")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        because = f"{engine.place} does not answer: {str(error) or type(error).__name__}."
        raise _Unreachable(because, "Start the engine there, or name another one.") from error


def _knock(place: str, path: str) -> None:
    """The errors of a socket tell more than those of HTTP."""
    mends = {
        FileNotFoundError: "Install Docker and start it, or name another engine with DOCKER_HOST.",
        ConnectionRefusedError: "Start the engine: its socket is there, but nobody listens.",
        PermissionError: "Add this user to the group docker and log in again: usermod -aG docker NAME.",
    }
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PATIENCE)
            probe.connect(path)
    except OSError as error:
        because = f"{place} does not answer: {error.strerror or error}."
        raise _Unreachable(because, mends.get(type(error), "Start the engine, or name another one.")) from error


def _context(folder: Path) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    except OSError as error:  # which an SSLError is too
        because = f"The certificates in {folder} cannot be used: {error.strerror or error}."
        raise _Unreachable(because, "Put ca.pem, cert.pem and key.pem there, readable for the server.") from error
    return context


def _answer(client: httpx2.Client, place: str, path: str) -> Mapping[str, Any]:
    response = client.get(path)
    try:
        found = response.json() if response.is_success and len(response.content) < _TOO_LARGE else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        because = f"{place} answers {response.status_code} to {path}, as no container engine does."
        raise _Unreachable(because, "Name the address of an engine.")
    return found


# --- judging ---


def _spoken(subject: str, engine: EngineAddress, version: Mapping[str, Any], info: Mapping[str, Any]) -> Usable:
    newest = _number(version.get("ApiVersion"))
    name = "Podman" if _is_podman(version) else "Docker"
    said = f"{name} {version.get('Version', '?')} (API {version.get('ApiVersion', '?')}) at {engine.place}"
    if newest < OLDEST:
        mend = "Install Docker 20.10 or newer."
        because = f"{said}: Lockgate needs API {'.'.join(map(str, OLDEST))}."
        return Usable(subject, False, because, mend)
    facts = [said, f"storage by {info.get('Driver', '?')}"]
    facts += ["rootless"] if _is_rootless(info) else []
    facts += ["its containers outlive it"] if info.get("LiveRestoreEnabled") or _is_podman(version) else []
    return Usable(subject, True, f"{', '.join(facts)}.")


def _survival(subject: str, version: Mapping[str, Any], info: Mapping[str, Any]) -> Iterator[Usable]:
    if info.get("LiveRestoreEnabled") or _is_podman(version):
        return
    because = "It has no live-restore: containers end whenever the daemon is restarted or upgraded."
    mend = 'Write "live-restore": true into its daemon.json (/etc/docker/daemon.json) and reload it.'
    yield Usable(f"{subject}: live-restore", False, because, mend)


def _limits(subject: str, info: Mapping[str, Any]) -> Iterator[Usable]:
    missing = [what for name, what in _LIMITS.items() if info.get(name) is False]
    if missing:
        because = f"It cannot limit {', '.join(missing)}: that part of `resources` is not applied."
        mend = (
            "Delegate the control groups to this user (systemd: Delegate=yes)."
            if _is_rootless(info)
            else ("Start its machine with those control groups (kernel: cgroup_enable=memory).")
        )
        yield Usable(f"{subject}: limits", False, because, mend)


def _is_podman(version: Mapping[str, Any]) -> bool:
    parts = version.get("Components")
    names = [str(part.get("Name")) for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return any(name.startswith("Podman") for name in names)


def _is_rootless(info: Mapping[str, Any]) -> bool:
    options = info.get("SecurityOptions")
    return isinstance(options, list) and any("rootless" in str(option) for option in options)


def _number(text: object) -> tuple[int, ...]:
    parts = str(text).split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else OLDEST
