"""Are the secrets still those that the plan was made with?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant

GATE = "secrets"


@dataclass(frozen=True, slots=True)
class Facts:
    """Secret -> why it is not the one of the plan any more: there is another one, or there is none."""

    release: str
    environment: str
    changed: Mapping[str, str] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    versions: int = 0
    """Secrets whose content the plan names."""
    rollback: bool = False


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """A rollback is not held up by what has another content now and cannot be brought back; it says so."""
    if facts.gone:
        because = f"A secret of the plan is not there any more: {_why(facts.gone)}. Deploy again, or another release."
        return Verdict(GATE, Answer.DENY, because, None, "whoever may deploy")
    if facts.changed and facts.rollback:
        because = (
            f"{facts.release} goes back, but not with all that it had: {_why(facts.changed)}. It gets what is there."
        )
        return Verdict(GATE, Answer.PASS, because)
    if facts.changed:
        because = f"A secret has changed since the plan was made: {_why(facts.changed)}. Deploy again."
        return Verdict(GATE, Answer.DENY, because, None, "whoever may deploy")
    number = "1 secret is" if facts.versions == 1 else f"{facts.versions} secrets are"
    because = f"{number} as planned." if facts.versions else "The plan names no content of a secret."
    return Verdict(GATE, Answer.PASS, because)


def _why(found: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {because}" for name, because in sorted(found.items()))
