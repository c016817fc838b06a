"""Ramp: whether a canary stays at its weight, goes on, is given everything or taken back. Pure.

Evidence against it counts at every moment. Otherwise a stage lasts at least as long as its soak, and holds for a person
where that is asked; it does not end without any traffic, nor while suspicion has come half-way to the threshold: then
more users would only meet what may be bad. What is shown to be good may leave out the rest of the stages, up to a hold.
"""

from dataclasses import dataclass
from enum import StrEnum

from lockgate.core.canary import Canary, Inconclusive
from lockgate.core.ids import Instant
from lockgate.core.window import Advice, Judgement

ONE = 0.0
"""The logarithm of an e-value that speaks neither for nor against."""


class Move(StrEnum):
    STAY = "stay"
    NEXT = "next"
    """The next stage; after the last, all the traffic."""
    ALL = "all"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a canary has come."""

    stage: int
    since: Instant
    """When users first met this stage."""
    began: Instant
    """When users first met it at all."""
    requests: int
    """That it has had in this stage, as far as they are counted."""
    let_through: int
    """Stages that people have let pass."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What follows. ``until``: when it stays, how long at least; None: until somebody acts or evidence comes."""

    move: Move
    because: str
    until: Instant | None = None
    who: str = ""
    """Who can act, if somebody must."""


def rule(canary: Canary, standing: Standing, judgement: Judgement, now: Instant) -> Ruling:
    """The next move."""
    stage = canary.stages[standing.stage]
    if judgement.advice is Advice.ROLL_BACK:
        return Ruling(Move.BACK, judgement.because)
    if standing.let_through > standing.stage:
        everything = standing.let_through >= len(canary.stages)
        return Ruling(Move.ALL if everything else Move.NEXT, "Somebody has let it go on.")
    if stage.hold:
        because = f"This stage holds until somebody lets it go on. {judgement.because}"
        return Ruling(Move.STAY, because, who="whoever may let it go on, or abort it")
    if now - standing.since < stage.soak:
        return Ruling(Move.STAY, judgement.because, until=standing.since + stage.soak)
    return _soaked(canary, standing, judgement, now)


def _soaked(canary: Canary, standing: Standing, judgement: Judgement, now: Instant) -> Ruling:
    last = standing.stage + 1 == len(canary.stages)
    over = standing.began + canary.within
    if judgement.advice is Advice.PROMOTE and (last or canary.early):
        held = any(stage.hold for stage in canary.stages[standing.stage + 1 :])
        return Ruling(Move.NEXT if held else Move.ALL, judgement.because)
    if now >= over:
        return _inconclusive(canary, standing, judgement)
    if last:
        return Ruling(Move.STAY, f"It is not decided yet. {judgement.because}", until=over)
    if canary.stages[standing.stage].weight and not standing.requests:
        return Ruling(Move.STAY, "No request has come to it in this stage, so nothing is known.", until=over)
    if judgement.against > judgement.threshold / 2:
        because = f"It may be worse: it gets no more traffic until that is clear. {judgement.because}"
        return Ruling(Move.STAY, because, until=over)
    return Ruling(Move.NEXT, judgement.because)


def _inconclusive(canary: Canary, standing: Standing, judgement: Judgement) -> Ruling:
    because = f"Its time is over and nothing is decided. {judgement.because}"
    unsuspected = judgement.against <= ONE and standing.requests > 0
    if canary.inconclusive is Inconclusive.ROLL_BACK:
        return Ruling(Move.BACK, because)
    if canary.inconclusive is Inconclusive.PROMOTE and unsuspected:
        return Ruling(Move.ALL, f"{because} Nothing speaks against it.")
    return Ruling(Move.STAY, because, who="whoever may let it go on, or abort it")
