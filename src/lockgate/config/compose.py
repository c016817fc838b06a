"""A compose file, and what of each of its services a component can have. Source: the Compose Specification.

What has no counterpart is said in the proposal instead of being guessed at.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lockgate.config import document
from lockgate.config.dockerfile import Image, read_dockerfile
from lockgate.config.proposal import Containers, Part, fit_name
from lockgate.config.scalars import SECRET_NAME, VARIABLE
from lockgate.config.service import CARRIED, NOT_HTTP, Service, filled, plain
from lockgate.core.errors import Invalid
from lockgate.core.secret import SecretSource, SecretStore

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
REGISTRY = "registry.example.org"
"""Stands for the one that an image is still to be pushed to."""
_QUIETLY = frozenset({
    "image", "build", "container_name", "restart", "labels", "logging", "hostname", "init", "pull_policy", "platform",
    "profiles", "annotations", "attach", "stdin_open", "tty", "networks", "links", "scale", "deploy", "version",
})  # fmt: skip
"""Without a counterpart that anybody would miss, or looked at with others."""


def read_compose(folder: Path, name: str, text: str) -> Containers | None:
    """The components that its services can be; None: it holds none, or cannot be read."""
    try:
        root = _merged(plain_values(document.parse(text, name)))
    except Invalid:
        return None
    services = root.get("services")
    if not isinstance(services, dict):
        return None
    named = {service: fit_name(service) for service, what in services.items() if isinstance(what, dict)}
    if not named or len(set(named.values())) < len(named):
        return None
    values: dict[str, str] = {}
    secrets = _secrets(root.get("secrets"), folder)
    parts = [_part(Service(service, services[service], folder, named, values), name, secrets) for service in named]
    _give_paths(parts)
    notes = list(_notes(parts, values))
    used = {secret for part in parts for secret in part.fields.get("secrets", ())}
    kept = {secret: source for secret, source in secrets.items() if secret in used}
    because = f"{name} has the service{'s' if len(parts) > 1 else ''} {', '.join(part.name for part in parts)}."
    return Containers("compose", because, tuple(parts), values, kept, tuple(notes))


def plain_values(node: document.Node) -> Any:
    """Texts, lists and tables; None for nothing."""
    if isinstance(node, document.Table):
        return {name: plain_values(child) for name, child in node.entries.items()}
    if isinstance(node, document.Sequence):
        return [plain_values(item) for item in node.items]
    return None if node.is_nothing else node.text


def _merged(value: Any) -> Any:
    """``<<`` replaced by what it stands for."""
    if isinstance(value, list):
        return [_merged(item) for item in value]
    if not isinstance(value, dict):
        return value
    merged: dict[str, Any] = {}
    others = value.get("<<")
    for other in reversed(others if isinstance(others, list) else [others]):
        merged.update(_merged(other) if isinstance(other, dict) else {})
    return {**merged, **{name: _merged(what) for name, what in value.items() if name != "<<"}}


def _part(service: Service, source: str, secrets: Mapping[str, SecretSource]) -> Part:
    artifact, fill_in = _artifact(service)
    _from_image(service)
    for name, carry in CARRIED.items():
        if service.written.get(name) is not None:
            carry(service, service.written[name])
    _read_secrets(service, secrets)
    if "port" not in service.container:
        service.fields.pop("health", None)
    known = {*CARRIED, *_QUIETLY, "secrets", *(n for n in service.written if n.startswith("x-"))}
    for name in service.written:
        if name not in known:
            service.leave(name, "Lockgate has nothing like it")
    order = ("run", "env", "secrets", "after", "path", "health", "replicas", "resources", "stop", "container")
    if service.container:
        service.fields["container"] = service.container
    fields = {name: service.fields[name] for name in order if service.fields.get(name)}
    return Part(
        service.names[service.name],
        plain(f"The service {service.name} of {source}."),
        artifact,
        fill_in,
        fields,
        tuple(service.left),
    )


def _artifact(service: Service) -> tuple[str, str]:
    """The image, and why it is not the real one yet."""
    build, image = service.written.get("build"), service.written.get("image")
    missing: list[str] = []
    if build is not None:
        service.image = _built(service.folder, build)
    name = filled(str(image), missing.append) if isinstance(image, str) else ""
    if name and not missing and re.fullmatch(r"[!-z|~]+", name):
        ours = build is not None and "." not in name.partition("/")[0] and ":" not in name.partition("/")[0]
        name = f"{REGISTRY}/{name}" if ours else name
        if not {":", "@"} & set(name.rpartition("/")[2]):
            name += ":latest"  # which compose means then
        return name, "build this image, push it to a registry, and write that registry here." if ours else ""
    stand_in = f"{REGISTRY}/{service.names[service.name]}:1"
    if missing:
        return stand_in, plain(f"the image is {image}, and nothing says what {missing[0]} is.")
    return stand_in, "the service is built from a Dockerfile: build it, push it to a registry, and write its name here."


def _built(folder: Path, build: Any) -> Image:
    """What its Dockerfile says, if that lies below the folder."""
    table = build if isinstance(build, dict) else {"context": build}
    path = folder / str(table.get("context") or ".") / str(table.get("dockerfile") or "Dockerfile")
    try:
        if path.resolve().is_relative_to(folder.resolve()):
            return read_dockerfile(path.read_text(errors="replace")[: 256 * 1024])
    except (OSError, ValueError):
        pass
    return Image()


def _from_image(service: Service) -> None:
    """What its Dockerfile says, where the service itself may not."""
    port = service.image.port
    if port and port not in NOT_HTTP and not {"ports", "expose"} & set(service.written):
        service.container["port"] = port
    if service.image.health and "healthcheck" not in service.written:
        service.fields["health"] = service.image.health


# --- secrets ---


def _secrets(written: Any, folder: Path) -> dict[str, SecretSource]:
    """Those of the file whose place is known."""
    found = {}
    for name, where in (written if isinstance(written, dict) else {}).items():
        if not isinstance(where, dict) or not SECRET_NAME.matches(name):
            continue
        if isinstance(where.get("file"), str) and "$" not in where["file"]:
            path = (folder / where["file"]).absolute()
            found[name] = SecretSource(SecretStore.FILE, re.sub(r"/(\./)+", "/", str(path)))
        elif VARIABLE.matches(str(where.get("environment") or "")):
            found[name] = SecretSource(SecretStore.VARIABLE, where["environment"])
    return found


def _read_secrets(service: Service, known: Mapping[str, SecretSource]) -> None:
    """They lie in /run/secrets, as compose has them."""
    written = service.written.get("secrets")
    names = [
        str(one.get("source") if isinstance(one, dict) else one)
        for one in (written if isinstance(written, list) else ())
    ]
    for name in names:
        if name in known:
            service.fields.setdefault("secrets", []).append(name)
        else:
            service.leave(f"secret {name}", "nothing says where it is kept")


# --- all of them together ---


def _give_paths(parts: Sequence[Part]) -> None:
    """No two may serve the same requests: the first has /, the others a prefix of their own."""
    routed = [part for part in parts if "port" in part.fields.get("container", {})]
    for part in routed[1:]:
        part.fields["path"] = f"/{part.name}"  # type: ignore[index]  # made here, a dict


def _notes(parts: Sequence[Part], values: Mapping[str, str]) -> Iterator[str]:
    for part in parts:
        if part.fill_in:
            yield f"{part.name}: {part.fill_in[0].upper()}{part.fill_in[1:]}"
    empty = [name for name, text in values.items() if not text]
    if empty:
        yield f"Fill in the values {', '.join(empty)} in lockgate.yaml."
    if any(part.left for part in parts):
        yield "Read what could not be carried over: lockgate.yaml says it at each component."
    if len(parts) > 1:
        yield "Components do not find each other by name, as services do: give them addresses in `values`."
    kept = [part.name for part in parts if any(not m.endswith(":ro") for m in _mounts(part).values())]
    if kept:
        yield f"Look at what {', '.join(kept)} keeps: old and new instances share it while a release is deployed."


def _mounts(part: Part) -> Mapping[str, str]:
    found: Mapping[str, str] = part.fields.get("container", {}).get("mounts", {})
    return found
