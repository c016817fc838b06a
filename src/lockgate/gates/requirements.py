"""Requirements: does what the release needs beside it run there, and does nothing that runs there need another one?

It only ever makes wait: whoever deploys what is missing opens it, so the applications of a release train order
themselves. What is being changed just now counts as not there yet.
"""

from dataclasses import dataclass

from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant
from lockgate.core.requirement import fault_of

GATE = "requirements"


@dataclass(frozen=True, slots=True)
class Needed:
    """An application that the release requires, as it stands in the environment."""

    application: str
    wanted: str
    """Range of versions."""
    holder: str = ""
    """Label of the release that runs there; empty: none does."""
    version: str = ""
    changing: str = ""
    """The deployment that is changing it; empty: none is."""


@dataclass(frozen=True, slots=True)
class Dependant:
    """An application that runs in the environment, or is on its way into it, and requires this one."""

    application: str
    release: str
    """Its label, for people."""
    wanted: str
    """Range of versions of this one."""
    coming: str = ""
    """The deployment that brings it; empty: it runs there."""


@dataclass(frozen=True, slots=True)
class Facts:
    release: str
    """Its label, for people."""
    version: str
    environment: str
    needed: tuple[Needed, ...] = ()
    dependants: tuple[Dependant, ...] = ()
    insists: bool = False
    """It is urgent even so."""
    reason: str = ""


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """WAIT while something that is required is not there, or something there requires another version of this."""
    missing = [(why, f"whoever may deploy {one.application}") for one in facts.needed if (why := _missing(one, facts))]
    broken = [
        (why, f"whoever may deploy {one.application}") for one in facts.dependants if (why := _broken(one, facts))
    ]
    found = missing + broken
    if not found:
        return Verdict(GATE, Answer.PASS, _whole(facts))
    because = " ".join(why for why, _ in found)
    if facts.insists and facts.reason:
        return Verdict(GATE, Answer.PASS, f"{because} It is urgent even so: {facts.reason}", exempted=True)
    return Verdict(GATE, Answer.WAIT, because, who=found[0][1])


def _missing(one: Needed, facts: Facts) -> str:
    """Why what is required is not there; empty: it is."""
    needs = f"{facts.release} requires {one.application} {one.wanted} in {facts.environment}"
    if one.changing:
        return f"{needs}, and {one.changing} is deploying {one.application} there just now."
    if not one.holder:
        return f"{needs}, and nothing of {one.application} runs there yet."
    fault = fault_of(one.wanted, one.version)
    return f"{needs}, and {one.holder}, which runs there, {fault}." if fault else ""


def _broken(one: Dependant, facts: Facts) -> str:
    """Why something would break; empty: nothing of it would."""
    fault = fault_of(one.wanted, facts.version)
    if not fault:
        return ""
    there = f"which {one.coming} is deploying" if one.coming else "which runs"
    return (
        f"{one.release}, {there} in {facts.environment}, requires {one.wanted}, and {facts.release} {fault}. "
        f"Deploy another release of {one.application} there first, or roll it back."
    )


def _whole(facts: Facts) -> str:
    if facts.needed:
        told = ", ".join(f"{one.application} {one.wanted}" for one in facts.needed)
        return f"What it requires runs in {facts.environment}: {told}."
    return f"It requires nothing, and nothing in {facts.environment} requires another version of it."
