"""One service of a compose file: each of its fields becomes one of a component, or is said to be left."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockgate.config import container
from lockgate.config.dockerfile import Image, http_path
from lockgate.config.scalars import VALUE_NAME, VARIABLE

_USUAL = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "SETGID", "SETUID", "SETFCAP", "SETPCAP", "NET_BIND_SERVICE",
    "SYS_CHROOT", "KILL",
)  # fmt: skip
"""What Lockgate leaves of the engine's usual capabilities."""
NOT_HTTP = frozenset({22, 25, 53, 389, 636, 1433, 1521, 1883, 2181, 3306, 4222, 5432, 5672, 6379, 9092, 11211, 27017})
_PRIVATE = re.compile(r"PASS(WORD|WD|PHRASE)?$|PASSWORD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL", re.IGNORECASE)


@dataclass
class Service:
    """While its part is made."""

    name: str
    written: Mapping[str, Any]
    folder: Path
    names: Mapping[str, str]
    """Service -> name of its component."""
    values: dict[str, str]
    """Those that are found to be needed."""
    fields: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    container: dict[str, Any] = field(default_factory=dict)
    image: Image = field(default_factory=Image)

    def leave(self, what: str, why: str) -> None:
        self.left.append(plain(f"{what}: {why}"))


def plain(text: object) -> str:
    """Fit to stand in a comment."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in str(text)))[:300].strip()


# --- filling in ---

_VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<bare>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-?+])(?P<word>[^}]*))?\})"
)


def filled(text: str, unknown: Callable[[str], Any]) -> str:
    """With the defaults that variables have; ``unknown`` gives or notes what stands for one without."""

    def value(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        if found["how"] in ("-", ":-"):
            return found["word"]
        return str(unknown(found["name"] or found["bare"]) or "")

    return _VARIABLE.sub(value, text)


def _template(service: Service, text: str) -> str:
    """For a command or a variable: braces doubled, variables as values of the environment."""
    pieces, place = [], 0
    for found in _VARIABLE.finditer(text):
        pieces.append(_doubled(text[place : found.start()]))
        place, name = found.end(), found["name"] or found["bare"]
        if found["dollar"]:
            pieces.append("$")
        elif found["how"] in ("+", ":+"):
            continue
        elif found["how"] in ("-", ":-") and not VALUE_NAME.matches(name):
            pieces.append(_doubled(found["word"]))
        else:
            default = found["word"] if found["how"] in ("-", ":-") else ""
            service.values.setdefault(name, default)
            pieces.append(f"{{values.{name}}}")
    return "".join([*pieces, _doubled(text[place:])])


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _words(service: Service, written: Any) -> list[str]:
    if isinstance(written, list):
        return [_template(service, str(word or "")) for word in written]
    try:
        return [_template(service, word) for word in shlex.split(str(written))]
    except ValueError:
        return []


# --- fields ---


def _command(service: Service, written: Any) -> None:
    words = _words(service, written)
    if words and words[0] and not re.match(r"[A-Za-z_]\w*=", words[0]):
        service.fields["run"] = words
    else:
        service.leave("command", "it does not begin with a word that can be run")


def _entrypoint(service: Service, written: Any) -> None:
    words = _words(service, written)
    if words and words[0] and not re.match(r"[A-Za-z_]\w*=", words[0]):
        service.container["entrypoint"] = words
    else:
        service.leave("entrypoint", "it does not begin with a word that can be run")


def _environment(service: Service, written: Any) -> None:
    pairs = written.items() if isinstance(written, dict) else (str(line).partition("=")[::2] for line in written or ())
    given = {}
    for name, text in pairs:
        if not VARIABLE.matches(name):
            service.leave(f"environment {name}", "it is no name of a variable here")
        elif text is None or (not text and not isinstance(written, dict)):
            service.leave(f"environment {name}", "it comes from the shell of whoever starts it")
        elif not isinstance(text, str):
            service.leave(f"environment {name}", "it is no text")
        elif _PRIVATE.search(name) and not name.endswith("_FILE"):
            why = "it looks like a secret; let the program read a file, and name it in `secrets`"
            service.leave(f"environment {name}", why)
        else:
            given[name] = _template(service, text)
    service.fields["env"] = given


def _ports(service: Service, written: Any) -> None:
    for one in written if isinstance(written, list) else ():
        port = _port_of(one)
        shown = plain(one if isinstance(one, str) else one.get("target") if isinstance(one, dict) else one)
        if port is None:
            service.leave(f"port {shown}", "only single TCP ports are known here")
        elif port in NOT_HTTP:
            service.leave(f"port {shown}", "it does not speak HTTP, which is all that Lockgate routes")
        elif "port" in service.container:
            service.leave(f"port {shown}", "a component has one port")
        else:
            service.container["port"] = port


def _port_of(one: Any) -> int | None:
    """Inside the container."""
    text = filled(str(one.get("target") if isinstance(one, dict) else one), lambda _: "")
    if isinstance(one, dict) and one.get("protocol") == "udp":
        return None
    found = re.fullmatch(r"(?:.*:)?(\d{1,5})(?:/tcp)?", text)
    return int(found[1]) if found and 0 < int(found[1]) < 65536 else None


def _expose(service: Service, written: Any) -> None:
    if "port" not in service.container and "ports" not in service.written:
        _ports(service, written)


def _depends(service: Service, written: Any) -> None:
    wanted = list(written) if isinstance(written, dict | list) else []
    service.fields["after"] = [service.names[str(name)] for name in wanted if str(name) in service.names]


def _healthcheck(service: Service, written: Any) -> None:
    test = written.get("test") if isinstance(written, dict) else None
    command = " ".join(str(word) for word in test) if isinstance(test, list) else str(test or "")
    if not isinstance(written, dict) or written.get("disable") == "true" or command.startswith("NONE"):
        return
    path = http_path(filled(command, lambda _: ""))
    if not path:
        service.leave("healthcheck", "it runs a command inside; Lockgate asks over HTTP, or whether the port is open")
    elif "port" in service.container:
        service.fields["health"] = {"path": path, **dict(_times(written))}
    else:
        service.leave("healthcheck", f"it asks for {path}, but nothing says which port requests come to")


def _times(written: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    timeout, interval = seconds(written.get("timeout")), seconds(written.get("interval"))
    if timeout is not None and 0.05 <= timeout <= 300:
        yield "timeout", f"{timeout:g}s"
    if interval is not None and 0.1 <= interval <= 3600:
        yield "interval", f"{interval:g}s"
    start = seconds(written.get("start_period"))
    if start is not None and 60 < start <= 3600:
        yield "start_within", f"{start:g}s"


def seconds(written: Any) -> float | None:
    """Of ``1m30s``, ``500ms``; None: it is no duration."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001}
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s|us)", str(written))
    if not parts or "".join(number + unit for number, unit in parts) != str(written):
        return None
    return sum(float(number) * units[unit] for number, unit in parts)


