"""Secret: a text that is never shown, and where one is kept. A plan holds where, and which content that was: by its
version, or by a fingerprint. Only the instance gets the text."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from lockgate.core.ids import LATER, Instant

LONGEST = 1024 * 1024
"""Bytes of one secret: more is a mistake, and would have to be looked for in everything an instance prints."""


class SecretStore(StrEnum):
    """Where a secret is kept."""

    FILE = "file"
    """A file that the server can read; its last line break does not count."""
    VARIABLE = "variable"
    """An environment variable of the server."""
    KEPT = "kept"
    """Lockgate's own store, encrypted, with every version."""
    VAULT = "vault"
    """HashiCorp Vault, or what speaks its API: the key-value store, version 2."""


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is kept, and by which name. As an environment's owner wrote it, it means the newest content;
    *pinned*, as in a plan, it means the one that was there when the plan was made."""

    store: SecretStore
    name: str
    """Absolute path, name of the variable, name in Lockgate's own store, or path in Vault."""
    key: str = field(default="", metadata=LATER)
    """Of what lies at Vault's path."""
    environment: str = field(default="", metadata=LATER)
    """Whose secret it is in Lockgate's own store; known once it is pinned."""
    version: int | None = field(default=None, metadata=LATER)
    """In a store that has versions; None: the newest."""
    fingerprint: str = field(default="", metadata=LATER)
    """Of the content when it was pinned, where the store has no versions."""

    def __str__(self) -> str:
        name = f"{self.store.value} {self.name}" + (f"#{self.key}" if self.key else "")
        return name if self.version is None else f"{name} version {self.version}"

    @property
    def pinned(self) -> bool:
        return self.version is not None or bool(self.fingerprint)

    @property
    def content(self) -> str:
        """Which content it is, in words; empty: whatever is there."""
        return f"version {self.version}" if self.version is not None else self.fingerprint

    @property
    def anyhow(self) -> "SecretSource":
        """The same place, whatever is there."""
        return replace(self, version=None, fingerprint="")


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One content that a secret of Lockgate's own store has had. It never changes; it may be removed."""

    environment: str
    name: str
    version: int
    """1, 2, 3 ... A number is never used again."""
    fingerprint: str
    at: Instant
    actor: str
    removed_at: Instant | None = None
    removed_by: str = ""


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
