"""A key of the data folder: chance, made once, in a file that only its owner can read."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from lockgate.core.errors import Invalid, Problem
from lockgate.core.secret import Secret

BYTES = 32


def kept_key(path: Path) -> Secret:
    """Made if it is not there; two who come at once agree on one. Raises :class:`Invalid` where none is in it."""
    if not path.exists():
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the first byte
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(BYTES) + "\n")
            with suppress(FileExistsError):
                os.link(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
    text = path.read_text(encoding="ascii", errors="replace").strip()
    if len(text) < 2 * BYTES:
        because = "it holds no key."
        raise Invalid([Problem(str(path), None, "", because, "Remove the file; links sent before will not open then.")])
    return Secret(text)
