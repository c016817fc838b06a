"""The way of each strategy, step by step, when all goes well."""

from lockgate.core.plan import AwaitReady, Done, Drain, Ensure, Observe, Prepare, Retire, Shift, Step, Verify, Warm
from lockgate.core.traffic import ALL, Footing, Pool, Scene, Share, Walk
from lockgate.strategies import recreate, rolling
from lockgate.testing.walks import FIX, NEW, OLD, NextStep, Promise
from tests.strategies.test_going_back import setting_out, to_the_end
from tests.strategies.ways import BLUE_GREEN, CANARY, RECREATE, ROLLING


def way(strategy: tuple[NextStep, Promise], before: int, walk: Walk) -> list[Step]:
    """The steps without repetition."""
    steps = to_the_end(setting_out(strategy, before, walk))
    return [step for i, step in enumerate(steps) if i == 0 or step != steps[i - 1]]


def even_shares(**seats: int) -> Shift:
    each = ALL // sum(seats.values())
    return Shift({name: Share(each * count, count) for name, count in seats.items()})  # type: ignore[misc]


RAISE_TWO = [Ensure(NEW, 2), AwaitReady(NEW, 2), Warm(NEW), Verify(NEW, through_router=False)]
PROVE = Verify(NEW, through_router=True)


def test_blue_green_raises_a_whole_pool_moves_all_traffic_and_keeps_the_old_until_it_is_proven() -> None:
    assert way(BLUE_GREEN, 2, Walk(NEW, 2)) == [
        Prepare(NEW),
        *RAISE_TWO,
        even_shares(new=2),
        PROVE,
        Drain(OLD),
        Retire(OLD),
        Done(),
    ]


def test_recreate_prepares_while_the_old_still_serves_then_holds() -> None:
    assert way(RECREATE, 2, Walk(NEW, 2)) == [
        Prepare(NEW),
        Shift(hold=True),
        Drain(OLD),
        Retire(OLD),
        *RAISE_TWO,
        even_shares(new=2),
        PROVE,
        Done(),
    ]


def test_rolling_replaces_a_batch_at_a_time_and_keeps_the_last_old_batch_until_it_is_proven() -> None:
    assert way(ROLLING, 4, Walk(NEW, 4, batch=2)) == [
        Prepare(NEW),
        *RAISE_TWO,
        even_shares(new=2, old=2),
        Drain(OLD, keep=2),
        Retire(OLD, keep=2),
        Ensure(NEW, 4),
        AwaitReady(NEW, 4),
        Warm(NEW),
        even_shares(new=4),
        PROVE,
        Drain(OLD),
        Retire(OLD),
        Done(),
    ]


def test_a_rolling_batch_drains_before_it_is_retired() -> None:
    scene = Scene(
        {
            OLD: Pool(OLD, started=3, ready=3, seats=2, weight=6_667, idle=False),
            NEW: Pool(NEW, started=1, ready=1, warmed=1, seats=1, weight=3_333),
        },
        verified_before=True,
    )

    assert rolling.next_step(Walk(NEW, 3), scene) == Drain(OLD, keep=2)


def test_rolling_shares_what_is_left_over_several_old_revisions() -> None:
    scene = Scene(
        {
            OLD: Pool(OLD, started=3, ready=3, seats=3, weight=7_500),
            FIX: Pool(FIX, started=1, ready=1, seats=1, weight=2_500),
            NEW: Pool(NEW, started=1, ready=1, warmed=1),
        },
        verified_before=True,
    )

    assert rolling.next_step(Walk(NEW, 4), scene) == even_shares(new=1, old=2, fix=1)


def test_rolling_starts_all_at_once_when_nobody_serves() -> None:
    assert Ensure(NEW, 3) in way(ROLLING, 0, Walk(NEW, 3, batch=1))


def test_more_replicas_of_what_already_runs_are_a_walk_too() -> None:
    scene = Scene({NEW: Pool(NEW, started=1, ready=1, seats=1, weight=ALL)}, prepared=True)

    assert recreate.next_step(Walk(NEW, 2), scene) == Ensure(NEW, 2)


def test_fewer_replicas_of_what_already_runs_leave_the_rotation_first() -> None:
    scene = Scene(
        {NEW: Pool(NEW, started=3, ready=3, warmed=3, seats=3, weight=ALL)}, verified_before=True, verified_after=True
    )

    assert rolling.next_step(Walk(NEW, 2), scene) == even_shares(new=2)


def test_a_worker_asks_no_router() -> None:
    for strategy in (BLUE_GREEN, RECREATE, ROLLING):
        steps = way(strategy, 2, Walk(NEW, 2, routed=False))

        assert not any(isinstance(step, (Shift, Drain, Warm)) or step == PROVE for step in steps)
        assert Verify(NEW, through_router=False) in steps
    assert way(ROLLING, 2, Walk(NEW, 2, routed=False)).index(Retire(OLD, keep=1)) > 2


def test_a_component_without_checks_is_not_verified() -> None:
    for strategy in (BLUE_GREEN, RECREATE, ROLLING):
        assert not any(isinstance(step, Verify) for step in way(strategy, 2, Walk(NEW, 2, checked=False)))


def test_a_failed_first_deployment_leaves_nothing_and_does_not_hold() -> None:
    scene = Scene({NEW: Pool(NEW, started=1, ready=1, seats=1, weight=ALL)}, holding=False)
    for strategy, _ in (BLUE_GREEN, RECREATE, ROLLING):
        assert strategy(Walk(None, 0, back=True), scene) == Shift()


