"""Releases that are barred from environments."""

from dataclasses import dataclass

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class Lift:
    """POST /v1/quarantines/lift"""

    application: str
    environment: str
    release: str
    reason: str
    actor: str = ""


@dataclass(frozen=True, slots=True)
class QuarantineView:
    application: str
    environment: str
    release: str
    release_label: str
    because: str
    since: Instant
    actor: str
