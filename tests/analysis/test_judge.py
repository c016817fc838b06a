"""The judgement: what decides, what may not, and what is said of it."""

import math
from dataclasses import replace
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.analysis.judge import begin, judge, weigh
from lockgate.analysis.replay import replay
from lockgate.analysis.state import State
from lockgate.core.canary import Criteria, Metric, MetricKind
from lockgate.core.traffic import ALL
from lockgate.core.window import Advice, Judgement, Minute, Ratio, Side, Window
from lockgate.decoding import decoded
from tests.analysis.traffic import BOUNDS, lognormal_latency, past_of, timed, window

ERRORS = Criteria(latency=False)
KNOWN = Criteria(latency=False, dispersion=1.0)
METRICS = (
    Metric("payments", "prometheus", MetricKind.COUNTER),
    Metric("memory", "command", MetricKind.GAUGE, share=0.5),
)
ALL_OF_IT = Criteria(objective=0.02, metrics=METRICS)
PAST = timed(Random(1), 60, 3000)


def state_after(criteria: Criteria, windows: list[Window], past: tuple[Minute, ...] = ()) -> State:
    state = begin(criteria, past, 0.05)
    for one in windows:
        state = weigh(criteria, state, one)
    return state


def judged(criteria: Criteria, windows: list[Window], past: tuple[Minute, ...] = ()) -> Judgement:
    return judge(criteria, state_after(criteria, windows, past))


def against(found: Judgement, metric: str) -> float:
    return next(term.against for term in found.terms if term.metric == metric)


# What is decided


def test_an_outage_is_taken_back_with_figures() -> None:
    found = judged(KNOWN, [window(1, (41, 1322), (26, 25_118))])

    assert found.advice is Advice.ROLL_BACK
    assert found.against >= found.threshold == pytest.approx(math.log(100))
    assert found.because == (
        "3.1 % of requests failed on the canary against 0.1 % on what ran before (41 of 1,322 against 26 of 25,118); "
        "chance of a false alarm under 1 %."
    )


def test_a_good_canary_is_promoted() -> None:
    found = judged(KNOWN, [window(n, (5, 5000), (95, 95_000)) for n in range(1, 11)])

    assert found.advice is Advice.PROMOTE
    assert found.good >= found.needed == pytest.approx(math.log(20))
    assert found.because == (
        "0.1 % of requests failed on the canary against 0.1 % on what ran before "
        "(50 of 50,000 against 950 of 950,000). 2 times as much of what is bad would have looked like this with a "
        "chance under 5 %, in every metric that is tested."
    )


def test_between_the_two_it_goes_on() -> None:
    found = judged(KNOWN, [window(1, (1, 1000), (10, 19_000))])

    assert found.advice is Advice.GO_ON
    assert found.because.startswith("Nothing is decided yet. 0.1 % of requests failed on the canary against 0.05 %")


def test_where_nothing_fails_a_negligible_share_makes_promotion_possible() -> None:
    clean = [window(n, (0, 5000), (0, 95_000)) for n in range(1, 11)]

    assert judged(replace(KNOWN, negligible=0.0), clean).advice is Advice.GO_ON
    assert judged(KNOWN, clean).advice is Advice.PROMOTE
    assert judged(replace(KNOWN, negligible=0.0, absolute=0.001), clean).advice is Advice.PROMOTE


def test_what_may_not_decide_still_makes_suspicion() -> None:
    """So that a canary that fails all its requests gets no more of them, whatever is known of bursts."""
    past = past_of(Random(1), 120, 10, 100.0, 0.01, 200)
    found = judged(ERRORS, [window(n, (100, 100), (0, 1900)) for n in range(1, 20)], past)

    assert found.threshold / 2 < found.against < found.threshold


@pytest.mark.parametrize(
    "windows",
    [
        [],
        [window(n, (0, 0), (0, 0)) for n in range(1, 50)],
        [window(n, (0, 0), (50, 5)) for n in range(1, 50)],
        [window(n, (0, 1000), (0, 0)) for n in range(1, 50)],
    ],
    ids=["no window", "no traffic", "no canary", "no baseline"],
)
@pytest.mark.parametrize("criteria", [KNOWN, Criteria(beta=1.0, alpha=1e-9), Criteria(dispersion=1.0, absolute=0.01)])
def test_no_data_is_never_a_pass(windows: list[Window], criteria: Criteria) -> None:
    found = judged(criteria, windows)

    assert found.advice is Advice.GO_ON
    assert found.because.startswith("There is nothing to compare yet")


def test_every_metric_that_is_tested_must_be_shown_to_be_good() -> None:
    def sides(payments: Ratio | None) -> Side:
        return Side(5000, 5, counts={"payments": payments} if payments else {})

    criteria = Criteria(latency=False, dispersion=1.0, metrics=METRICS[:1])
    for payments, advice in ((None, Advice.GO_ON), (Ratio(2, 500), Advice.PROMOTE)):
        windows = [Window(n, 5.0 * n, 5.0 * n + 5, 0, 5000, sides(payments), sides(payments)) for n in range(1, 30)]
        assert judged(criteria, windows).advice is advice


