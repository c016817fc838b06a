"""What a store must do when a worker saves a deployment."""

from dataclasses import replace

import pytest

from lockgate.core.deployment import Kind, Progress, State, Want
from lockgate.core.errors import Fenced, IllegalTransition, KeyBusy, NotFound
from lockgate.core.ids import DeploymentId, Generation, InstanceId, ReleaseId, RevisionId, digest_of
from lockgate.ports import Store
from lockgate.testing.contracts.lives import LEASE, added, at_rest, claimed, living
from lockgate.testing.samples import NOON, an_event

PROGRESS = Progress(
    component=1,
    step="drain",
    words="Draining “web” \x00",
    since=NOON + 0.125,
    steps_taken=7,
    prepared=frozenset({RevisionId("r1"), RevisionId("r2")}),
    warmed=frozenset({InstanceId("i1")}),
    verified_before=frozenset({RevisionId("r2")}),
    verified_after=frozenset(),
    draining={RevisionId("r1"): NOON + 0.1},
    check=2,
    attempts=3,
    failure="GET / answered 500",
    outcome=State.ROLLED_BACK,
)


class SavingContract:
    """Saving: what is written, and what is refused."""

    def test_everything_that_was_saved_is_there(self, store: Store) -> None:
        row = living(store, State.RUNNING)
        wished = replace(
            row,
            state=State.ROLLING_BACK,
            release=ReleaseId("rel-other"),
            kind=Kind.ROLLBACK,
            reason="because",
            urgent=True,
            because="It failed: \x00 Grüße.",
            who="ada",
            state_since=NOON + 1,
            started_at=NOON + 0.5,
            ended_at=NOON + 2,
            previous=digest_of("before"),
            progress=PROGRESS,
            next_at=NOON + 9,
        )
        saved = store.deployments.save(wished, NOON + 3)
        assert saved == replace(wished, written_at=NOON + 3)
        assert store.history.deployment(row.id) == saved

    def test_a_save_never_undoes_what_somebody_wants(self, store: Store) -> None:
        row = living(store, State.RUNNING)
        store.deployments.ask(row.id, Want.ABORT, NOON, an_event())
        saved = store.deployments.save(replace(row, want=Want.PAUSE), NOON)
        assert saved.want is Want.ABORT
        assert store.history.deployment(row.id).want is Want.ABORT

    def test_a_save_never_undoes_a_heartbeat(self, store: Store) -> None:
        row = living(store, State.RUNNING)
        store.deployments.renew("w1", NOON + 5, LEASE)
        assert store.deployments.save(row, NOON + 6).lease_until == NOON + 5 + LEASE

    def test_a_claim_is_given_back_on_request(self, store: Store) -> None:
        row = living(store, State.PENDING)
        saved = store.deployments.save(row, NOON, keep_claim=False)
        assert (saved.owner, saved.lease_until) == ("", 0.0)
        assert saved.generation == row.generation
        (again,) = store.deployments.claim("w2", NOON, LEASE, 10)
        assert again.generation > row.generation

    def test_what_was_given_back_cannot_be_saved(self, store: Store) -> None:
        row = living(store, State.PENDING)
        given_back = store.deployments.save(row, NOON, keep_claim=False)
        with pytest.raises(Fenced, match="given up"):
            store.deployments.save(row, NOON + 1, [an_event("late")])
        assert store.history.deployment(row.id) == given_back

    def test_a_frozen_worker_is_refused(self, store: Store) -> None:
        frozen = living(store, State.RUNNING)
        (taken,) = store.deployments.claim("w2", NOON + LEASE, LEASE, 10)
        with pytest.raises(Fenced, match="w2"):
            store.deployments.save(replace(frozen, because="late", holds=True), NOON + LEASE, [an_event("late")])
        assert store.history.deployment(frozen.id) == taken
        assert all(e.kind != "late" for e in store.history.events(0, 10))

    def test_a_thread_of_the_same_worker_that_froze_is_refused_too(self, store: Store) -> None:
        frozen = living(store, State.PENDING)
        (again,) = store.deployments.claim("w1", NOON + LEASE, LEASE, 10)
        with pytest.raises(Fenced, match=f"generation {again.generation}"):
            store.deployments.save(replace(frozen, because="late"), NOON + LEASE)
        assert store.history.deployment(frozen.id) == again

    def test_an_illegal_transition_changes_nothing(self, store: Store) -> None:
        row = living(store, State.PENDING)
        with pytest.raises(IllegalTransition, match="pending"):
            store.deployments.save(replace(row, state=State.VERIFYING, because="no"), NOON, [an_event("no")])
        with pytest.raises(IllegalTransition):
            store.deployments.save(replace(row, state=State.RUNNING), NOON, [an_event("no")])
        assert store.history.deployment(row.id) == row
        assert all(e.kind != "no" for e in store.history.events(0, 10))

    def test_an_unknown_deployment_is_not_made_by_saving(self, store: Store) -> None:
        row = living(store, State.PENDING)
        unknown = replace(row, id=DeploymentId("dep-99"), number=99, generation=Generation(1))
        with pytest.raises(NotFound, match="dep-99"):
            store.deployments.save(unknown, NOON)

    # --- the key ---

    def test_a_second_deployment_does_not_become_active(self, store: Store) -> None:
        active = living(store, State.RUNNING)
        second = living(store, State.READY)
        with pytest.raises(KeyBusy, match=active.id):
            store.deployments.save(replace(second, state=State.RUNNING), NOON, [an_event("no")])
        assert store.history.deployment(second.id) == second

    @pytest.mark.parametrize("state", [State.RUNNING, State.PAUSED])
    def test_not_even_an_urgent_one_does(self, store: Store, state: State) -> None:
        living(store, state)
        with pytest.raises(KeyBusy):
            living(store, State.RUNNING, urgent=True)

    def test_other_keys_are_not_in_the_way(self, store: Store) -> None:
        for application, environment in (("shop", "dev"), ("shop", "prod"), ("blog", "prod")):
            assert living(store, State.RUNNING, application=application, environment=environment).active

    def test_the_key_is_free_when_the_active_one_has_ended(self, store: Store) -> None:
        led_out = living(store, State.RUNNING)
        store.deployments.save(replace(led_out, state=State.SUPERSEDED), NOON)
        assert living(store, State.RUNNING).active

    def test_first_come_first_served(self, store: Store) -> None:
        first, second = living(store, State.READY), living(store, State.READY)
        with pytest.raises(KeyBusy, match=first.id):
            store.deployments.save(replace(second, state=State.RUNNING), NOON)
        assert store.deployments.save(replace(first, state=State.RUNNING), NOON).active

    @pytest.mark.parametrize("state", [State.ABORTED, State.GATED])
    def test_those_in_line_are_due_when_one_makes_way(self, store: Store, state: State) -> None:
        first, second = living(store, State.READY), at_rest(store, living(store, State.READY), NOON + 60)
        elsewhere = at_rest(store, living(store, State.READY, environment="dev"), NOON + 60)
        store.deployments.save(replace(first, state=state, next_at=None), NOON + 1, keep_claim=False)
        assert store.history.deployment(second.id).next_at == NOON + 1
        assert store.history.deployment(elsewhere.id).next_at == NOON + 60

    def test_one_that_finds_the_key_busy_while_it_becomes_free_is_due(self, store: Store) -> None:
        active, second = living(store, State.RUNNING), living(store, State.READY)
        with pytest.raises(KeyBusy) as busy:
            store.deployments.save(replace(second, state=State.RUNNING), NOON)
        assert busy.value.in_line
        store.deployments.save(replace(active, state=State.SUPERSEDED), NOON + 1)
        saved = store.deployments.save(replace(second, next_at=NOON + 3600), NOON + 2, keep_claim=False)
        assert saved.next_at == NOON + 2

    def test_one_that_still_waits_for_its_gates_is_overtaken(self, store: Store) -> None:
        living(store, State.GATED)
        assert living(store, State.RUNNING).active

    def test_an_urgent_deployment_overtakes(self, store: Store) -> None:
        living(store, State.READY)
        assert living(store, State.RUNNING, urgent=True).active

    @pytest.mark.parametrize("urgent", [False, True])
    def test_a_deployment_claimed_before_its_keeper_claims_again(self, store: Store, urgent: bool) -> None:
        """Drivers would refuse its older generation, and let the keeper, if it froze, work against it."""
        keeper = at_rest(store, living(store, State.SUCCEEDED), NOON + 1)
        row = living(store, State.PENDING, urgent=urgent)
        newer = claimed(store, keeper.number, NOON + 1)
        row = store.deployments.save(replace(row, state=State.READY), NOON + 1)
        with pytest.raises(KeyBusy, match=f"{keeper.id} is being kept"):
            store.deployments.save(replace(row, state=State.RUNNING), NOON + 1)
        store.deployments.save(row, NOON + 1, keep_claim=False)
        again = claimed(store, row.number, NOON + 1)
        assert again.generation > newer.generation
        assert store.deployments.save(replace(again, state=State.RUNNING), NOON + 1).active

    # --- what holds ---

    def test_whoever_succeeds_takes_the_hold_from_the_one_before(self, store: Store) -> None:
        before = at_rest(store, living(store, State.SUCCEEDED), NOON + 60)
        elsewhere = living(store, State.SUCCEEDED, environment="dev")
        now = living(store, State.SUCCEEDED)
        assert store.history.holder("shop", "prod") == now
        assert store.history.holder("shop", "dev") == elsewhere
        assert store.history.holder("shop", "staging") is None
        rested = store.history.deployment(before.id)
        assert (rested.holds, rested.next_at, rested.state) == (False, None, State.SUCCEEDED)

    def test_a_frozen_keeper_does_not_take_the_hold_back(self, store: Store) -> None:
        keeper = living(store, State.SUCCEEDED)
        now = living(store, State.SUCCEEDED)
        with pytest.raises(Fenced):
            store.deployments.save(replace(keeper, next_at=NOON + 5), NOON + 1)
        assert store.history.holder("shop", "prod") == now

    def test_a_refused_save_takes_no_hold(self, store: Store) -> None:
        keeper = at_rest(store, living(store, State.SUCCEEDED), NOON + 60)
        row = living(store, State.PENDING)
        with pytest.raises(IllegalTransition):
            store.deployments.save(replace(row, state=State.SUCCEEDED, holds=True), NOON)
        assert store.history.holder("shop", "prod") == keeper

    def test_events_come_with_the_change_they_tell_of(self, store: Store) -> None:
        row = claimed(store, added(store).number)
        told = [an_event("deployment.ready", deployment=row.id), an_event("also", deployment=row.id)]
        store.deployments.save(replace(row, state=State.READY), NOON, told)
        assert [e.kind for e in store.history.events(0, 10)] == ["deployment.requested", "deployment.ready", "also"]
