"""No way into an environment leads past a gate."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.ways_in import EXEMPT, OBSTACLES, WAYS, Station, may_begin, tried

from lockgate.gates import schedule
from lockgate.ports import Policies
from lockgate.store.database import open_store

Begins = Callable[[str, dict[str, bool]], bool]


@pytest.fixture
def begins(policies: Policies) -> Begins:
    def asked(way: str, obstacles: dict[str, bool]) -> bool:
        with TemporaryDirectory() as folder, open_store("sqlite://") as store:
            return tried(store, Path(folder), policies, way, obstacles)

    return asked


@pytest.mark.parametrize("way", WAYS)
def test_where_everything_stands_open_every_way_leads_in(begins: Begins, way: str) -> None:
    assert begins(way, {})


@pytest.mark.parametrize("obstacle", OBSTACLES)
@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_past_a_gate_that_was_shut_before(begins: Begins, way: str, obstacle: str) -> None:
    shut = {obstacle: True}
    assert begins(way, shut) is may_begin(way, shut)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(sorted(WAYS)),
    st.dictionaries(st.sampled_from(sorted(OBSTACLES)), st.booleans(), min_size=1, max_size=3),
)
def test_no_way_leads_past_any_gates_shut_before_or_meanwhile(
    begins: Begins, way: str, obstacles: dict[str, bool]
) -> None:
    if not may_begin(way, obstacles):
        assert not begins(way, obstacles)


def test_every_gate_of_the_installation_has_an_obstacle(tmp_path: Path) -> None:
    with open_store("sqlite://") as store:
        station = Station(store, tmp_path)
        asked = {name for name, _ in station.promoter.gatehouse.questions}
    # The schedule is shut by whoever asks, not by the environment.
    assert asked == {obstacle.gate for obstacle in OBSTACLES.values()} | {schedule.GATE}
    assert set(EXEMPT) <= set(WAYS)
