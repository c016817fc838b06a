"""Where the secrets of environments are kept: looked up when an instance starts, and never written into a plan."""

import os
from collections.abc import Callable
from pathlib import Path

from lockgate.core.errors import ComponentMissing
from lockgate.core.secret import LONGEST, Secret, SecretSource, SecretStore

Reveal = Callable[[SecretSource], Secret]


def reveal(source: SecretSource) -> Secret:
    """As it is now. Raises :class:`ComponentMissing` when it is not there, cannot be read or is too long."""
    data = _of_variable(source.name) if source.store is SecretStore.VARIABLE else _of_file(Path(source.name))
    if len(data) > LONGEST:
        because = f"The secret in {source} is longer than {LONGEST // 1024} KiB."
        raise ComponentMissing(because, "Check that it is the right one.")
    try:
        return Secret(data.decode())
    except UnicodeDecodeError as error:
        raise ComponentMissing(f"The secret in {source} is not text.", "Keep it in UTF-8, or in Base64.") from error


def _of_variable(name: str) -> bytes:
    data = os.environb.get(name.encode())
    if data is None:
        because = f"The secret in the environment variable {name} is not there."
        raise ComponentMissing(because, "Start the server with it.")
    return data


def _of_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LONGEST + 2).removesuffix(b"\n")
    except OSError as error:
        because = f"The secret in {path} cannot be read: {error.strerror}."
        raise ComponentMissing(because, "Put it there, readable for the server.") from error
