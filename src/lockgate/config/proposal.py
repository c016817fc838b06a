"""What ``lockgate init`` writes: the texts of both files, with comments, from the few facts a project gives."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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
        "# What this application is made of and how it runs. It names no environment: those are in environments.yaml.",
        "# `lockgate check` tells what is wrong here, with line numbers.",
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