def test_a_metric_of_its_own_takes_the_canary_back() -> None:
    criteria = Criteria(latency=False, dispersion=1.0, metrics=METRICS[:1])
    windows = [
        Window(
            n,
            5.0 * n,
            5.0 * n + 5,
            0,
            500,
            Side(50, 0, counts={"payments": Ratio(10, 20)}),
            Side(950, 0, counts={"payments": Ratio(10, 400)}),
        )
        for n in range(1, 6)
    ]
    found = judged(criteria, windows)

    assert found.advice is Advice.ROLL_BACK
    assert found.because.startswith("payments: 50 % were bad on the canary against 2.5 % on what ran before (50 of 100")


def test_a_counter_of_good_ones_is_turned_round() -> None:
    criteria = Criteria(
        latency=False,
        dispersion=1.0,
        metrics=(Metric("payments", "http", MetricKind.COUNTER, higher_is_better=True),),
    )

    def found(good: int) -> Judgement:
        mine, theirs = (
            Side(50, 0, counts={"payments": Ratio(good, 20)}),
            Side(950, 0, counts={"payments": Ratio(390, 400)}),
        )
        return judged(criteria, [Window(n, 5.0 * n, 5.0 * n + 5, 0, 500, mine, theirs) for n in range(1, 6)])

    assert found(5).advice is Advice.ROLL_BACK
    assert found(20).advice is not Advice.ROLL_BACK


def test_the_objective_is_a_guard_of_its_own_that_needs_no_baseline() -> None:
    criteria = Criteria(latency=False, dispersion=1.0, objective=0.01)
    found = judged(criteria, [window(1, (60, 1000), (57_000, 950_000))])

    assert found.advice is Advice.ROLL_BACK
    assert found.against < found.threshold
    assert found.because == (
        "6.0 % of the canary's requests failed (60 of 1,000) where 1.0 % may. "
        "The chance of a false alarm is under 0.1 %."
    )
    assert judged(criteria, [window(1, (60, 1000), (0, 0))]).advice is Advice.ROLL_BACK


def test_one_alpha_is_shared_by_all_metrics() -> None:
    """The more is tested, the more evidence each needs; a share of 0 is never enough."""
    windows = [window(1, (12, 1000), (40, 19_000))]
    alone = judged(KNOWN, windows)
    several = tuple(Metric(f"m{n}", "http", MetricKind.COUNTER) for n in range(9))
    shared = judged(Criteria(latency=False, dispersion=1.0, metrics=several), windows)

    assert against(alone, "errors") == against(shared, "errors")
    assert alone.against == pytest.approx(against(alone, "errors"))
    assert math.exp(shared.against) == pytest.approx((math.exp(against(alone, "errors")) + 9) / 10)


# What may not decide


def test_while_nobody_knows_how_errors_scatter_a_single_burst_decides_nothing() -> None:
    burst = [window(1, (30, 500), (3, 9500))]
    found = judged(ERRORS, burst)

    assert found.advice is Advice.GO_ON and against(found, "errors") > found.threshold
    assert "not taken back before 5 of its requests have failed, in 3 windows" in found.because
    assert judged(KNOWN, burst).advice is Advice.ROLL_BACK


def test_five_errors_in_three_windows_do_and_it_is_said_what_is_assumed() -> None:
    windows = [window(n, (2, 500), (1, 9500)) for n in range(1, 4)]

    assert judged(ERRORS, windows[:2]).advice is Advice.GO_ON
    found = judged(ERRORS, windows)
    assert found.advice is Advice.ROLL_BACK
    assert found.because.endswith(
        "under 1 %, if errors are independent of each other: nothing is known of how they usually scatter."
    )


def test_great_bursts_are_not_trusted_and_it_is_said_why_and_what_to_do() -> None:
    past = past_of(Random(1), 120, 10, 100.0, 0.01, 200)
    for windows in (
        [window(n, (100, 100), (0, 1900)) for n in range(1, 20)],
        [window(n, (5, 5000), (95, 95_000)) for n in range(1, 200)],
    ):
        found = judged(ERRORS, windows, past)
        assert found.advice is Advice.GO_ON
        assert not found.trusted
        assert "scattered" in found.because and "promote or abort, or set an objective" in found.because


def test_dispersion_from_the_traffic_before_tempers_the_evidence() -> None:
    windows = [window(n, (15, 500), (95, 9500)) for n in range(1, 10)]
    bursts, calm = past_of(Random(2), 120, 10, 100.0, 0.01, 5), past_of(Random(2), 120, 10, 100.0, 0.01)

    assert 0 < judged(ERRORS, windows, bursts).against < judged(ERRORS, windows, calm).against / 3


# What must hold for any windows

