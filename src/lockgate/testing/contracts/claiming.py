"""What a store must do when deployments are added, claimed and asked of."""

from dataclasses import replace

import pytest

from lockgate.core.deployment import State, Want
from lockgate.core.errors import Conflict, Fenced, NotFound
from lockgate.core.ids import DeploymentId
from lockgate.ports import Store
from lockgate.testing.contracts.lives import LEASE, added, at_rest, claimed, living
from lockgate.testing.samples import NOON, a_deployment, an_event


class ClaimingContract:
    """Adding, claiming, asking."""

    # --- adding ---

    def test_a_deployment_is_recorded_under_the_next_number(self, store: Store) -> None:
        first, second = added(store), added(store, environment="dev")
        assert (first.number, second.number) == (1, 2)
        assert second.id == "dep-2"
        assert store.history.deployment(second.id) == second

    def test_events_of_a_new_deployment_name_it(self, store: Store) -> None:
        row = added(store, events=[an_event("deployment.requested"), an_event("noted", deployment="dep-9")])
        told = store.history.events(0, 10)
        assert [(e.kind, e.deployment) for e in told] == [("deployment.requested", row.id), ("noted", "dep-9")]

    def test_the_newest_supersedes_those_that_wait(self, store: Store) -> None:
        older = [added(store), added(store, environment="dev"), added(store, application="blog")]
        newest = added(store, supersede=True, created_at=NOON + 7)
        passed = store.history.deployment(older[0].id)
        assert passed.state is State.SUPERSEDED
        assert newest.id in passed.because
        assert (passed.ended_at, passed.next_at, passed.want) == (NOON + 7, None, Want.RUN)
        assert [store.history.deployment(d.id).state for d in older[1:]] == [State.PENDING, State.PENDING]
        (told,) = [e for e in store.history.events(0, 10) if e.kind == "deployment.superseded"]
        assert (told.deployment, told.because) == (older[0].id, passed.because)

    def test_an_urgent_one_that_waits_is_superseded_only_by_an_urgent_one(self, store: Store) -> None:
        urgent = added(store, urgent=True)
        added(store, supersede=True)
        assert store.history.deployment(urgent.id).state is State.PENDING
        added(store, supersede=True, urgent=True)
        assert store.history.deployment(urgent.id).state is State.SUPERSEDED

    def test_one_that_is_planned_for_later_is_not_superseded_before_its_time(self, store: Store) -> None:
        planned = added(store, not_before=NOON + 60)
        added(store, supersede=True, created_at=NOON + 59)
        added(store, supersede=True, urgent=True, created_at=NOON + 59)
        assert store.history.deployment(planned.id) == planned
        added(store, supersede=True, created_at=NOON + 60)
        assert store.history.deployment(planned.id).state is State.SUPERSEDED

    def test_an_active_deployment_is_not_superseded(self, store: Store) -> None:
        active = living(store, State.RUNNING)
        added(store, supersede=True)
        assert store.history.deployment(active.id) == active

    def test_a_worker_at_a_superseded_deployment_has_lost_it(self, store: Store) -> None:
        row = living(store, State.PENDING)
        added(store, supersede=True)
        with pytest.raises(Fenced):
            store.deployments.save(replace(row, state=State.READY), NOON)
        assert store.history.deployment(row.id).state is State.SUPERSEDED

    def test_in_a_queue_nobody_is_superseded(self, store: Store) -> None:
        first = added(store)
        added(store)
        assert store.history.deployment(first.id) == first

    def test_an_urgent_deployment_tells_the_active_one_to_give_way(self, store: Store) -> None:
        active = at_rest(store, living(store, State.RUNNING), None)
        other = at_rest(store, living(store, State.RUNNING, environment="dev"), None)
        added(store, urgent=True, created_at=NOON + 3)
        told = store.history.deployment(active.id)
        assert (told.want, told.next_at, told.state) == (Want.GIVE_WAY, NOON + 3, State.RUNNING)
        assert store.history.deployment(other.id).want is Want.RUN

    # --- claiming ---

    def test_what_is_due_is_claimed_once(self, store: Store) -> None:
        row = added(store)
        (mine,) = store.deployments.claim("w1", NOON, LEASE, 10)
        assert (mine.id, mine.owner, mine.lease_until) == (row.id, "w1", NOON + LEASE)
        assert store.history.deployment(row.id) == mine
        assert store.deployments.claim("w2", NOON + LEASE - 1, LEASE, 10) == ()

    def test_what_is_not_due_is_not_claimed(self, store: Store) -> None:
        added(store, next_at=NOON + 1)
        added(store, next_at=None)
        assert store.deployments.claim("w1", NOON, LEASE, 10) == ()
        assert len(store.deployments.claim("w1", NOON + 1, LEASE, 10)) == 1

    def test_every_claim_has_a_higher_generation_than_any_before(self, store: Store) -> None:
        for environment in ("a", "b", "c"):
            added(store, environment=environment)
        seen: list[int] = []
        for _ in range(3):
            rows = store.deployments.claim("w1", NOON, LEASE, 10)
            seen += [row.generation for row in rows]
            for row in rows:
                store.deployments.save(row, NOON, keep_claim=False)
        assert len(seen) == 9
        assert seen == sorted(set(seen))

    def test_the_longest_due_are_claimed_first(self, store: Store) -> None:
        for late in (1, 3, 2):
            added(store, environment=f"e{late}", next_at=NOON - late)
        rows = store.deployments.claim("w1", NOON, LEASE, 2)
        assert [row.environment for row in rows] == ["e3", "e2"]

    def test_after_its_lease_a_deployment_is_claimed_by_another(self, store: Store) -> None:
        added(store)
        (frozen,) = store.deployments.claim("w1", NOON, LEASE, 10)
        (taken,) = store.deployments.claim("w2", NOON + LEASE, LEASE, 10)
        assert taken.owner == "w2"
        assert taken.generation > frozen.generation

    def test_a_heartbeat_keeps_all_of_a_workers_claims(self, store: Store) -> None:
        for environment in ("a", "b"):
            added(store, environment=environment)
        store.deployments.claim("w1", NOON, LEASE, 10)
        store.deployments.renew("w1", NOON + 8, LEASE)
        store.deployments.renew("w2", NOON + 99, LEASE)
        assert store.deployments.claim("w2", NOON + LEASE + 1, LEASE, 10) == ()
        assert len(store.deployments.claim("w2", NOON + 8 + LEASE, LEASE, 10)) == 2

    def test_a_heartbeat_of_no_length_gives_up_all_of_a_workers_claims(self, store: Store) -> None:
        added(store)
        (before,) = store.deployments.claim("w1", NOON, LEASE, 10)
        store.deployments.renew("w1", NOON + 1, 0.0)
        (after,) = store.deployments.claim("w1", NOON + 1, LEASE, 10)
        assert after.generation > before.generation

    def test_a_clock_that_jumps_back_stops_no_deployment(self, store: Store) -> None:
        row = claimed(store, added(store).number)
        store.deployments.save(replace(row, next_at=NOON + 1), NOON, keep_claim=False)
        (again,) = store.deployments.claim("w1", NOON - 3600, LEASE, 10)
        assert again.id == row.id

    def test_a_lease_from_a_clock_that_was_ahead_is_void(self, store: Store) -> None:
        added(store)
        store.deployments.claim("w1", NOON + 3600, LEASE, 10)
        (taken,) = store.deployments.claim("w2", NOON, LEASE, 10)
        assert taken.owner == "w2"

    def test_clocks_that_differ_a_little_do_not_void_a_lease(self, store: Store) -> None:
        added(store)
        store.deployments.claim("w1", NOON + 4, LEASE, 10)
        assert store.deployments.claim("w2", NOON, LEASE, 10) == ()

    @pytest.mark.parametrize("state", [State.READY, State.RUNNING, State.PAUSED])
    def test_a_keeper_is_not_claimed_while_another_works(self, store: Store, state: State) -> None:
        keeper = at_rest(store, living(store, State.SUCCEEDED), NOON + 5)
        elsewhere = at_rest(store, living(store, State.SUCCEEDED, environment="dev"), NOON + 5)
        at_rest(store, living(store, state))
        assert [row.id for row in store.deployments.claim("w1", NOON + 5, LEASE, 10)] == [elsewhere.id]
        assert store.history.deployment(keeper.id).owner == ""

    def test_a_keeper_is_claimed_while_another_waits_for_its_gates(self, store: Store) -> None:
        keeper = at_rest(store, living(store, State.SUCCEEDED), NOON + 5)
        at_rest(store, living(store, State.GATED))
        assert [row.id for row in store.deployments.claim("w1", NOON + 5, LEASE, 10)] == [keeper.id]

    # --- asking ---

    def test_what_somebody_wants_makes_a_deployment_due(self, store: Store) -> None:
        row = at_rest(store, living(store, State.GATED))
        asked = store.deployments.ask(row.id, Want.ABORT, NOON + 2, an_event("deployment.abort_asked"))
        assert asked == replace(row, want=Want.ABORT, next_at=NOON + 2)
        assert store.history.deployment(row.id) == asked
        assert store.history.events(0, 10)[-1].kind == "deployment.abort_asked"

    def test_nothing_can_be_asked_of_an_unknown_deployment(self, store: Store) -> None:
        with pytest.raises(NotFound, match="dep-7"):
            store.deployments.ask(DeploymentId("dep-7"), Want.PAUSE, NOON, an_event())
        assert store.history.events(0, 10) == ()

    @pytest.mark.parametrize("state", [State.SUCCEEDED, State.ABORTED])
    def test_nothing_can_be_asked_of_an_ended_deployment(self, store: Store, state: State) -> None:
        row = living(store, state)
        with pytest.raises(Conflict, match=state.value):
            store.deployments.ask(row.id, Want.PAUSE, NOON, an_event("asked"))
        assert store.history.deployment(row.id) == row
        assert all(e.kind != "asked" for e in store.history.events(0, 10))

    def test_what_is_asked_while_a_worker_thinks_is_not_slept_over(self, store: Store) -> None:
        row = living(store, State.PENDING)
        store.deployments.ask(row.id, Want.PAUSE, NOON + 1, an_event())
        saved = store.deployments.save(replace(row, state=State.GATED, next_at=None), NOON + 2, keep_claim=False)
        assert (saved.want, saved.next_at) == (Want.PAUSE, NOON + 2)
        assert store.history.deployment(row.id) == saved
        assert claimed(store, row.number, NOON + 2).want is Want.PAUSE

    def test_asking_for_the_same_again_is_not_slept_over(self, store: Store) -> None:
        """An approval changes nothing in the row; it only says: look again."""
        row = living(store, State.PENDING)
        store.deployments.ask(row.id, Want.RUN, NOON + 1, an_event())
        saved = store.deployments.save(replace(row, state=State.GATED, next_at=None), NOON + 2)
        assert saved.next_at == NOON + 2
        slept = store.deployments.save(replace(saved, next_at=None), NOON + 3)
        assert slept.next_at is None, "the worker has seen it with the save before"

    def test_what_was_asked_before_the_claim_has_been_seen(self, store: Store) -> None:
        row = at_rest(store, living(store, State.GATED))
        store.deployments.ask(row.id, Want.RUN, NOON + 1, an_event())
        mine = claimed(store, row.number, NOON + 1)
        assert store.deployments.save(replace(mine, next_at=None), NOON + 2).next_at is None

    def test_a_deployment_that_has_ended_is_not_woken(self, store: Store) -> None:
        row = living(store, State.PENDING)
        store.deployments.ask(row.id, Want.ABORT, NOON + 1, an_event())
        ended = store.deployments.save(replace(row, state=State.ABORTED, next_at=None), NOON + 2, keep_claim=False)
        assert ended.next_at is None

    def test_a_deployment_without_a_time_waits_for_somebody(self, store: Store) -> None:
        row = store.deployments.add(a_deployment(next_at=None), False, [])
        assert store.deployments.claim("w1", NOON + 1e6, LEASE, 10) == ()
        store.deployments.ask(row.id, Want.RUN, NOON + 1e6, an_event())
        assert len(store.deployments.claim("w1", NOON + 1e6, LEASE, 10)) == 1
