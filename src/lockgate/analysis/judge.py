"""provisional"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.analysis import counts
from lockgate.core.canary import Criteria
from lockgate.core.window import Advice, Judgement, Minute, Window


@dataclass(frozen=True, slots=True)
class State:
    worse: counts.Evidence = counts.Evidence()
    good: counts.Evidence = counts.Evidence()
    n: int = 0
    k: int = 0
    m: int = 0
    j: int = 0


def begin(criteria: Criteria, past: Sequence[Minute], share: float) -> State:
    return State()


def weigh(criteria: Criteria, state: State, window: Window) -> State:
    if window.excluded:
        return state
    w = counts.Window(window.canary.requests, window.canary.errors, window.baseline.requests, window.baseline.errors)
    return State(
        counts.WorseTest(criteria.tolerance, criteria.absolute).add(state.worse, w),
        counts.GoodTest(criteria.ruled_out).add(state.good, w),
        state.n + w.canary,
        state.k + w.canary_errors,
        state.m + w.baseline,
        state.j + w.baseline_errors,
    )


def judge(criteria: Criteria, state: State) -> Judgement:
    a = counts.WorseTest(criteria.tolerance, criteria.absolute).log_evidence(state.worse)
    g = counts.GoodTest(criteria.ruled_out).log_evidence(state.good)
    t, n = math.log(1 / criteria.alpha), math.log(1 / criteria.beta)
    adv = Advice.ROLL_BACK if a >= t else Advice.PROMOTE if g >= n else Advice.GO_ON
    return Judgement(adv, f"{state.k} of {state.n} failed against {state.j} of {state.m}.", a, t, g, n)
