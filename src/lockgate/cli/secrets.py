"""Secrets: set, list, versions, remove, and a new master key. A secret is typed, piped or read from a file, never
written on the command line, where other users of the machine and the shell's history would see it."""

import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated

from cyclopts import App as Commands
from cyclopts import Parameter

from lockgate.cli.output import BAD, FAINT, GOOD, STRONG, Json, Line, Row, day, line, show, table
from lockgate.cli.surroundings import actor
from lockgate.client import Client
from lockgate.core.errors import Invalid, Problem
from lockgate.messages.secrets import (
    ChangeMasterKey,
    KeyChangeView,
    RemoveSecret,
    SecretVersionView,
    SecretView,
    SetSecret,
)

secret = Commands(name="secret", help="Keep secrets for environments.", help_format="plaintext")

Why = Annotated[str, Parameter(name="--reason", help="Why; kept in the audit log.")]


@secret.command(name="set")
def set_secret(
    env: str,
    name: str,
    /,
    *,
    file: Annotated[Path | None, Parameter(name=["--file", "-f"])] = None,
    reason: Why = "",
    json: Json = False,
) -> None:
    """Keep a secret for an environment, as its next version. Typed without being shown, or piped in.

    Parameters
    ----------
    env
        The environment.
    name
        The secret's name.
    file
        Read it from this file. A line break at its end does not count.
    """
    request = SetSecret(_text(env, name, file), reason, actor())
    view = Client().set_secret(env, name, request)
    show(view, json, lambda: set_lines(view))


def set_lines(view: SecretVersionView) -> list[Line]:
    what = f"{view.name} of {view.environment} is version {view.version} (fingerprint {view.fingerprint})."
    told = [line(("✔ ", GOOD), what)]
    if view.because:
        return [*told, line("  ", (view.because, FAINT), hang=2)]
    return [*told, line(("  What runs gets it with the next deployment.", FAINT))]


def _text(env: str, name: str, file: Path | None) -> str:
    """Raises Invalid, which repeats nothing of it."""
    try:
        if file is not None:
            data = file.read_bytes()
        elif sys.stdin.isatty():
            return _typed(env, name)
        else:
            data = sys.stdin.buffer.read()
        return data.decode().removesuffix("\n")
    except OSError as error:
        raise _refused(f"{file or 'standard input'} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise _refused("it is not text.", "Keep it in UTF-8, or in Base64.") from error


def _typed(env: str, name: str) -> str:
    first = getpass(f"{name} of {env}: ")
    if getpass("Once more: ") != first:
        raise _refused("the two are not the same.", "Nothing was changed; type it again.")
    return first


def _refused(because: str, mend: str = "") -> Invalid:
    return Invalid([Problem("command line", None, "", because, mend)])


@secret.command(name="list")
def list_secrets(env: str = "", /, *, json: Json = False) -> None:
    """Where secrets are kept and which version each has. What they are is never shown.

    Parameters
    ----------
    env
        Only of this environment.
    """
    found = Client().secrets(env)
    show(found, json, lambda: list_lines(found))


def list_lines(found: tuple[SecretView, ...]) -> list[Line]:
    if not found:
        return [line("No environment has secrets yet.")]
    rows: list[Row] = [
        [view.environment, line((view.name, STRONG)), view.store, _content(view), _since(view), _note(view)]
        for view in found
    ]
    return table(("ENVIRONMENT", "SECRET", "KEPT", "VERSION", "SET", ""), rows)


def _content(view: SecretView) -> str:
    version = f"{view.version} " if view.version is not None else ""
    return f"{version}{view.fingerprint}" or "-"


def _since(view: SecretView) -> str:
    return f"{day(view.at)} by {view.actor}" if view.at is not None else "-"


def _note(view: SecretView) -> Line:
    if view.because:
        return line((view.because, BAD if view.place else FAINT))
    return line((view.place if view.store != "kept" else "", FAINT))


@secret.command
def versions(env: str, name: str, /, *, json: Json = False) -> None:
    """The versions of a kept secret, and what needs them.

    Parameters
    ----------
    env
        The environment.
    name
        The secret's name.
    """
    found = Client().secret_versions(env, name)
    show(found, json, lambda: version_lines(found))


def version_lines(found: tuple[SecretVersionView, ...]) -> list[Line]:
    rows: list[Row] = [[str(v.version), v.fingerprint, f"{day(v.at)} by {v.actor}", _state(v)] for v in found]
    return table(("VERSION", "FINGERPRINT", "SET", ""), rows)


def _state(view: SecretVersionView) -> Line:
    if view.removed_at is not None:
        return line((f"removed {day(view.removed_at)} by {view.removed_by}", FAINT))
    return line(("; ".join(view.needed) or "nothing needs it", "" if view.needed else FAINT))


@secret.command
def remove(env: str, name: str, version: int, /, *, reason: Why = "", json: Json = False) -> None:
    """Remove a version of a kept secret. Refused while something runs with it or may go back to it.

    Parameters
    ----------
    env
        The environment.
    name
        The secret's name.
    version
        Its number. It is not used again.
    """
    view = Client().remove_secret(env, name, RemoveSecret(version, reason, actor()))
    show(view, json, lambda: [line(("✔ ", GOOD), f"Version {view.version} of {name} is gone from {env}.")])


@secret.command(name="rotate-key")
def rotate_key(
    *,
    re_encrypt: Annotated[bool, Parameter(negative="")] = False,
    lost: Annotated[bool, Parameter(negative="")] = False,
    reason: Why = "",
    json: Json = False,
) -> None:
    """Change the master key, while everything goes on. Interrupted, it is as before or done; do it again.

    Parameters
    ----------
    re_encrypt
        Make new data keys as well, and encrypt every version anew.
    lost
        The master key is gone for good: make another one, and give up every secret that it opened. Refused while it
        is there.
    """
    view = Client().change_master_key(ChangeMasterKey(re_encrypt, lost, reason, actor()))
    show(view, json, lambda: rotation_lines(view))


def rotation_lines(view: KeyChangeView) -> list[Line]:
    keys = "1 data key" if view.rewrapped == 1 else f"{view.rewrapped} data keys"
    told = [line(("✔ ", GOOD), f"The master key is {view.after} now, no more {view.before}; {keys} encrypted with it.")]
    if view.resealed:
        number = "1 version" if view.resealed == 1 else f"{view.resealed} versions"
        told.append(line(f"  {number} of secrets encrypted anew."))
    return [*told, *([line("  ", (view.mend, BAD), hang=2)] if view.mend else [])]
