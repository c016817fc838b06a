"""What ``lockgate init`` writes: the texts of both files, with comments, from the few facts a project gives."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgate.core.secret import SecretSource

APPLICATION_FILE = "lockgate.yaml"
ENVIRONMENTS_FILE = "environments.yaml"


@dataclass(frozen=True, slots=True)
class Draft:
    """What was found out about one service."""

    kind: str
    """``datasette``, ``static site`` ..., for people."""
    because: str
    """What it was recognised by, as a sentence."""
    artifact: str
    run: str
    health: str = ""
    """Path; empty: the open port is enough."""
    files: Mapping[str, str] = field(default_factory=dict)
    contains: str = ""
    """Text that its answer to ``check`` holds."""
    check: str = "/"
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further files to write, so that it works at once."""
    notes: tuple[str, ...] = ()
    """What is still to do or to look at, a sentence each."""


@dataclass(frozen=True, slots=True)
class Part:
    """What was found out about one component that runs as a container."""

    name: str
    source: str
    """Where it is written, for the comment above it."""
    artifact: str
    fill_in: str = ""
    """Why ``artifact`` is not the real one yet."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Field of the component -> text, number, list or table, as lockgate.yaml has it."""
    left: tuple[str, ...] = ()
    """What could not be carried over, a phrase each."""

    @property
    def path(self) -> str:
        """Of a check that it is there; empty: it takes no requests."""
        health, env = self.fields.get("health"), self.fields.get("env", {})
        routed = "port" in self.fields.get("container", {}) or "{port}" in env.values()
        path = str(health.get("path", "") if isinstance(health, Mapping) else health or "")
        return (path or str(self.fields.get("path", "/"))) if routed else ""


