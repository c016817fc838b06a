"""Verification: what a check found, and what that means for the deployment."""

from dataclasses import dataclass
from enum import StrEnum

from lockgate.core.ids import Instant


class Finding(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    RUNNING = "running"
    """Not decided yet; look again."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check, done once."""

    check: str
    """Its label: ``GET /items.json``."""
    finding: Finding
    because: str
    """A sentence: ``answered 400 instead of 200``."""
    at: Instant
    seconds: float = 0.0
    task: str = ""
    """Handle of the task that runs it, if one does."""
