"""Planning: what a ramp can find out, and when."""

import math

import pytest

from lockgate.analysis.counts import errors_needed
from lockgate.analysis.dispersion import Dispersion
from lockgate.analysis.planning import RATIOS, Plan, Traffic, plan
from lockgate.core.canary import DEFAULT_STAGES, Criteria, Stage

PLAIN = Criteria(tolerance=1.0, latency=False, warm_up=0.0)
ONE = (Stage(100, 1e6),)


def planned(rate: float, errors: float, criteria: Criteria = PLAIN, stages: tuple[Stage, ...] = ONE) -> Plan:
    return plan(criteria, stages, Traffic(rate, errors), within=1e6)


@pytest.mark.parametrize(("ratio", "errors"), [(1.5, 101), (2.0, 38), (5.0, 9.3), (10.0, 5.3)])
def test_the_formula_says_how_many_errors_it_takes(ratio: float, errors: float) -> None:
    assert errors_needed(ratio) == pytest.approx(errors, rel=0.05)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize(("rate", "errors"), [(100, 0.001), (1000, 0.01)])
def test_at_small_weights_the_plan_is_the_formula(ratio: float, rate: float, errors: float) -> None:
    found = next(one for one in planned(rate, errors).detections if one.ratio == ratio)

    assert found.errors is not None and found.seconds is not None
    assert found.errors == pytest.approx(errors_needed(ratio), rel=0.12, abs=rate * errors * ratio * 0.01 * 5)
    assert found.seconds == pytest.approx(found.errors / (rate * 0.01 * errors * ratio), abs=5.1)


def test_worse_canaries_are_noticed_sooner_and_with_fewer_failures() -> None:
    found = planned(100, 0.001, Criteria(), DEFAULT_STAGES).detections

    seconds = [one.seconds or math.inf for one in found]
    assert seconds == sorted(seconds, reverse=True)
    assert [one.stage for one in found] == sorted((one.stage or 0 for one in found), reverse=True)


def test_it_is_said_when_and_in_which_stage() -> None:
    found = plan(Criteria(), DEFAULT_STAGES, Traffic(1000, 0.001))

    assert found.detects and not found.suggested
    assert found.because[3] == (
        "10 times as many errors would be noticed after about 7 failed requests of the canary, "
        "2 min 10 s after it began, in stage 1 (1 % of the traffic)."
    )
    assert found.because[-1] == ("A canary as good as what runs now would be shown to be good after about 7 min 15 s.")


def test_a_ramp_that_can_detect_nothing_is_told_with_one_that_can() -> None:
    short = (Stage(100, 300.0), Stage(200, 300.0))
    found = plan(Criteria(), short, Traffic(20, 0.001))

    assert not found.detects
    assert found.because[-1].startswith(
        "This ramp cannot notice 10 times as many errors in its 10 min, at 20 requests a second, 0.1 % of which fail. "
        "This one can: "
    )
    better = plan(Criteria(), found.suggested, Traffic(20, 0.001))
    assert better.detects
    assert [stage.weight for stage in found.suggested] == sorted({stage.weight for stage in found.suggested})
    assert sum(stage.soak for stage in found.suggested) <= 7200


def test_where_no_ramp_can_that_is_said() -> None:
    found = plan(Criteria(), DEFAULT_STAGES, Traffic(0.01, 0.0001))

    assert not found.detects and found.suggested == ()
    assert found.because[-1].endswith("No ramp of its kind can in the time there is: decide by checks and by eye.")


def test_without_errors_there_is_no_ratio_but_an_outage_is_noticed() -> None:
    found = plan(Criteria(negligible=0.0), DEFAULT_STAGES, Traffic(100, 0.0))

    assert [one.seconds for one in found.detections[:-1]] == [None] * len(RATIOS)
    assert found.because[0] == "Nothing fails now, so 1.5 times as many errors would be none."
    assert found.detections[-1].seconds == 65.0
    assert found.promotion is None and "nothing fails now" in found.because[-1]


def test_a_negligible_share_makes_promotion_possible_without_errors() -> None:
    assert plan(Criteria(), DEFAULT_STAGES, Traffic(100, 0.0)).promotion is not None


def test_more_than_all_requests_cannot_fail() -> None:
    found = plan(Criteria(), DEFAULT_STAGES, Traffic(100, 0.3))

    assert found.because[2] == "30 % of the requests fail now, so 5 times as many are more than all."


def test_scatter_takes_longer() -> None:
    calm, wild = (
        plan(Criteria(), DEFAULT_STAGES, Traffic(1000, 0.01, Dispersion(scatter, 9))) for scatter in (1.0, 10.0)
    )

    assert (calm.detections[1].seconds or 0) < (wild.detections[1].seconds or 0)
    assert (calm.promotion or 0) < (wild.promotion or 0)


def test_while_nobody_knows_the_scatter_a_few_errors_are_waited_for() -> None:
    known, unknown = (
        plan(Criteria(), DEFAULT_STAGES, Traffic(10, 0.001, Dispersion(1.0, blocks))).detections[-1]
        for blocks in (9, 0)
    )

    assert (known.errors or 0) < 5 <= (unknown.errors or 0)


def test_time_in_which_instances_warm_up_does_not_count() -> None:
    cold = plan(Criteria(), (Stage(500, 50.0), Stage(1000, 600.0)), Traffic(1000, 0.01))

    assert cold.detections[-1].seconds == 50 + 60 + 5
