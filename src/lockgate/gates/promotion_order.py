"""Promotion order: a release enters an environment only when it has succeeded in the one before.

A rollback passes, and so does a release that ran here before: what was good here needs no new proof elsewhere.
"""

from dataclasses import dataclass

from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant

GATE = "promotion order"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the release and the environments on its way."""

    release: str
    """Its label, for people."""
    environment: str
    after: str | None
    """The environment before this one; None: this is the first."""
    succeeded_there: bool
    """A deployment of exactly this release has succeeded in the one before."""
    ran_here: bool = False
    """A deployment of exactly this release has succeeded in this one."""
    rollback: bool = False


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """DENY until it has succeeded in the environment before: asked again after that, it passes."""
    if facts.after is None:
        return _open(f"{facts.environment} is the first environment.")
    if facts.rollback:
        return _open("A rollback brings back what ran here before.")
    if facts.ran_here:
        return _open(f"{facts.release} ran in {facts.environment} before.")
    if facts.succeeded_there:
        return _open(f"{facts.release} succeeded in {facts.after}.")
    because = (
        f"{facts.release} has not succeeded in {facts.after} yet, and {facts.environment} comes after it. "
        f"Deploy it to {facts.after} first; once it has succeeded there, it may enter {facts.environment}."
    )
    return Verdict(GATE, Answer.DENY, because, who=f"whoever may deploy to {facts.after}")


def _open(because: str) -> Verdict:
    return Verdict(GATE, Answer.PASS, because)
