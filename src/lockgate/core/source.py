"""SourceEvent: something changed outside: a push, a tag, an image or package published."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.core.artifact import Reference
from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """What arrived, before anything is made of it. ``overrides`` names another artifact for a component than the
    application's file does: a CI job says "the same application, with this build"."""

    application: str
    """The text of the application's file, as the user wrote it."""
    where: str
    """Its name, for messages."""
    actor: str
    at: Instant
    overrides: Mapping[str, Reference] = field(default_factory=dict)
    commit: str = ""
    url: str = ""
    authors: tuple[str, ...] = ()
    built_by: str = ""
    address: str = ""
    """Where the request came from."""
