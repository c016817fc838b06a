"""Sealed: what Lockgate's own store keeps of secrets and of the keys they are encrypted with. Nothing here is secret.

Each environment has data keys; the master key, which is elsewhere, encrypts those. So a new master key changes a few
rows, and whoever has the database alone has nothing.
"""

from dataclasses import dataclass

from lockgate.core.secret import SecretVersion

FINGERPRINTS = ""
"""The place of the key that fingerprints are made with. No environment has that name."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """One for each installation."""

    installation: str
    """Its name, by chance: what was sealed in one is nothing in another."""
    master: str
    """Which master key every data key is sealed with."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """What the secrets of one place are sealed with. The highest number counts for new ones."""

    place: str
    """Environment, or :data:`FINGERPRINTS`."""
    number: int
    master: str
    """Which master key it is sealed with."""
    sealed: str


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """One version of one secret."""

    told: SecretVersion
    key: int
    """Number of the data key of its environment."""
    sealed: str
    """Empty: it has been removed."""
