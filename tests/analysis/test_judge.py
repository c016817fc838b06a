"""The judgement: what decides, what may not, and what is said of it."""

import math

import msgspec
import pytest

from lockgate.analysis.judge import begin, judge, weigh
from lockgate.analysis.state import State
from lockgate.core.canary import Criteria
from lockgate.core.window import Advice, Judgement, Window
from lockgate.decoding import decoded
from tests.analysis.traffic import window

ERRORS = Criteria(latency=False)
KNOWN = Criteria(latency=False, dispersion=1.0)


def state_after(criteria: Criteria, windows: list[Window]) -> State:
    state = begin(criteria, (), 0.05)
    for one in windows:
        state = weigh(criteria, state, one)
    return state


def judged(criteria: Criteria, windows: list[Window]) -> Judgement:
    return judge(criteria, state_after(criteria, windows))


def test_an_outage_is_taken_back_with_figures() -> None:
    found = judged(KNOWN, [window(1, (41, 1322), (26, 25_118))])

    assert found.advice is Advice.ROLL_BACK
    assert found.because == (
        "3.1 % of requests failed on the canary against 0.1 % on what ran before (41 of 1,322 against 26 of 25,118); "
        "chance of a false alarm under 1 %."
    )


def test_a_good_canary_is_promoted() -> None:
    found = judged(KNOWN, [window(n, (5, 5000), (95, 95_000)) for n in range(1, 11)])

    assert found.advice is Advice.PROMOTE
    assert found.good >= found.needed == pytest.approx(math.log(20))


def test_a_state_survives_json() -> None:
    state = state_after(Criteria(objective=0.01), [window(n, (n, 50), (n, 950)) for n in range(1, 9)])

    assert decoded(msgspec.json.encode(state), State) == state
