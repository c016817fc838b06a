"""What runs, compared with what was deployed. Nothing is called good on an old observation."""

from lockgate.core.ids import InstanceId, RevisionId
from lockgate.core.inventory import STALE_AFTER, Condition, Drift, Instance, Observed, Standing, drift
from lockgate.core.traffic import Key

KEY = Key("shop", "prod", "web")
NEW, OLD = RevisionId("new"), RevisionId("old")
NOW = 1_000_000.0


def instance(revision: RevisionId, slot: int, condition: Condition = Condition.READY) -> Instance:
    return Instance(InstanceId(f"{revision}-{slot}"), revision, slot, condition, "127.0.0.1:1", NOW)


def seen(*instances: Instance, at: float = NOW) -> Observed:
    return Observed(KEY, instances, at)


TWO = (instance(NEW, 1), instance(NEW, 0))


def test_instances_are_read_by_slot_and_condition() -> None:
    observed = seen(*TWO, instance(NEW, 2, Condition.STARTING), instance(OLD, 0))

    assert [i.slot for i in observed.of(NEW)] == [0, 1, 2]
    assert [i.slot for i in observed.ready(NEW)] == [0, 1]
    assert observed.revisions() == {NEW: 3, OLD: 1}


def test_what_was_deployed_and_nothing_else_is_as_deployed() -> None:
    assert drift({NEW: 2}, seen(*TWO), NOW) == Drift(Standing.AS_DEPLOYED, "What runs is what was deployed.")


def test_nothing_deployed_is_said_so() -> None:
    assert drift({}, seen(), NOW).standing is Standing.NOTHING


def test_missing_instances_are_drift() -> None:
    found = drift({NEW: 2}, seen(instance(NEW, 0), instance(NEW, 1, Condition.UNREADY)), NOW)

    assert found == Drift(Standing.DRIFTED, "1 of 2 instances of revision new are ready.")


def test_foreign_instances_are_drift() -> None:
    found = drift({NEW: 2}, seen(*TWO, instance(OLD, 0)), NOW)

    assert found == Drift(Standing.DRIFTED, "Instances of another revision run: old.")


def test_what_has_not_been_observed_is_unknown() -> None:
    assert drift({NEW: 2}, None, NOW) == Drift(Standing.UNKNOWN, "It has not been observed yet.")


def test_an_old_observation_says_nothing() -> None:
    fresh, old = seen(*TWO, at=NOW - STALE_AFTER), seen(*TWO, at=NOW - STALE_AFTER - 1)

    assert drift({NEW: 2}, fresh, NOW).standing is Standing.AS_DEPLOYED
    assert drift({NEW: 2}, old, NOW) == Drift(Standing.UNKNOWN, "It was last observed 31 s ago.")


def test_an_observation_from_the_future_says_nothing_either() -> None:
    found = drift({NEW: 2}, seen(*TWO, at=NOW + 3600), NOW)

    assert found == Drift(Standing.UNKNOWN, "Its last observation lies in the future: the clock has jumped back.")
