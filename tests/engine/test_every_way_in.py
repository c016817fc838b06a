"""No way into an environment leads past a gate."""

import ast
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.ways_in import EXEMPT, OBSTACLES, WAYS, Station, may_begin, tried

import lockgate
from lockgate import gates
from lockgate.core.deployment import ACTIVE, TRANSITIONS, WAITING, State
from lockgate.core.environment import Environment
from lockgate.engine.promoter import Promoter
from lockgate.gates import schedule
from lockgate.messages import RollBack
from lockgate.ports import Policies
from lockgate.store.database import open_store
from lockgate.wiring.gates import gatehouse

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


# --- the list of ways and gates is whole ---

HOUSE = Path(lockgate.__file__).parent


def calls(name: str, keyword: str = "") -> Iterator[tuple[str, str, ast.Call]]:
    """Module, function and call, of every method of that name which the product calls (with that keyword)."""
    for file in sorted(HOUSE.rglob("*.py")):
        module = ".".join(("lockgate", *file.relative_to(HOUSE).with_suffix("").parts))
        if module.startswith("lockgate.testing"):
            continue
        functions = (one for one in ast.walk(ast.parse(file.read_text())) if isinstance(one, ast.FunctionDef))
        for function, call in ((f, c) for f in functions for c in ast.walk(f) if isinstance(c, ast.Call)):
            words = {given.arg for given in call.keywords}
            if (
                isinstance(call.func, ast.Attribute)
                and call.func.attr == name
                and (not keyword or words & {keyword, None})
            ):
                yield module, function.name, call


def test_every_place_that_asks_for_a_deployment_is_on_some_way(begins: Begins, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes another such place adds a way. `by` has no default: no call can do without it."""
    written = {(module, function) for module, function, _ in calls("open", keyword="by")}
    gone: set[tuple[str, str]] = set()
    honest = Promoter.open

    def watched(self: Promoter, *given: object, **more: object) -> object:
        asking = sys._getframe(1)
        gone.add((asking.f_globals["__name__"], asking.f_code.co_name))
        return honest(self, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Promoter, "open", watched)
    for way in WAYS:
        begins(way, {})
    assert len(written) >= 7 and written <= gone
    assert {place for place in gone if place[0].startswith("lockgate.")} <= written


def test_nothing_is_recorded_or_begun_but_behind_the_gates() -> None:
    """One function records deployments, and one lets them begin; both ask the gatehouse first."""
    recorded = {(m, f) for m, f, call in calls("add") if ast.unparse(call.func).endswith("deployments.add")}
    assert recorded == {("lockgate.engine.promoter", "open")}
    assert {state for state in WAITING if TRANSITIONS[state] & ACTIVE} == {State.READY}
    moved = [(m, f) for m, f, call in calls("moved") if any(ast.unparse(a) == "State.RUNNING" for a in call.args)]
    assert moved == [("lockgate.engine.promoter", "_begin")]


def test_every_gate_of_the_installation_has_an_obstacle(tmp_path: Path) -> None:
    with open_store("sqlite://") as store:
        station = Station(store, tmp_path)
        asked = [name for name, _ in station.promoter.gatehouse.questions]
        parts = (station.documents, station.notary, station.almanac, station.panel, station.custody, station.consent)
        built = gatehouse(store, *parts)  # type: ignore[arg-type]
    assert [name for name, _ in built.questions] == asked, "the rig asks other gates than the server does"
    # The schedule is shut by whoever asks, not by the environment.
    assert set(asked) == {obstacle.gate for obstacle in OBSTACLES.values()} | {schedule.GATE}
    modules = (importlib.import_module(f"lockgate.gates.{m.name}") for m in pkgutil.iter_modules(gates.__path__))
    assert {module.GATE for module in modules} == set(asked)
    assert set(EXEMPT) <= set(WAYS)


# --- going back ---


def test_going_back_through_a_freeze_is_a_rule_that_is_on_by_default_and_on_record(
    policies: Policies, tmp_path: Path
) -> None:
    assert {rule.value for rule in Environment("prod").exempt} == {"rollback"}
    for exempt in (Environment("prod").exempt, frozenset()):
        with open_store("sqlite://") as store:
            station = Station(store, tmp_path, policies)
            station.rewrite(exempt=exempt)
            OBSTACLES["frozen"].shut(station)
            back = station.person("dave").roll_back(RollBack("shop", "prod", "it is slow"))
            station.recheck()
            told = [e for e in store.history.events(0, 500, deployment=back.id) if e.kind == "deployment.exempted"]
            assert station.has_begun() is bool(exempt) and len(told) == len(exempt)
            for event in told:
                assert event.audited and event.actor == "dave" and "rollbacks are exempt from that" in event.because
