"""The router of components without traffic."""

import pytest

from lockgate.core.errors import Fenced
from lockgate.core.ids import RevisionId
from lockgate.core.traffic import ALL, Key, PoolStatus, Route, RoutePool
from lockgate.drivers.routers.null import NullRouter
from lockgate.testing.contracts.lane import fence

KEY = Key("shop", "prod", "worker")
ROUTE = Route(KEY, "127.0.0.1:1", "/", (RoutePool(RevisionId("a"), ("127.0.0.1:2",), ALL),))


def test_every_route_is_live_and_every_pool_drained() -> None:
    router = NullRouter(now=lambda: 5.0)
    router.apply(ROUTE, fence())
    status = router.status(KEY)
    assert status.live and not status.holding and status.observed_at == 5.0
    assert status.pools == {RevisionId("a"): PoolStatus(("127.0.0.1:2",), ALL, 0, 0)}
    assert not router.sample(KEY)
    router.apply(Route(KEY, "127.0.0.1:1", "/", (), hold=3.0), fence())
    assert router.status(KEY).holding


def test_a_removed_key_is_not_live() -> None:
    router = NullRouter()
    router.apply(ROUTE, fence())
    router.remove(KEY, fence())
    assert not router.status(KEY).live and router.status(KEY).because


def test_an_older_claim_is_fenced() -> None:
    router = NullRouter()
    late = fence()
    router.apply(ROUTE, fence())
    with pytest.raises(Fenced):
        router.apply(ROUTE, late)
    with pytest.raises(Fenced):
        router.remove(KEY, late)
