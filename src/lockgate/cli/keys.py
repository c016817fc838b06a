"""The keys that sign releases, plans and the audit record."""

from pathlib import Path

from cyclopts import App as Commands

from lockgate.cli.output import FAINT, GOOD, STRONG, Json, Line, Row, day, line, show, table
from lockgate.cli.surroundings import Reason, actor
from lockgate.client import Client
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import short
from lockgate.messages.audit import KeysView, RotateKey

key = Commands(name="key", help="The keys that sign releases, plans and the audit record.", help_format="plaintext")


@key.command(name="list")
def list_keys(*, json: Json = False) -> None:
    """Every key that has signed, oldest first."""
    view = Client().keys()
    show(view, json, lambda: key_lines(view))


def key_lines(view: KeysView) -> list[Line]:
    rows: list[Row] = [
        [
            line((short(one.id), STRONG)),
            day(one.since),
            line(("signs", GOOD)) if one.until is None else line((f"until {day(one.until)}", FAINT)),
            one.id,
        ]
        for one in view.keys
    ]
    return table(("KEY", "SINCE", "", "ID"), rows)


@key.command
def rotate(*, reason: Reason = "", json: Json = False) -> None:
    """Make a new key, introduced by the old one. What the old one signed stays verifiable."""
    view = Client().rotate_key(RotateKey(reason, actor()))
    new = view.keys[-1]
    words = f"{short(new.id)} signs from now on. Give the public keys to whoever verifies: lockgate key export FILE"
    show(view, json, lambda: [line(("✔ ", GOOD), words)])


@key.command
def export(file: Path, /, *, json: Json = False) -> None:
    """Write the public keys to a file: what others verify with.

    Parameters
    ----------
    file
        Where to.
    """
    view = Client().keys()
    try:
        file.write_text(view.file)
    except OSError as error:
        raise Invalid([Problem(str(file), None, "", f"it cannot be written: {error.strerror}.")]) from error
    number = "1 public key" if len(view.keys) == 1 else f"{len(view.keys)} public keys"
    show(view, json, lambda: [line(("✔ ", GOOD), (str(file), STRONG), f" holds {number}.")])