counts = st.tuples(st.integers(0, 2000), st.integers(0, 2000)).map(sorted)
sizes = st.integers(0, 10**7)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    mine, theirs = draw(counts), draw(counts)
    weight = draw(st.sampled_from([100, 500, 5000]))
    times = None
    if draw(st.booleans()):
        times = tuple(lognormal_latency(Random(draw(st.integers(0, 99))), side[1]) for side in (mine, theirs))
    found = window(1, (mine[0], mine[1]), (theirs[0], theirs[1]), weight, latency=times)
    extra = {"payments": Ratio(*draw(counts))}, {"memory": draw(st.floats())}
    sides = _with(found.canary, *extra), _with(found.baseline, *extra)
    return Window(draw(st.integers(1, 99)), 0.0, 5.0, 0, weight, *sides)


def _with(side: Side, counted: dict[str, Ratio], gauges: dict[str, float]) -> Side:
    return Side(side.requests, side.errors, side.latency, counted, gauges, 1)


def idle(one: Window) -> list[Window]:
    """Windows that must not count, whatever they hold."""
    return [
        Window(
            one.number, one.start, one.end, 0, one.weight, one.canary, one.baseline, excluded="counters began again"
        ),
        Window(one.number, one.start, one.end, 0, 0, one.canary, one.baseline),
        Window(one.number, one.start, one.end, 0, ALL, one.canary, one.baseline),
        Window(one.number, one.start, one.end, 0, one.weight, Side(instances=1), Side(instances=3)),
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(windows(), max_size=15), st.lists(windows(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_windows_that_do_not_count_change_nothing_wherever_they_stand(
    real: list[Window], others: list[Window], random: Random
) -> None:
    mixed = list(real)
    for one in [idle_one for other in others for idle_one in idle(other)]:
        mixed.insert(random.randint(0, len(mixed)), one)

    assert state_after(ALL_OF_IT, mixed, PAST) == state_after(ALL_OF_IT, real, PAST)


@settings(max_examples=40, deadline=None)
@given(st.lists(windows(), max_size=20))
def test_a_state_that_went_through_a_database_goes_on_as_if_it_had_not(several: list[Window]) -> None:
    state = stored = begin(ALL_OF_IT, (), 0.1)
    for one in several:
        state = weigh(ALL_OF_IT, state, one)
        stored = decoded(msgspec.json.encode(weigh(ALL_OF_IT, stored, one)), State)

    assert stored == state
    assert judge(ALL_OF_IT, stored) == judge(ALL_OF_IT, state)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(sizes, sizes).map(sorted), st.tuples(sizes, sizes).map(sorted), st.integers(1, 300), st.floats(1.0, 40.0)
)
def test_nothing_overflows(mine: list[int], theirs: list[int], times: int, scatter: float) -> None:
    criteria = Criteria(latency=False, dispersion=scatter, objective=0.001)
    one = window(1, (mine[0], mine[1]), (theirs[0], theirs[1]))
    state = begin(criteria, (), 0.05)
    for _ in range(min(times, 3)):
        state = weigh(criteria, state, one)
    found = judge(criteria, state)

    assert all(math.isfinite(x) for x in (found.against, found.good, found.threshold, found.needed))
    assert all(math.isfinite(term.against) for term in found.terms)


def test_days_of_an_outage_do_not_overflow() -> None:
    found = judged(KNOWN, [window(n, (10**6, 10**6), (0, 10**7)) for n in range(1, 2000)])

    assert found.advice is Advice.ROLL_BACK
    assert math.isfinite(found.against) and found.against > 10**6


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_another_failure_of_the_canary_never_looks_better(mine: int, theirs: int, data: st.DataObject) -> None:
    few, other = data.draw(st.integers(0, mine - 1)), data.draw(st.integers(0, theirs))
    less, more = (judged(KNOWN, [window(1, (k, mine), (other, theirs))]) for k in (few, few + 1))

    assert more.against >= less.against
    assert more.good <= less.good


def test_a_state_fits_a_row() -> None:
    random, state = Random(1), begin(ALL_OF_IT, PAST, 0.1)
    for n in range(1, 60):
        times = lognormal_latency(random, 50), lognormal_latency(random, 450)
        sides = (
            Side(50, 2, times[0], {"payments": Ratio(1, 9)}, {"memory": 3.1}, 1),
            Side(450, 2, times[1], {"payments": Ratio(1, 90)}, {"memory": 3.0}, 3),
        )
        state = weigh(ALL_OF_IT, state, Window(n, 5.0 * n, 5.0 * n + 5, 0, 1000, *sides))

    assert len(msgspec.json.encode(state)) < 6000
    assert state.latency is not None and state.latency.shape and len(BOUNDS) == 10


def test_a_replay_shows_each_look() -> None:
    several = [window(n, (n // 3, 50), (1, 950), excluded="warming up" if n < 3 else "") for n in range(1, 30)]
    looks = replay(ERRORS, (), 0.05, several)

    assert [look.number for look in looks] == list(range(1, 30))
    assert looks[0].excluded == "warming up" and looks[0].judgement.against == 0
    assert looks[-1].judgement == judged(ERRORS, several)
    assert (looks[5].canary, looks[5].baseline, looks[5].at) == (2 / 50, 1 / 950, 30.0)
    assert looks == replay(ERRORS, (), 0.05, several)
    assert Advice.ROLL_BACK in [look.judgement.advice for look in looks]
