"""What users got of what runs is noted minute by minute, whoever does it and whatever happens in between."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.core.errors import Unavailable
from lockgate.core.traffic import Key
from lockgate.core.window import Minute
from lockgate.engine.recorder import Recorder
from lockgate.store.database import open_store
from lockgate.testing.rig import Rig

WEB = Key("shop", "dev", "web")


@pytest.fixture
def users(tmp_path: Path) -> Iterator[Rig]:
    with open_store(f"sqlite:///{tmp_path}/traffic.db") as store:
        rig = Rig(store)
        rig.router.rate, rig.router.fail_otherwise = 100.0, 0.01
        rig.deploy(rig.release("1"))
        rig.run(10)
        yield rig


def noted(rig: Rig) -> tuple[Minute, ...]:
    return rig.store.traffic.since(WEB, 0.0)


def test_each_minute_is_noted_once_with_what_every_instance_had(users: Rig) -> None:
    users.run(600)
    minutes = noted(users)
    assert 8 <= len(minutes) <= 10
    for before, after in itertools.pairwise(minutes):
        assert 60 <= after.at - before.at <= 90
    whole, between = minutes[-1], minutes[-1].at - minutes[-2].at
    requests = sum(ratio.whole for ratio in whole.instances.values())
    assert len(whole.instances) == 2
    assert requests == pytest.approx(100 * between, abs=3) == pytest.approx(whole.latency[math.inf], abs=3)
    assert sum(ratio.bad for ratio in whole.instances.values()) == pytest.approx(between, abs=3)


def test_the_router_is_sampled_once_a_minute(users: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Key] = []
    sample = users.router.sample
    monkeypatch.setattr(users.router, "sample", lambda key: asked.append(key) or sample(key))
    users.run(600)
    assert 8 <= asked.count(WEB) <= 11


def test_another_worker_goes_on_with_the_same_minute(users: Rig) -> None:
    users.run(100)
    mark = users.store.traffic.mark(WEB)
    assert mark is not None
    users.worker = users.new_worker("another")
    users.run(100)
    after = noted(users)
    assert next(m.at for m in after if m.at > mark.at) - mark.at <= 90


def test_what_a_long_gap_held_is_no_minute(users: Rig) -> None:
    users.run(100)
    before = noted(users)
    users.clock.pass_by(600)
    users.run(20)
    assert noted(users) == before
    users.run(80)
    (new,) = noted(users)[len(before) :]
    assert sum(ratio.whole for ratio in new.instances.values()) < 100 * 91


def test_a_clock_that_jumps_back_costs_a_minute_and_no_more(users: Rig) -> None:
    users.run(100)
    users.clock.pass_by(-3600)
    users.run(130)
    assert all(ratio.whole < 100 * 91 for minute in noted(users) for ratio in minute.instances.values())
    assert any(minute.at < users.clock.now() for minute in noted(users))


def test_the_next_release_begins_its_own_minutes(users: Rig) -> None:
    users.run(100)
    before = users.store.traffic.mark(WEB)
    users.deploy(users.release("2"))
    users.run(20)
    after = users.store.traffic.mark(WEB)
    assert before and after and before.revision != after.revision
    count = len(noted(users))
    users.run(80)
    assert len(noted(users)) == count + 1


def test_a_router_that_does_not_answer_costs_the_minute_and_says_nothing(
    users: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(key: Key) -> None:
        raise Unavailable("Envoy does not answer.")

    users.run(100)
    before, events = noted(users), len(users.store.history.events(0, 1000))
    with monkeypatch.context() as patch:
        patch.setattr(users.router, "sample", silent)
        users.run(200)
    assert noted(users) == before
    assert len(users.store.history.events(0, 1000)) == events
    users.run(200)
    assert len(noted(users)) > len(before)


def test_a_router_without_counts_leaves_nothing(users: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users.router, "sample", lambda key: {})
    other = Key("shop", "prod", "other")
    revision = next(iter(users.router.routes[WEB].pools)).revision
    Recorder(users.store, users.clock).note(other, revision, users.router)
    assert users.store.traffic.mark(other) is None
