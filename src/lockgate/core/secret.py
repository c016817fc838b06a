"""Secret: a text that is never shown, and where one is kept. A plan holds where; only the instance gets the text."""

from dataclasses import dataclass
from enum import StrEnum


class SecretStore(StrEnum):
    """Where a secret is kept."""

    FILE = "file"
    """A file that the server can read; its last line break does not count."""
    VARIABLE = "variable"
    """An environment variable of the server."""


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is kept, and by which name."""

    store: SecretStore
    name: str
    """Absolute path, or name of the variable."""

    def __str__(self) -> str:
        return f"{self.store.value} {self.name}"


class Secret:
    """The text itself. However it is printed, logged or formatted, it is ``***``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Only for handing it over to whom it is meant for."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")
