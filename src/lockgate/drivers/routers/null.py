"""The router of components without traffic: it accepts every route, and nothing ever runs on one."""

import threading
import time
from collections.abc import Callable, Mapping

from lockgate.core.errors import Fenced
from lockgate.core.ids import Generation, Instant, RevisionId
from lockgate.core.plan import Fence
from lockgate.core.traffic import Key, PoolStatus, Route, RouterCaps, RouteStatus, Sample


class NullRouter:
    """See :class:`lockgate.ports.Router`. It remembers in memory; there is no traffic that could outlive it."""

    caps = RouterCaps(weights=True, inflight=True, hold=True, histogram=False, pins=False, sticky=False)

    def __init__(self, now: Callable[[], Instant] = time.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._routes: dict[Key, Route] = {}
        self._generations: dict[Key, Generation] = {}

    def apply(self, route: Route, fence: Fence) -> None:
        """Raises Fenced."""
        with self._lock:
            self._speak(route.key, fence)
            self._routes[route.key] = route

    def remove(self, key: Key, fence: Fence) -> None:
        """Raises Fenced."""
        with self._lock:
            self._speak(key, fence)
            self._routes.pop(key, None)

    def status(self, key: Key) -> RouteStatus:
        """Every pool is drained."""
        route = self._routes.get(key)
        if route is None:
            return RouteStatus(False, {}, False, self._now(), "No route has been given.")
        pools = {pool.revision: PoolStatus(pool.endpoints, pool.weight, 0, 0) for pool in route.pools}
        holding = route.hold > 0 and not any(pool.weight for pool in route.pools)
        return RouteStatus(True, pools, holding, self._now())

    def sample(self, key: Key) -> Mapping[RevisionId, Sample]:
        """Nothing was ever asked."""
        return {}

    def _speak(self, key: Key, fence: Fence) -> None:
        newest = self._generations.get(key, Generation(0))
        if fence.generation < newest:
            raise Fenced(f"{fence.deployment} may not route {key} any more: generation {newest} has taken over.")
        self._generations[key] = fence.generation
