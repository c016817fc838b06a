"""Places for secrets, and what those need of the memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from lockgate.core.audit import Event
from lockgate.core.sealed import DataKey, SealedSecret, Sealing
from lockgate.core.secret import Secret, SecretSource, SecretVersion


class SecretVault(Protocol):
    """Every place that secrets are kept in, as one. Each method raises SecretUnusable or ComponentMissing for a secret
    that is not there or may not be read, Unavailable when the place does not answer."""

    def pin(self, source: SecretSource, environment: str) -> SecretSource:
        """As it is now, with what tells this content from any other."""

    def reveal(self, source: SecretSource) -> Secret:
        """The version that is named. Of a place without versions, what is there now."""

    def changed(self, source: SecretSource) -> str:
        """Why what is revealed now is not what the source was pinned to, as a sentence; empty: it is."""

    def fingerprint(self, source: SecretSource, environment: str) -> str:
        """Of the content; the same in every environment, and worth nothing to who has no key of this installation."""

    def learn(self, sources: Collection[SecretSource]) -> None:
        """These may be printed by what runs: from now on they are masked wherever they turn up. One that cannot be had
        is left out, and learnt when it is asked for again."""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What came of a new master key."""

    before: str
    """Names of the two; the same: data keys alone are new."""
    after: str
    rewrapped: int
    """Data keys."""
    resealed: int
    """Versions of secrets."""
    mend: str = ""
    """What is left to do by hand."""


class Strongbox(Protocol):
    """Lockgate's own store of secrets. Raises SecretUnusable without its master key."""

    def keep(self, environment: str, name: str, secret: Secret, event: Event) -> tuple[SecretVersion, bool]:
        """As the next version, and whether it is new: the same text as the newest one stays that version. ``event``
        says when and by whom, and gets the version in its data."""

    def versions(self, environment: str = "", name: str = "") -> tuple[SecretVersion, ...]:
        """In order of environment, name and version, with those that were removed."""

    def remove(self, environment: str, name: str, version: int, event: Event) -> SecretVersion:
        """What it was is gone. Raises NotFound."""

    def rotate(self, reseal: bool, event: Event) -> KeyChange:
        """A new master key. ``reseal``: new data keys, too, for everything that is kept. Interrupted anywhere, it is
        as before or done; again, it goes on."""

    def start_over(self, event: Event) -> KeyChange:
        """The master key is lost, and with it every text. Another one is made, and the versions are marked as removed.
        Raises Conflict while the key is there."""


# --- the memory ---


class DataKeys(Protocol):
    """Keys that secrets are sealed with, sealed themselves."""

    def sealing(self) -> Sealing | None: ...

    def begin(self, begun: Sealing) -> Sealing:
        """The first one there is; returns the one that counts."""

    def select(self) -> tuple[DataKey, ...]:
        """In order of place and number."""

    def add(self, key: DataKey) -> None:
        """Raises Conflict when another is there under its number, or the master key has been changed."""

    def rewrap(self, old: str, new: str, keys: Sequence[DataKey], event: Event) -> None:
        """From one master key to another, all at once. Raises Conflict unless these are all there are."""

    def abandon(self, old: str, new: str, gone: Sequence[SecretVersion], event: Event) -> None:
        """Every data key goes, and every text that was sealed; ``gone``: what is told of those. Raises Conflict unless
        these are all there are."""


class Secrets(Protocol):
    """Versions of secrets, sealed."""

    def add(self, secret: SealedSecret, event: Event) -> None:
        """Raises Conflict when the version is there already, or a newer data key."""

    def select(self, environment: str = "", name: str = "") -> tuple[SealedSecret, ...]:
        """In order of environment, name and version; empty: all."""

    def get(self, environment: str, name: str, version: int) -> SealedSecret | None: ...

    def remove(self, told: SecretVersion, event: Event) -> None:
        """What was sealed goes; ``told`` stays. Raises NotFound."""

    def reseal(self, key: DataKey, secrets: Sequence[SealedSecret]) -> None:
        """The place has this one data key from now on, and these are all its secrets. Raises Conflict when something
        has changed meanwhile."""
