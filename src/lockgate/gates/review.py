"""Review: whoever broke the glass is looked at by a second person, and until that is done nothing ordinary follows."""

from dataclasses import dataclass
from datetime import UTC, datetime

from lockgate.core.approval import Review
from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant
from lockgate.core.people import listed

GATE = "review"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is still to be looked at in the environment."""

    environment: str
    reviews: tuple[Review, ...] = ()
    """Those that nobody has confirmed yet."""
    urgent: bool = False


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """WAIT while one is overdue; what is urgent passes."""
    late = [review for review in facts.reviews if review.overdue(now)]
    if not late:
        return Verdict(GATE, Answer.PASS, f"No emergency in {facts.environment} is left to be looked at.")
    if facts.urgent:
        return Verdict(GATE, Answer.PASS, "It is urgent: it does not wait until an emergency has been looked at.")
    first = late[0]
    because = (
        f"{first.deployment} broke the glass in {facts.environment} ({first.actor}: {first.reason}), and a second "
        f"person should have looked at it by {datetime.fromtimestamp(first.due, UTC):%Y-%m-%d %H:%M} UTC. "
        f"Confirm it with: lockgate review {first.deployment}"
    )
    return Verdict(GATE, Answer.WAIT, because, who=f"a member of {listed(first.groups)} other than {first.actor}")