def _volumes(service: Service, written: Any) -> None:
    mounts = {}
    for one in written if isinstance(written, list) else ():
        what, inside, only_read, kind = _volume(one)
        shown = f"volume {what}:{inside}" if what else f"volume {inside}"
        mount = what + (":ro" if only_read else "")
        if kind == "tmpfs" and container.INSIDE.matches(inside):
            service.container.setdefault("scratch", []).append(inside)
        elif what.endswith("docker.sock"):
            service.leave(shown, "whoever has it owns the machine; write it under `mounts` if that is meant")
        elif what.startswith((".", "~")):
            service.leave(shown, "an environment knows no repository; use `files`, or a folder from / on")
        elif not what or not container.is_mount(what) or not container.INSIDE.matches(inside):
            service.leave(shown, "it names neither a folder from / on nor a volume")
        else:
            mounts[inside] = mount
    if mounts:
        service.container["mounts"] = mounts


def _volume(one: Any) -> tuple[str, str, bool, str]:
    """(what, folder inside, whether it is only read, kind)"""
    if isinstance(one, dict):
        only_read = str(one.get("read_only")).lower() == "true"
        return str(one.get("source") or ""), str(one.get("target") or ""), only_read, str(one.get("type") or "")
    what, _, rest = filled(str(one), lambda _: "").partition(":")
    if not rest:
        return "", what, False, ""
    inside, _, options = rest.partition(":")
    return what, inside, "ro" in options.split(","), ""


def _tmpfs(service: Service, written: Any) -> None:
    folders = [str(one).partition(":")[0] for one in (written if isinstance(written, list) else [written])]
    fit = [folder for folder in folders if container.INSIDE.matches(folder)]
    service.container["scratch"] = [*service.container.get("scratch", []), *fit]


def _user(service: Service, written: Any) -> None:
    user = filled(str(written), lambda _: "")
    if container.USER.matches(user):
        service.container["user"] = user
    else:
        service.leave("user", f"{written} is no user of an image")


def _read_only(service: Service, written: Any) -> None:
    if str(written).lower() == "true":
        service.container["read_only"] = True


