"""Gatehouse: every gate is asked here, the same ones on every path.

A question gathers one gate's facts and asks it. A gate that cannot be asked does not open: it makes wait, and says why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lockgate.core.admission import Admission
from lockgate.core.deployment import State
from lockgate.core.errors import LockgateError
from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant
from lockgate.engine import requirements
from lockgate.gates import promotion_order, quarantine
from lockgate.ports import Selection, Store

Question = Callable[[Admission, Instant], Verdict]
"""Raises :class:`LockgateError` when its facts cannot be had."""


@dataclass(frozen=True, slots=True)
class Gatehouse:
    """``questions``: name of the gate -> how it is asked, in the order people read the answers."""

    questions: Sequence[tuple[str, Question]]

    def verdicts(self, admission: Admission, now: Instant) -> tuple[Verdict, ...]:
        """Every gate's answer."""
        return tuple(_answer(name, question, admission, now) for name, question in self.questions)


def _answer(name: str, question: Question, admission: Admission, now: Instant) -> Verdict:
    try:
        return question(admission, now)
    except LockgateError as error:
        because = f"The gate {name} could not be asked, so it stays shut: {error}"
        return Verdict(name, Answer.WAIT, because, None, "whoever can mend that")


def basic(store: Store) -> tuple[tuple[str, Question], ...]:
    """Of every installation: the questions that need nothing but the store."""

    def ran(admission: Admission, environment: str) -> bool:
        release = admission.release
        done = Selection(release.name, environment, frozenset({State.SUCCEEDED}), limit=1, release=release.id)
        return bool(store.history.select(done))

    def barred(admission: Admission, now: Instant) -> Verdict:
        release, environment = admission.release, admission.environment.name
        found = store.quarantines.barred(release.name, environment, release.id)
        because, since = (found.because, found.since) if found else ("", None)
        return quarantine.evaluate(quarantine.Facts(release.label(), environment, because, since), now)

    def in_order(admission: Admission, now: Instant) -> Verdict:
        environment = admission.environment
        facts = promotion_order.Facts(
            release=admission.release.label(),
            environment=environment.name,
            after=environment.after,
            succeeded_there=environment.after is None or ran(admission, environment.after),
            ran_here=ran(admission, environment.name),
            rollback=admission.rollback,
        )
        return promotion_order.evaluate(facts, now)

    return ((quarantine.GATE, barred), (promotion_order.GATE, in_order), requirements.question(store))
