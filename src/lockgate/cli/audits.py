"""The record of who did what: look at it, take it along, and prove it where there is no server."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App as Commands
from cyclopts import Parameter

from lockgate.cli.moments import recorded
from lockgate.cli.output import BAD, FAINT, GOOD, STRONG, Json, Line, Row, day, first_line, line, now, show, table
from lockgate.client import Client
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import short
from lockgate.messages import AuditView, EventView
from lockgate.messages.audit import Verification

audit = Commands(name="audit", help="Who did what, when and why.", help_format="plaintext")

Since = Annotated[
    str, Parameter(name="--since", help="Not before: 2026-11-20, 2026-11-20T14:30 (UTC), or 12h, 7d ago.")
]
Until = Annotated[str, Parameter(name="--until", help="Before: the same.")]


@audit.default
def entries(
    *,
    actor: str = "",
    application: Annotated[str, Parameter(name=["--application", "--app"])] = "",
    environment: Annotated[str, Parameter(name=["--environment", "--env"])] = "",
    kind: str = "",
    since: Since = "",
    until: Until = "",
    after: int | None = None,
    limit: int = 100,
    json: Json = False,
) -> int:
    """Who did what, when and why: the newest entries. The exit code is 1 if the chain is broken.

    Parameters
    ----------
    actor
        Only what this one did.
    application
        Only of this application.
    environment
        Only of this environment.
    kind
        Only of this kind, such as deployment.requested.
    after
        Entries after this number, oldest first.
    limit
        How many at most.
    """
    asked: dict[str, str | int] = {"actor": actor, "application": application, "environment": environment}
    asked |= {"kind": kind, "since": recorded(since, now(), "--since"), "until": recorded(until, now(), "--until")}
    order = "newest" if after is None else "oldest"
    view = Client().audit(after or 0, limit, order, **asked)
    show(view, json, lambda: [*audit_lines(view.entries), *chain_lines(view)])
    return 0 if view.whole else 1


def audit_lines(found: Iterable[EventView]) -> list[Line]:
    rows: list[Row] = [
        [str(e.seq), day(e.at), line((_who(e), STRONG)), e.kind, _subject(e), first_line(e.because)] for e in found
    ]
    return table(("NO", "WHEN", "WHO", "WHAT", "OF", ""), rows) if rows else []


def _who(entry: EventView) -> str:
    return f"{entry.actor} ({entry.address})" if entry.address else entry.actor


def _subject(entry: EventView) -> str:
    place = f"{entry.application}/{entry.environment}" if entry.environment else entry.application
    return " ".join(part for part in (place, entry.deployment or entry.release) if part)


def chain_lines(view: AuditView) -> list[Line]:
    if view.whole:
        return [line(("✔ ", GOOD), "The audit chain is whole: no entry has been changed, added between or taken out.")]
    because = f"The audit chain is broken at entry {view.broken_at}: it or one before it has been changed."
    return [line(("✘ ", BAD), because, hang=2)]


# --- taken along ---


@audit.command
def export(
    file: Path,
    /,
    *,
    since: Since = "",
    until: Until = "",
    form: Annotated[Literal["jsonl", "cef"], Parameter(name="--format")] = "jsonl",
    json: Json = False,
) -> None:
    """Write the record to a file, with the signatures that prove it.

    To prove it elsewhere, take the public keys along, too: lockgate key export KEYS.

    Parameters
    ----------
    file
        Where to; one that is there is replaced when the export is whole.
    form
        jsonl can be verified; cef (ArcSight) is for collectors of logs, and proves nothing.
    """
    span = recorded(since, now(), "--since"), recorded(until, now(), "--until")
    size, lines = _written(file, Client().export_audit(*span, form))
    ending = line(("✔ ", GOOD), (str(file), STRONG), f" holds {lines} lines, {size} bytes.")
    keys = line(("  The keys to prove it with: ", FAINT), "lockgate key export KEYS")
    prove = line(("  Prove it, also offline: ", FAINT), f"lockgate audit verify {file} --keys KEYS")
    value = {"file": str(file), "lines": lines, "bytes": size, "format": form}
    show(value, json, lambda: [ending, keys, prove] if form == "jsonl" else [ending])


def _written(file: Path, pieces: Iterable[bytes]) -> tuple[int, int]:
    """Bytes and lines. The file is replaced only by a whole one. Raises :class:`Invalid` when it cannot be written."""
    size = lines = 0
    try:
        handle, name = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
    except OSError as error:
        raise _no_file(file, f"it cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(handle, "wb") as temporary:
            for piece in pieces:
                temporary.write(piece)
                size, lines = size + len(piece), lines + piece.count(b"\n")
        Path(name).replace(file)
    except OSError as error:
        raise _no_file(file, f"it cannot be written: {error.strerror}.") from error
    finally:
        Path(name).unlink(missing_ok=True)
    return size, lines


# --- proved ---


@audit.command
def verify(
    file: Path | None = None,
    /,
    *,
    keys: Path | None = None,
    trust: str = "",
    json: Json = False,
) -> int:
    """Prove that nothing of the record is changed, missing or moved; the exit code is 1 if something is.

    With a file and keys it needs no server. Without a file the server reads its own record anew.

    Parameters
    ----------
    file
        An export as JSON lines.
    keys
        The public keys, as lockgate key export writes them, or PEM.
    trust
        Id, or its beginning, of the one key to trust; others only as far as it has introduced them.
    """
    found = Client().verification() if file is None else verified(file, keys, trust)
    show(found, json, lambda: verification_lines(found))
    return 0 if found.whole else 1


def verified(file: Path, keys: Path | None, trust: str) -> Verification:
    """Of a file, offline."""
    from lockgate.core import keyring
    from lockgate.core.export import verify_export
    from lockgate.wiring.checks import signature_check

    if keys is None:
        raise Invalid([Problem("command line", None, "--keys", "it is missing.", "Get it with: lockgate key export")])
    check, where = signature_check(), keys
    try:
        ring = keyring.read(keys.read_bytes(), str(keys))
        ring = keyring.trusted(ring, trust, check) if trust else ring
        where = file
        with file.open("rb") as lines:
            report = verify_export(lines, ring, check)
    except OSError as error:
        raise _no_file(where, f"it cannot be read: {error.strerror}.") from error
    span = report.entries, report.first, report.last, report.days
    return Verification(report.whole, *span, report.keys, report.because, report.line)


def verification_lines(found: Verification) -> list[Line]:
    if not found.whole:
        where = f"Line {found.line}: " if found.line else ""
        return [line(("✘ ", BAD), f"{where}{found.because}", hang=2)]
    span = f"{found.first} to {found.last}" if found.entries else "none"
    signed = ", ".join(short(key) for key in found.keys)
    words = f"{found.entries} entries ({span}) are as they were recorded: none is changed, missing or moved."
    lines = [line(("✔ ", GOOD), words)]
    days = "1 day" if found.days == 1 else f"{found.days} days"
    return [*lines, line((f"  {days} signed; keys: {signed or 'none yet'}", FAINT))]


def _no_file(file: Path, because: str) -> Invalid:
    return Invalid([Problem(str(file), None, "", because)])
