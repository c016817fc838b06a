"""Policy: do the rules hold that this environment puts to everything deployed to it?

Each rule has been worked out elsewhere; here the answers are weighed. One that is not known to hold does not hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant, short

GATE = "policies"


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one policy."""

    policy: str
    digest: str
    failing: Answer
    """What it means if it does not hold: a deny, a wait, or, for one that only advises, a pass."""
    holds: bool
    because: str = ""

    @property
    def answer(self) -> Answer:
        return Answer.PASS if self.holds else self.failing


@dataclass(frozen=True, slots=True)
class Facts:
    """All policies of the environment, with their answers."""

    environment: str
    written: int
    """How many the environment names."""
    judged: tuple[Judged, ...] = ()


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """DENY if one denies, else WAIT if one makes wait. What only advises is told with a pass."""
    if facts.written and not facts.judged:
        because = f"The policies of {facts.environment} have not been looked up, so nobody knows whether they hold."
        return Verdict(GATE, Answer.WAIT, because, None, f"whoever runs {facts.environment}")
    record = _record(facts.judged)
    for answer in (Answer.DENY, Answer.WAIT):
        against = [one for one in facts.judged if one.answer is answer]
        if against:
            who = f"whoever can mend that, or changes the policies of {facts.environment}"
            return Verdict(GATE, answer, " ".join(map(_against, against)), None, who, record)
    return Verdict(GATE, Answer.PASS, _passed(facts), record=record)


def _against(one: Judged) -> str:
    does = "denies it" if one.answer is Answer.DENY else "makes it wait"
    return f"Policy {one.policy} (version {short(one.digest)}) {does}: {_sentence(one.because)}"


def _passed(facts: Facts) -> str:
    if not facts.judged:
        return f"{facts.environment} has no policies."
    held = sum(one.holds for one in facts.judged)
    number = f"{held} of {len(facts.judged)} policies hold" if held < len(facts.judged) else _all(held)
    advice = [f"Policy {one.policy} advises against it: {_sentence(one.because)}" for one in _advising(facts.judged)]
    return " ".join([f"{number}.", *advice])


def _all(count: int) -> str:
    return "Its one policy holds" if count == 1 else f"All {count} policies hold"


def _advising(judged: Sequence[Judged]) -> list[Judged]:
    return [one for one in judged if not one.holds]


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _record(judged: Sequence[Judged]) -> dict[str, str]:
    """Policy -> digest and answer. One that stands there twice, with other parameters, has a number."""
    record: dict[str, str] = {}
    for one in judged:
        name, number = one.policy, 2
        while name in record:
            name, number = f"{one.policy} ({number})", number + 1
        record[name] = f"{one.digest} {one.answer.value if one.holds or one.answer is not Answer.PASS else 'advises'}"
    return record
