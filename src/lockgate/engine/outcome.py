"""Outcome: what came of a step, as a value."""

from dataclasses import dataclass

from lockgate.core.deployment import Progress


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