def test_an_unready_instance_leaves_the_rotation_before_anything_else() -> None:
    scene = Scene({OLD: Pool(OLD, started=3, ready=2, seats=3, unfit=1, weight=ALL)})
    for strategy, _ in (BLUE_GREEN, RECREATE, ROLLING):
        assert strategy(Walk(NEW, 3), scene) == even_shares(old=2)


def test_a_rotation_in_which_nothing_is_ready_is_left_as_it_is() -> None:
    scene = Scene({OLD: Pool(OLD, started=3, seats=3, unfit=3, weight=ALL)})
    for strategy, _ in (BLUE_GREEN, RECREATE, ROLLING):
        assert strategy(Walk(NEW, 3), scene) == Prepare(NEW)


def test_an_instance_that_is_ready_again_comes_back_into_rotation() -> None:
    scene = Scene({OLD: Pool(OLD, started=3, ready=3, seats=2, weight=ALL)})
    for strategy, _ in (BLUE_GREEN, ROLLING):
        assert strategy(Walk(NEW, 3), scene) == Shift({OLD: Share(ALL, 3)})


def test_rolling_goes_back_in_one_batch() -> None:
    half_way = Scene(
        {
            OLD: Pool(OLD, started=1, ready=1, seats=1, weight=2_500),
            NEW: Pool(NEW, started=3, ready=3, warmed=3, seats=3, weight=7_500),
        },
        prepared=True,
    )

    assert rolling.next_step(Walk(OLD, 4, batch=1, back=True), half_way) == Ensure(OLD, 4)


def test_a_rolling_worker_is_verified_before_the_first_old_one_leaves() -> None:
    steps = way(ROLLING, 3, Walk(NEW, 3, routed=False))

    assert steps[:5] == [
        Prepare(NEW),
        Ensure(NEW, 1),
        AwaitReady(NEW, 1),
        Verify(NEW, through_router=False),
        Retire(OLD, keep=2),
    ]


def test_recreate_goes_back_to_a_complete_pool_before_it_takes_anything_down() -> None:
    scene = Scene({OLD: Pool(OLD, started=2, ready=2), NEW: Pool(NEW, started=1)}, holding=True)

    assert recreate.next_step(Walk(OLD, 2, back=True), scene) == even_shares(old=2)


RAMP = (Footing(100, 1), Footing(5000, 2))


def test_a_canary_grows_beside_the_whole_old_pool_and_is_watched_at_each_weight() -> None:
    assert way(CANARY, 3, Walk(NEW, 3, ramp=RAMP)) == [
        Prepare(NEW),
        Ensure(NEW, 1),
        AwaitReady(NEW, 1),
        Warm(NEW),
        Verify(NEW, through_router=False),
        Shift({OLD: Share(9900, 3), NEW: Share(100, 1)}),
        Observe(NEW, 0),
        Ensure(NEW, 2),
        AwaitReady(NEW, 2),
        Warm(NEW),
        Shift({OLD: Share(5000, 3), NEW: Share(5000, 2)}),
        Observe(NEW, 1),
        Ensure(NEW, 3),
        AwaitReady(NEW, 3),
        Warm(NEW),
        Shift({NEW: Share(ALL, 3)}),
        PROVE,
        Drain(OLD),
        Retire(OLD),
        Done(),
    ]


def test_a_canary_with_nobody_to_compare_with_is_raised_in_one_stride() -> None:
    assert Observe not in {type(step) for step in way(CANARY, 0, Walk(NEW, 2, ramp=RAMP))}


def test_what_runs_is_not_turned_into_a_canary_by_going_back_to_it() -> None:
    pools = {OLD: Pool(OLD, 2, 2, 2, seats=2, weight=9900), NEW: Pool(NEW, 1, 1, 1, seats=1, weight=100)}
    scene = Scene(pools, prepared=True, verified_before=True)
    assert CANARY[0](Walk(OLD, 2, ramp=RAMP), scene) == Shift({OLD: Share(ALL, 2)})


def test_a_canary_of_two_others_leaves_them_their_proportion() -> None:
    pools = {
        OLD: Pool(OLD, 2, 2, 2, seats=2, weight=9000),
        NEW: Pool(NEW, 1, 1, 1, seats=1, weight=1000),
        FIX: Pool(FIX, 1, 1, 1),
    }
    step = CANARY[0](Walk(FIX, 2, ramp=RAMP), Scene(pools, prepared=True, verified_before=True))
    assert step == Shift({OLD: Share(8910, 2), NEW: Share(990, 1), FIX: Share(100, 1)})


def test_a_canary_without_a_ready_instance_has_no_traffic_until_it_has_one() -> None:
    pools = {
        OLD: Pool(OLD, 2, 2, 2, seats=2, weight=9900),
        NEW: Pool(NEW, 1, 0, 0, seats=1, unfit=1, weight=100),
    }
    step = CANARY[0](Walk(NEW, 2, ramp=RAMP), Scene(pools, prepared=True, verified_before=True))
    assert step == Shift({OLD: Share(ALL, 2)})


def test_a_canary_may_be_compared_with_instances_that_were_started_with_it() -> None:
    walk = Walk(NEW, 3, checked=False, ramp=(Footing(5000, 2),), beside=OLD, kept=3)
    steps = way(CANARY, 3, walk)
    assert steps[:8] == [
        Prepare(NEW),
        Ensure(NEW, 2),
        AwaitReady(NEW, 2),
        Warm(NEW),
        Ensure(OLD, 5),
        AwaitReady(OLD, 5),
        Shift({OLD: Share(ALL, 5)}),
        Shift({OLD: Share(5000, 5), NEW: Share(5000, 2)}),
    ]
    assert steps[-3:] == [Drain(OLD), Retire(OLD), Done()]
