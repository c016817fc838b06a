"""Outcome: what came of a step, as a value."""

from dataclasses import dataclass

from lockgate.core.deployment import Progress
from lockgate.core.window import Window


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step."""

    progress: Progress
    wait: float = 0.0
    """Seconds until another look makes sense; 0: at once."""
    because: str = ""
    """What it waits for."""
    failure: str = ""
    """Why the walk cannot go on."""
    blame: bool = True
    """The release is at fault, if there is a failure."""
    who: str = ""
    """Who can act, if somebody must."""
    evidence: str | None = None
    """The ledger as it is now; None: as it was."""
    windows: tuple[Window, ...] = ()
    """What was watched: to be written with the ledger."""