@dataclass(frozen=True, slots=True)
class Containers:
    """What was found out about an application of images."""

    kind: str
    because: str
    parts: tuple[Part, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    """What else was found in the folder, a sentence each."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Files to write, and what to tell the user about them."""

    kind: str
    because: str
    files: Mapping[str, str]
    """Name in the project's folder -> text: both of Lockgate's, and what else is needed."""
    notes: tuple[str, ...]


def propose(name: str, draft: Draft) -> Proposal:
    """``name``: of the application, already fit to be one."""
    files = {**draft.extra, APPLICATION_FILE: application_text(name, draft), ENVIRONMENTS_FILE: ENVIRONMENTS_TEXT}
    return Proposal(draft.kind, draft.because, files, draft.notes)


def propose_containers(name: str, found: Containers) -> Proposal:
    """``name``: of the application, already fit to be one."""
    files = {
        APPLICATION_FILE: containers_text(name, found),
        ENVIRONMENTS_FILE: _environments_of_containers(found.secrets),
    }
    return Proposal(found.kind, found.because, files, found.notes)


def fit_name(text: str) -> str:
    """The nearest name that Lockgate takes."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return words[:40].strip("-") or "application"


def quoted(text: str) -> str:
    """As a YAML scalar, in quotes wherever it could be taken for something else."""
    simple = re.fullmatch(r"[A-Za-z_./][A-Za-z0-9_./ @=+-]*(?::[A-Za-z0-9_./@=+-]+)*", text)
    safe = simple and text == text.strip() and text.lower() != "null"
    return text if safe else json.dumps(text, ensure_ascii=False)


def application_text(name: str, draft: Draft) -> str:
    lines = [
        *_HEAD,
        f"application: {name}",
        "components:",
        "  web:",
        f"    # What runs: kind:name. {draft.because}",
        f"    artifact: {quoted(draft.artifact)}",
    ]
    if draft.files:
        lines += ["    # Put into the working folder, which each instance has for its own: name there -> path here."]
        lines += ["    files:", *(f"      {quoted(there)}: {quoted(here)}" for there, here in draft.files.items())]
    lines += ["    # No shell reads this. Lockgate allots the port, and fills in {host}, {port} and {work}."]
    lines += [f"    run: {_command(draft.run)}"]
    if draft.health:
        lines += [
            "    # An instance gets traffic once this path has answered 2xx twice.",
            f"    health: {draft.health}",
        ]
    lines += ["    replicas: 2", *_END]
    lines += [f"  - http: {{path: {draft.check}, status: 200{_contains(draft.contains)}}}"]
    return "\n".join(lines) + "\n"


def containers_text(name: str, found: Containers) -> str:
    lines = [*_HEAD, f"# {found.because}", *(f"# {sentence} It was passed over." for sentence in found.besides)]
    lines += [f"application: {name}"]
    if found.values:
        lines += [
            "# Defaults for {values.NAME}; each environment may give its own. Fill in those that are empty.",
            "values:",
        ]
        lines += [f"  {key}: {quoted(text)}" for key, text in found.values.items()]
    lines += ["components:"]
    for part in found.parts:
        lines += part_lines(part)
    lines += _END[:2]
    asked = next((part.path for part in found.parts if part.path), "")
    if asked:
        lines += [*_END[2:], f"  - http: {{path: {quoted(asked)}, status: 200}}"]
    return "\n".join(lines) + "\n"


def part_lines(part: Part) -> Iterator[str]:
    """The component, below ``components:``."""
    yield f"  {part.name}:"
    yield f"    # {part.source}"
    if part.fill_in:
        yield f"    # TO BE FILLED IN: {part.fill_in}"
    yield f"    artifact: {quoted(f'oci:{part.artifact}')}"
    for name, value in part.fields.items():
        yield from _field_lines(name, value, "    ")
    yield from (f"    # Not carried over: {phrase}" for phrase in part.left)


def _field_lines(name: str, value: Any, margin: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield f"{margin}{quoted(name)}:"
        for inner, what in value.items():
            yield from _field_lines(inner, what, margin + "  ")
    else:
        yield f"{margin}{quoted(name)}: {_flow(value)}"


def _flow(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        # A comma ends a word here, so all of it is JSON, which YAML is too.
        return "[" + ", ".join(json.dumps(str(word), ensure_ascii=False) for word in value) + "]"
    return json.dumps(value)


def _environments_of_containers(secrets: Mapping[str, SecretSource]) -> str:
    """Each with the target docker, and with the secrets that components read."""
    lines = ["    # Instances are containers of this machine's engine.", "    target: docker"]
    if secrets:
        lines += ["    # Where each secret is kept that components may read.", "    secrets:"]
        lines += [
            f"      {name}: {{{source.store.value}: {json.dumps(source.name, ensure_ascii=False)}}}"
            for name, source in secrets.items()
        ]
    return re.sub(
        r"^    listen:.*$", lambda found: "\n".join([found[0], *lines]), ENVIRONMENTS_TEXT, flags=re.MULTILINE
    )


_HEAD = (
    "# What this application is made of and how it runs. It names no environment: those are in environments.yaml.",
    "# `lockgate check` tells what is wrong here, with line numbers.",
)
_END = (
    "# New instances beside the old ones, then all traffic at once. The others are rolling and recreate.",
    "strategy: blue-green",
    "# Asked of every new release, first without traffic and then with it. If it fails, the release is taken back.",
    "verify:",
)


def _command(run: str) -> str:
    return json.dumps(run, ensure_ascii=False) if run.startswith(("{", "[")) or ": " in run or " #" in run else run


def _contains(text: str) -> str:
    return f", contains: {json.dumps(text, ensure_ascii=False)}" if text else ""


ENVIRONMENTS_TEXT = """\
# The places releases are raised through, in order. Whoever runs the environments owns this file.
# Try `lockgate release create`, then `lockgate status`.
environments:
  dev:
    purpose: the newest release, at once
    # Where requests arrive: a port of this machine, for it alone.
    listen: 8081
    # A new release enters by itself.
    promote: automatic
  staging:
    # Only releases that have succeeded in dev come here; they do so by themselves.
    after: dev
    listen: 8082
    promote: automatic
  prod:
    # Only releases that have succeeded in staging come here, when somebody runs `lockgate promote --to prod`.
    after: staging
    purpose: what users get
    listen: 8083
    promote: on-demand
"""
