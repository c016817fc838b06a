"""Where instances live: the kinds of target, and what each of them is told."""

import re
from collections.abc import Iterator

from lockgate.config.form import At, Choice, Field, Form, Schema
from lockgate.config.scalars import Text, written
from lockgate.config.secrets import ABSOLUTE
from lockgate.core.environment import TargetSpec


class PortRange:
    """``20000-20999``, both ends included; kept as it is written, but for spaces."""

    def read(self, at: At) -> str:
        expected = "a range of ports such as 20000-20999"
        found = re.fullmatch(r"([0-9]{1,6})\s*-\s*([0-9]{1,6})", written(at, expected).text)
        if found is None:
            raise at.expected(expected)
        first, last = int(found[1]), int(found[2])
        if not 1024 <= first < last <= 65535:
            raise at.refused(f"{first}-{last} is not a range of free ports.", "Ports for instances are 1024 to 65535.")
        return f"{first}-{last}"

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^[0-9]{1,6}\s*-\s*[0-9]{1,6}$"}


class EngineAddress:
    """``unix:///path``, ``tcp://host:port`` or ``ssh://user@host``, as ``DOCKER_HOST`` has it."""

    _PATTERN = r"unix:///[^\s]+|tcp://[^\s/:@]+:[0-9]{1,5}|ssh://(?:[^\s/:@]+@)?[^\s/:@]+(?::[0-9]{1,5})?"

    def read(self, at: At) -> str:
        expected = "the address of a container engine, such as unix:///var/run/docker.sock"
        text = written(at, expected).text
        if re.fullmatch(self._PATTERN, text):
            return text
        if text.startswith("/"):
            raise at.expected(expected, f"Did you mean 'unix://{text}'?")
        if re.match(r"https?://", text):
            raise at.expected(expected, "Write tcp://host:port; with `tls` beside it, TLS is spoken.")
        raise at.expected(expected, "There are unix:///path, tcp://host:port and ssh://user@host.")

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^(?:{self._PATTERN})$"}


class HostAddress:
    """An IPv4 address, or a name that stands for one."""

    def read(self, at: At) -> str:
        expected = "an address such as 10.0.0.5"
        text = written(at, expected).text
        if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", text):
            raise at.expected(expected, "Write it without a port; IPv6 is not in this version.")
        return text

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1}


def _process(**settings: str) -> TargetSpec:
    return TargetSpec("process", settings)


def _docker(**settings: str) -> TargetSpec:
    return TargetSpec("docker", settings)


_USER = Text("a user of this machine", r"[A-Za-z_][A-Za-z0-9_.-]{0,63}|[0-9]{1,9}", "Write its name or number.")
_NETWORK = Text("host, or a network's name", r"[A-Za-z0-9][A-Za-z0-9_.-]*", "Networks have letters, digits, _ . and -.")
_PORTS = Field("ports", PortRange(), "Ports that instances here may be given: first-last.")
_PROCESS = Form(
    "the target process",
    _process,
    (
        _PORTS,
        Field("user", _USER, "User of this machine that instances run as; needs a server that runs as root."),
    ),
    hints={"engine": "Engines run containers: `target: {docker: {engine: ...}}`."},
)


def _useless_tls(target: TargetSpec) -> Iterator[tuple[str, str, str]]:
    engine = target.settings.get("engine", "")
    if "tls" in target.settings and engine and not engine.startswith("tcp://"):
        yield "tls", f"{engine} is not spoken to over TLS.", "Remove it, or write the engine as tcp://host:port."


_DOCKER = Form(
    "the target docker",
    _docker,
    (
        Field("engine", EngineAddress(), "Where the engine listens: unix:///path, tcp://host:port or ssh://user@host."),
        Field("tls", ABSOLUTE, "Folder with ca.pem, cert.pem and key.pem, for an engine at tcp://."),
        Field("network", _NETWORK, "host, or the engine's network that instances join, their ports published."),
        Field("address", HostAddress(), "Where instances are reached, if that is not the engine's machine by itself."),
        _PORTS,
    ),
    hints={
        "host": "Did you mean 'engine', or 'address'?", "socket": "Write `engine: unix:///path`.",
        "url": "Did you mean 'engine'?", "user": "It is the component's: `container: {user: ...}` in lockgate.yaml.",
        "registry": "It is part of an image's name; sign in with `docker login` as the server's user.",
    },
    also=_useless_tls,
)  # fmt: skip
TARGET: Choice[TargetSpec] = Choice(
    "a kind of target",
    {"process": TargetSpec("process"), "docker": TargetSpec("docker")},
    {"process": _PROCESS, "docker": _DOCKER},
    hints={"podman": "Write `docker` with its engine: `docker: {engine: unix:///run/podman/podman.sock}`."},
    later=frozenset({"kubernetes", "ecs", "ssh", "hosts"}),
)
