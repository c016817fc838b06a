"""What canaries could find out, told before anybody meets them."""

import pytest

from lockgate.core.application import Strategy, StrategyKind
from lockgate.core.canary import Canary, Criteria, Stage
from lockgate.core.errors import Conflict
from lockgate.messages import Deploy
from lockgate.testing.rig import Rig

SHORT = Strategy(StrategyKind.CANARY, canary=Canary((Stage(100, 60.0),), within=120.0, criteria=Criteria(warm_up=0.0)))


def with_traffic(rig: Rig, rate: float) -> str:
    """Version 1 has run in dev for ten minutes; returns version 2, a short canary."""
    rig.router.rate, rig.router.fail_otherwise = rate, 0.001
    rig.deploy(rig.release("1", strategy=SHORT))
    for _ in range(130):
        rig.turn()
        rig.clock.pass_by(5.0)
    return rig.release("2", strategy=SHORT)


def test_a_ramp_is_forecast_at_the_traffic_that_was_measured(rig: Rig) -> None:
    release = with_traffic(rig, 5000.0)
    (forecast,) = rig.operations.preview(Deploy("shop", "dev", release)).forecasts
    assert forecast.detects and forecast.rate == pytest.approx(5000.0, rel=0.02)
    assert forecast.errors == pytest.approx(0.001, rel=0.05)
    assert [one.ratio for one in forecast.detections] == [1.5, 2.0, 5.0, 10.0, None]
    ten = forecast.detections[3]
    assert ten.seconds is not None and ten.seconds < 60 and ten.stage == 1
    assert "10 times as many errors" in " ".join(forecast.sentences)


def test_a_ramp_that_cannot_detect_anything_is_refused_unless_told(rig: Rig) -> None:
    release = with_traffic(rig, 1.0)
    with pytest.raises(Conflict, match="cannot notice") as refused:
        rig.operations.deploy(Deploy("shop", "dev", release))
    assert "--blind" in refused.value.mend
    assert rig.operations.deploy(Deploy("shop", "dev", release, blind=True)).release == release


def test_numbers_of_ones_own_replace_what_was_measured(rig: Rig) -> None:
    rig.deploy(rig.release("1", strategy=SHORT))
    rig.run(10)
    release = rig.release("2", strategy=SHORT)
    (unknown,) = rig.operations.preview(Deploy("shop", "dev", release)).forecasts
    assert unknown.rate is None and unknown.detects and "--rate" in unknown.sentences[0]
    (known,) = rig.operations.preview(Deploy("shop", "dev", release, rate=1000.0, errors=0.01)).forecasts
    assert (known.rate, known.errors) == (1000.0, 0.01) and known.detects


def test_where_nothing_is_compared_nothing_is_forecast(rig: Rig) -> None:
    release = rig.release("1", strategy=SHORT)
    assert rig.operations.preview(Deploy("shop", "dev", release)).forecasts == ()
    rig.deploy(release)
    rig.run(10)
    assert rig.operations.preview(Deploy("shop", "dev", release)).forecasts == ()
