"""What a strategy is shown of an instance that is in rotation and should not be."""

import pytest
from tests.core.samples import PROD, release

from lockgate.core.deployment import Progress
from lockgate.core.ids import InstanceId
from lockgate.core.inventory import Condition, Instance, Observed
from lockgate.core.plan import make_plan
from lockgate.core.traffic import ALL, PoolStatus, RouteStatus
from lockgate.engine.course import legs_of
from lockgate.engine.scene import Sight, scene_of


@pytest.mark.parametrize(
    ("endpoints", "weight", "seats", "unfit"),
    [
        (("h:1", "h:2"), ALL, 2, 0),
        (("h:1", "h:3"), ALL, 2, 1),
        (("h:1", "h:9"), ALL, 2, 1),
        (("h:1", "h:2"), 0, 0, 0),
        ((), ALL, 0, 0),
    ],
    ids=["sound", "unready", "gone", "leaving", "empty"],
)
def test_an_endpoint_without_a_ready_instance_is_shown_as_unfit(
    endpoints: tuple[str, ...], weight: int, seats: int, unfit: int
) -> None:
    (leg,) = legs_of(make_plan(release(), PROD), None, back=False)
    revision = leg.walk.to
    assert revision
    conditions = [Condition.READY, Condition.READY, Condition.UNREADY]
    instances = [
        Instance(InstanceId(str(slot)), revision, slot, condition, f"h:{slot + 1}", 0.0)
        for slot, condition in enumerate(conditions)
    ]
    route = RouteStatus(True, {revision: PoolStatus(endpoints, weight, 0, 0)}, False, 1.0)
    pool = scene_of(leg, Sight(Observed(leg.key, tuple(instances), 1.0), route, 1.0), Progress(), 1.0).pool(revision)

    assert (pool.started, pool.ready, pool.seats, pool.unfit) == (3, 2, seats, unfit)