def _privileged(service: Service, written: Any) -> None:
    if str(written).lower() == "true":
        service.leave("privileged", "name the `capabilities` that it needs; devices are not given to containers")


def _capabilities(service: Service, _: Any) -> None:
    def names(field_name: str) -> list[str]:
        written = service.written.get(field_name)
        return [str(name).upper().removeprefix("CAP_") for name in written] if isinstance(written, list) else []

    added, dropped = names("cap_add"), names("cap_drop")
    left = [] if "ALL" in dropped else [name for name in _USUAL if name not in dropped]
    wanted = list(dict.fromkeys([*left, *added]))
    for name in wanted:
        if name not in container.CAPABILITIES:
            service.leave(f"cap_add {name}", "it is no capability by itself")
    service.container["capabilities"] = [name for name in wanted if name in container.CAPABILITIES]


def _stop_signal(service: Service, written: Any) -> None:
    name = str(written).upper().removeprefix("SIG")
    if name in ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL"):
        service.fields.setdefault("stop", {})["signal"] = name
    else:
        service.leave("stop_signal", f"{written} is not one that Lockgate sends")


def _stop_grace(service: Service, written: Any) -> None:
    grace = seconds(written)
    if grace is not None and grace <= 3600:
        service.fields.setdefault("stop", {})["grace"] = f"{grace:g}s"
    else:
        service.leave("stop_grace_period", f"{written} is no time here")


def _deploy(service: Service, written: Any) -> None:
    deploy = written if isinstance(written, dict) else {}
    replicas = str(deploy.get("replicas") or service.written.get("scale") or "")
    if re.fullmatch(r"\d{1,4}", replicas) and 1 <= int(replicas) <= 1000:
        service.fields["replicas"] = int(replicas)
    resources = deploy.get("resources")
    limits = resources.get("limits") if isinstance(resources, dict) else None
    if isinstance(limits, dict):
        for name, what in {"mem_limit": "memory", "cpus": "cpus", "pids_limit": "pids"}.items():
            if limits.get(what) is not None:
                _limit(name)(service, limits[what])
    if isinstance(resources, dict) and "reservations" in resources:
        service.leave("deploy.resources.reservations", "Lockgate has limits only")


def _limit(name: str) -> Callable[[Service, Any], None]:
    def carry(service: Service, written: Any) -> None:
        field_name = {"mem_limit": "memory", "cpus": "cpu", "pids_limit": "pids"}[name]
        value = _amount(field_name, filled(str(written), lambda _: ""))
        if value is None:
            service.leave(name, f"{written} is no limit here")
        else:
            service.fields.setdefault("resources", {})[field_name] = value

    return carry


def _amount(name: str, text: str) -> str | int | float | None:
    if name == "memory":
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmg]?)(?:i?b)?", text.lower())
        size = (
            int(float(found[1]) * 1024 ** " kmg".index(found[2] if found[2] in "kmg" and found[2] else " "))
            if found
            else 0
        )
        return _size(size) if 2**22 <= size <= 2**44 else None
    if name == "cpu":
        return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) and 0.01 <= float(text) <= 1024 else None
    return int(text) if re.fullmatch(r"\d{1,7}", text) and 1 <= int(text) <= 4_000_000 else None


def _size(count: int) -> str:
    """In the greatest unit that makes it a whole number."""
    unit, name = next((unit, name) for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (1, "B")) if not count % unit)
    return f"{count // unit}{name}"


def _env_file(service: Service, written: Any) -> None:
    service.leave("env_file", f"write what {written} holds under `env`, `values` or `secrets`")


def _network_mode(service: Service, written: Any) -> None:
    if written != "host":
        service.leave("network_mode", "it is the environment's: `target: {docker: {network: ...}}`")


CARRIED: Mapping[str, Callable[[Service, Any], None]] = {
    "command": _command, "environment": _environment, "env_file": _env_file, "depends_on": _depends, "ports": _ports,
    "expose": _expose, "healthcheck": _healthcheck, "deploy": _deploy, "mem_limit": _limit("mem_limit"),
    "cpus": _limit("cpus"), "pids_limit": _limit("pids_limit"), "stop_signal": _stop_signal,
    "stop_grace_period": _stop_grace, "entrypoint": _entrypoint, "user": _user, "read_only": _read_only,
    "cap_drop": _capabilities, "cap_add": _capabilities, "volumes": _volumes, "tmpfs": _tmpfs,
    "privileged": _privileged, "network_mode": _network_mode,
}  # fmt: skip
