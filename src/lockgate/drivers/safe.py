"""Where the secrets of environments are kept: looked up when an instance starts, and never written into a plan."""

import os
from collections.abc import Callable
from pathlib import Path

from lockgate.core.errors import ComponentMissing
from lockgate.core.secret import Secret, SecretSource, SecretStore

Reveal = Callable[[SecretSource], Secret]


def reveal(source: SecretSource) -> Secret:
    """As it is now. Raises :class:`ComponentMissing` when it is not there or cannot be read."""
    if source.store is SecretStore.VARIABLE:
        text = os.environ.get(source.name)
        if text is None:
            because = f"The secret in the environment variable {source.name} is not there."
            raise ComponentMissing(because, "Start the server with it.")
        return Secret(text)
    try:
        return Secret(Path(source.name).read_bytes().decode().removesuffix("\n"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        because = f"The secret in {source.name} cannot be read: {why}."
        raise ComponentMissing(because, "Put it there, readable for the server.") from error
