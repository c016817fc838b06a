"""What travels of secrets: requests that hold one, and views that never do."""

from dataclasses import dataclass, field

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class SetSecret:
    """PUT /v1/secrets/{environment}/{name}"""

    text: str = field(repr=False)
    """The secret itself."""
    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class RemoveSecret:
    """POST /v1/secrets/{environment}/{name}/remove"""

    version: int
    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class ChangeMasterKey:
    """POST /v1/secrets/rotation"""

    reseal: bool = False
    """New data keys as well, with everything encrypted anew."""
    lost: bool = False
    """The master key is lost: another one is made, and what only it opened is given up."""
    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class SecretView:
    """One secret of an environment, as far as it may be told."""

    environment: str
    name: str
    store: str
    """``file``, ``variable``, ``kept`` or ``vault``."""
    place: str
    """Where it is kept, for people; empty: environments.yaml does not name it."""
    version: int | None = None
    """That a plan made now would name; null: the place has no versions, or it cannot be had."""
    fingerprint: str = ""
    """The same text has the same one in every environment of the installation."""
    at: Instant | None = None
    """Since when, of one that is kept."""
    actor: str = ""
    """By whom."""
    because: str = ""
    """What is wrong with it."""


@dataclass(frozen=True, slots=True)
class SecretVersionView:
    """One version of a secret that Lockgate keeps."""

    environment: str
    name: str
    version: int
    fingerprint: str
    at: Instant
    actor: str
    removed_at: Instant | None = None
    removed_by: str = ""
    needed: tuple[str, ...] = ()
    """By what: as long as there is something, it is not removed."""
    because: str = ""
    """What is left to do."""


@dataclass(frozen=True, slots=True)
class KeyChangeView:
    """What came of a new master key."""

    before: str
    """Names of the two; they say nothing about the keys."""
    after: str
    rewrapped: int
    """Data keys that are encrypted with the new one."""
    resealed: int
    """Versions of secrets that are encrypted with new data keys."""
    mend: str = ""
    """What is left to do by hand."""
