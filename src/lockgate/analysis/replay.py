"""Replay: the judgement after each of the stored windows, for charts and for whoever wants to check a verdict.

The same windows give the same judgements, to the last digit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lockgate.analysis.judge import begin, judge, weigh
from lockgate.analysis.state import State
from lockgate.core.canary import Criteria
from lockgate.core.ids import Instant
from lockgate.core.window import Judgement, Minute, Side, Window


@dataclass(frozen=True, slots=True)
class Look:
    """One point of a chart."""

    number: int
    """Of the window."""
    at: Instant
    """Its end."""
    stage: int
    weight: int
    """Basis points."""
    excluded: str
    """Why the window does not count; empty: it does."""
    canary: float | None
    """Share of the canary's requests that failed in it; None: it had none."""
    baseline: float | None
    judgement: Judgement
    """Of all windows so far. ``against`` and ``threshold``, ``good`` and ``needed`` are the curves and their lines."""


def replay(
    criteria: Criteria, past: Sequence[Minute], share: float, windows: Iterable[Window], sticky: bool = False
) -> tuple[Look, ...]:
    """``windows``: in their order. The other arguments as for :func:`lockgate.analysis.judge.begin`."""
    state, looks = begin(criteria, past, share, sticky), []
    for window in windows:
        state = weigh(criteria, state, window)
        looks.append(_look(window, judge(criteria, state)))
    return tuple(looks)


def _look(window: Window, judgement: Judgement) -> Look:
    return Look(
        window.number,
        window.end,
        window.stage,
        window.weight,
        window.excluded,
        _share(window.canary),
        _share(window.baseline),
        judgement,
    )


def _share(side: Side) -> float | None:
    return side.errors / side.requests if side.requests else None


def judgements(criteria: Criteria, beginning: State, windows: Iterable[Window]) -> tuple[Judgement, ...]:
    """The judgement after each window, from the state that was written down before the first."""
    state, found = beginning, []
    for window in windows:
        state = weigh(criteria, state, window)
        found.append(judge(criteria, state))
    return tuple(found)
