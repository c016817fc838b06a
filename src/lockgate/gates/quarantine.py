"""Quarantine: a release that failed in an environment is barred from it until somebody lifts that.

Without this gate a bad release that was taken back would come again with the next promotion.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant

GATE = "quarantine"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the release in this environment."""

    release: str
    """Its label, for people."""
    environment: str
    because: str = ""
    """Why it is barred; empty: it is not, unless ``since`` is set."""
    since: Instant | None = None
    """When it was barred; None: it is not."""


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """DENY while it is barred, for a rollback too: what failed here is not what to go back to."""
    if facts.since is None and not facts.because:
        return Verdict(GATE, Answer.PASS, f"{facts.release} is not barred from {facts.environment}.")
    since = "" if facts.since is None else f" since {datetime.fromtimestamp(facts.since, UTC):%Y-%m-%d %H:%M} UTC"
    reason = facts.because.rstrip(". ") or "no reason was given"
    because = (
        f"{facts.release} is quarantined in {facts.environment}{since}: {reason}. Deploy a release that mends it, or "
        f"lift the quarantine with `lockgate quarantine lift`."
    )
    return Verdict(GATE, Answer.DENY, because, who="whoever may lift the quarantine")
