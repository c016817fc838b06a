"""What every router that carries traffic must do. Inherit :class:`RouterContract` in a test module and give it a
``router`` fixture (it may serve the whole class: every test uses a lane of its own):

    class TestMine(RouterContract):
        @pytest.fixture(scope="class")
        @classmethod
        def router(cls): ...
"""

import socket
import time

import pytest

from lockgate.core.errors import Fenced, PortTaken, RouteRejected
from lockgate.core.ids import RevisionId
from lockgate.core.traffic import ALL, Key, RoutePool
from lockgate.ports import Router
from lockgate.testing.contracts.audience import AudienceContract
from lockgate.testing.contracts.lane import (
    Lane,
    LaneFixtures,
    Three,
    fence,
    free_address,
    pool,
    wait_until,
    wilson,
)
from lockgate.testing.contracts.sampling import SamplingContract
from lockgate.testing.load import Load, Mix
from lockgate.testing.origin import Origin

MIX = Mix(keepalive=3, fresh=2, post=6, slow=2, stream=1, rate=150, think=0.1, slow_path="/slow?0.3")


class ServingContract(LaneFixtures):
    """Who gets what."""

    def test_a_route_serves_its_pool(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        assert lane.ask().text == "old 0"
        assert lane.ask(body=b"12345").text == "old 5"
        status = lane.router.status(lane.key)
        assert status.live, status.because
        assert not status.holding
        assert lane.pool("old") == status.pools[RevisionId("old")]
        assert (status.pools[RevisionId("old")].endpoints, status.pools[RevisionId("old")].weight) == (
            (origins[0].address,),
            ALL,
        )

    def test_a_key_without_route_is_not_live_and_has_no_pools(self, router: Router) -> None:
        status = router.status(Key("shop", "nowhere", "web"))
        assert not status.live and status.because
        assert not status.pools and not status.holding

    @pytest.mark.parametrize("weight", [100, 2500])
    def test_traffic_is_shared_by_weight(self, lane: Lane, origins: Three, weight: int) -> None:
        old, new, _ = origins
        lane.give(pool("old", ALL - weight, old), pool("new", weight, new))
        counts = lane.names(2000)
        low, high = wilson(counts.get("new", 0), 2000)
        assert counts.keys() <= {"old", "new"}
        assert low <= weight / ALL <= high, counts

    def test_a_pool_without_weight_gets_nothing_and_stays_visible(self, lane: Lane, origins: Three) -> None:
        old, new, _ = origins
        lane.give(pool("old", 0, old), pool("new", ALL, new))
        assert lane.names(50) == {"new": 50}
        assert lane.pool("old").weight == 0
        assert (lane.pool("old").inflight, lane.pool("old").leaving) == (0, 0)

    def test_all_instances_of_a_pool_are_used(self, lane: Lane, origins: Three) -> None:
        lane.give(pool("all", ALL, *origins))
        assert lane.names(60).keys() == {"old", "new", "further"}

    def test_the_same_route_twice_changes_nothing(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        before = lane.router.status(lane.key).pools
        lane.all_to(origins[0])
        assert lane.router.status(lane.key).pools == before
        assert lane.ask().status == 200

    def test_a_key_that_is_not_deployed_is_refused_with_a_sentence(self, lane: Lane) -> None:
        lane.give()
        reply = lane.ask()
        assert reply.status == 503
        assert lane.key.application in reply.text and lane.key.environment in reply.text
        assert int(reply.headers["retry-after"]) > 0

    def test_an_instance_that_is_gone_costs_no_request_while_another_serves(self, lane: Lane, origins: Three) -> None:
        with Origin("gone") as gone:
            lane.give(pool("both", ALL, origins[0], gone))
            assert lane.names(20).keys() == {"old", "gone"}
        assert lane.names(100) == {"old": 100}
        assert {lane.ask(body=b"x").text for _ in range(20)} == {"old 1"}

    def test_an_application_that_answers_nothing_is_told_in_a_sentence(self, lane: Lane) -> None:
        with Origin("gone") as gone:
            lane.all_to(gone)
        reply = lane.ask()
        assert reply.status == 503
        assert str(lane.key) in reply.text

    def test_a_request_may_be_given_a_limit(self, lane: Lane, origins: Three) -> None:
        lane.give(pool("old", ALL, origins[0]), timeout=0.2)
        assert lane.ask("/slow?2").status == 504
        lane.give(pool("old", ALL, origins[0]))
        assert lane.ask("/slow?0.4").status == 200


class ChangingContract(LaneFixtures):
    """Nobody notices a change."""

    def test_thirty_flips_under_load_lose_nothing(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        with Load(f"http://{lane.listen}", MIX) as load:
            for turn in range(30):
                lane.give(*_turn(turn, origins))
                time.sleep(0.05)
            report = load.stop()
        assert report.failed == 0, report.reasons
        assert report.requests > 100
        assert len(report.by_kind) == 5

    def test_a_stream_goes_on_where_it_began(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        stream = lane.asking("/stream?1")
        wait_until(lambda: lane.pool("old").inflight == 1, "the stream runs")
        lane.all_to(origins[1])
        assert lane.ask().text == "new 0"
        assert stream.result().text.count("data: old") == 10

    def test_a_draining_pool_tells_what_still_runs_on_it(self, lane: Lane, origins: Three) -> None:
        old, new, _ = origins
        lane.all_to(old)
        slow = lane.asking("/slow?1")
        wait_until(lambda: lane.pool("old").inflight == 1, "the request runs")
        lane.give(pool("old", 0, old), pool("new", ALL, new))
        assert (lane.pool("old").inflight, lane.pool("old").leaving) == (1, 0)
        assert slow.result().text == "old 0"
        wait_until(lambda: lane.pool("old").inflight == 0, "it is empty")

    def test_requests_on_instances_that_left_the_rotation_are_told_apart(self, lane: Lane, origins: Three) -> None:
        old, new, _ = origins
        lane.give(pool("rev", ALL, old))
        leaving = lane.asking("/slow?1.2")
        wait_until(lambda: lane.pool("rev").inflight == 1, "the request runs")
        lane.give(pool("rev", ALL, new))
        staying = lane.asking("/slow?0.6")
        wait_until(lambda: lane.pool("rev").inflight == 1, "another runs on the instance in rotation")
        assert lane.pool("rev").leaving == 1
        assert staying.result().text == "new 0"
        assert leaving.result().text == "old 0"
        wait_until(lambda: lane.pool("rev").leaving == 0, "it has ended")

    def test_a_request_on_an_instance_that_stays_is_not_leaving(self, lane: Lane, origins: Three) -> None:
        old, new, _ = origins
        lane.give(pool("rev", ALL, old))
        slow = lane.asking("/slow?0.8")
        wait_until(lambda: lane.pool("rev").inflight == 1, "the request runs")
        lane.give(pool("rev", ALL, old, new))
        assert (lane.pool("rev").inflight, lane.pool("rev").leaving) == (1, 0)
        lane.give(pool("rev", ALL, old))
        assert (lane.pool("rev").inflight, lane.pool("rev").leaving) == (1, 0)
        assert slow.result().status == 200

    def test_requests_on_a_pool_that_is_forgotten_are_still_seen(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        slow = lane.asking("/slow?0.5")
        wait_until(lambda: lane.pool("old").inflight == 1, "the request runs")
        lane.all_to(origins[1])
        assert lane.pool("old") == type(lane.pool("old"))((), 0, 0, 1)
        assert slow.result().text == "old 0"
        wait_until(lambda: RevisionId("old") not in lane.router.status(lane.key).pools, "it is forgotten")

    def test_an_older_claim_changes_nothing(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        late = fence()
        lane.all_to(origins[1])
        with pytest.raises(Fenced, match="generation"):
            lane.router.apply(lane.route(pool("old", ALL, origins[0])), late)
        with pytest.raises(Fenced):
            lane.router.remove(lane.key, late)
        assert lane.names(5) == {"new": 5}

    def test_a_refused_route_leaves_the_one_before(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        wrong = RoutePool(RevisionId("wrong"), ("nowhere:80",), ALL)
        with pytest.raises(RouteRejected, match="nowhere"):
            lane.give(wrong)
        assert lane.names(5) == {"old": 5}
        assert lane.router.status(lane.key).live
        assert lane.router.status(lane.key).pools.keys() == {RevisionId("old")}


def _turn(turn: int, origins: Three) -> list[RoutePool]:
    """Flips, splits, and other instances in the same pool, by turns."""
    old, new, further = origins
    share = (ALL, 0, 5000, 100)[turn % 4]
    seats = (old, further) if turn % 3 else (old,)
    return [pool("old", share, *seats), pool("new", ALL - share, new)]


class HoldingContract(LaneFixtures):
    """Nothing runs, and nobody is refused."""

    def test_requests_wait_for_the_next_route(self, lane: Lane, origins: Three) -> None:
        old, new, _ = origins
        lane.all_to(old)
        lane.give(pool("old", 0, old), hold=20)
        waiting = [lane.asking("/", b"x" * size) for size in (0, 0, 1, 1000, 300_000, 3_000_000)]
        time.sleep(0.5)
        status = lane.router.status(lane.key)
        assert status.holding and status.live
        assert (lane.pool("old").inflight, lane.pool("old").leaving) == (0, 0)
        assert not any(request.done() for request in waiting)
        lane.all_to(new)
        released = time.monotonic()
        replies = [request.result() for request in waiting]
        assert [reply.text for reply in replies] == [f"new {size}" for size in (0, 0, 1, 1000, 300_000, 3_000_000)]
        assert max(reply.at for reply in replies) - released < 5
        assert not lane.router.status(lane.key).holding

    def test_a_request_from_before_ends_where_it_runs(self, lane: Lane, origins: Three) -> None:
        old, new, _ = origins
        lane.all_to(old)
        slow = lane.asking("/slow?0.7")
        wait_until(lambda: lane.pool("old").inflight == 1, "the request runs")
        lane.give(pool("old", 0, old), hold=20)
        waiting = lane.asking()
        assert lane.pool("old").inflight == 1
        assert slow.result().text == "old 0"
        wait_until(lambda: lane.pool("old").inflight == 0, "only who waits is left")
        assert not waiting.done()
        lane.all_to(new)
        assert waiting.result().text == "new 0"

    def test_who_has_waited_is_seen_on_the_pool_that_serves(self, lane: Lane, origins: Three) -> None:
        lane.give(hold=20)
        waiting = lane.asking("/slow?1")
        time.sleep(0.2)
        lane.all_to(origins[1])
        wait_until(lambda: lane.pool("new").inflight == 1, "it runs")
        lane.give(pool("new", 0, origins[1]), pool("old", ALL, origins[0]))
        assert _running(lane, "new") == 1
        assert waiting.result().text == "new 0"
        wait_until(lambda: _running(lane, "new") == 0, "it has ended")

    def test_who_waits_too_long_is_refused(self, lane: Lane) -> None:
        lane.give(hold=0.8)
        began = time.monotonic()
        reply = lane.ask(body=b"x")
        assert reply.status == 503
        assert 0.2 < reply.at - began < 5
        assert lane.router.status(lane.key).holding

    def test_a_hold_that_ends_in_nothing_refuses(self, lane: Lane) -> None:
        lane.give(hold=20)
        waiting = lane.asking()
        time.sleep(0.2)
        lane.give()
        assert waiting.result().status == 503
        assert lane.ask().status == 503

    def test_a_second_hold_soon_after_the_first_loses_nobody(self, lane: Lane, origins: Three) -> None:
        lane.give(hold=20)
        waiting = [lane.asking("/", b"x") for _ in range(20)]
        time.sleep(0.4)
        with Origin("short-lived") as brief:
            lane.all_to(brief)
            lane.give(pool("short-lived", 0, brief), hold=20)
            wait_until(lambda: not lane.pool("short-lived").inflight, "it is drained")
        time.sleep(0.3)
        lane.all_to(origins[1])
        assert {request.result().text for request in waiting} <= {"new 1", "short-lived 1"}

    def test_ten_restarts_under_load_lose_nothing(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        mix = Mix(keepalive=3, fresh=2, post=6, slow=0, stream=0, rate=100, think=0.1)
        with Load(f"http://{lane.listen}", mix) as load:
            for turn in range(10):
                origin = origins[turn % 2]
                lane.give(
                    *(RoutePool(r, p.endpoints, 0) for r, p in lane.router.status(lane.key).pools.items()), hold=20
                )
                time.sleep(0.05)
                lane.all_to(origin)
                time.sleep(0.1)
            report = load.stop()
        assert report.failed == 0, report.reasons


def _running(lane: Lane, revision: str) -> int:
    status = lane.pool(revision)
    return (status.inflight or 0) + (status.leaving or 0)


class AddressContract(LaneFixtures):
    """Several keys on one address, and addresses that cannot be had."""

    def test_the_longest_path_wins(self, lane: Lane, origins: Three) -> None:
        old, new, further = origins
        api = _beside(lane, component="api", path="/api")
        inner = _beside(lane, component="inner", path="/api/inner")
        for one, origin in ((lane, old), (api, new), (inner, further)):
            one.all_to(origin)
        paths = {"/": "old", "/apis": "old", "/api": "new", "/api/x?y": "new", "/api/inner/": "further"}
        assert {path: lane.ask(path).text.split()[0] for path in paths} == paths
        _gone(inner)
        assert lane.ask("/api/inner").text == "new 0"
        _gone(api)
        assert lane.ask("/api/inner").text == "old 0"

    def test_applications_are_told_apart_by_host(self, lane: Lane, origins: Three) -> None:
        old, new, _ = origins
        lane.all_to(old)
        assert lane.ask(host="anything.example").text == "old 0"
        desk = _beside(lane, application="desk")
        desk.all_to(new)
        port = lane.listen.rpartition(":")[2]
        hosts = {"shop": "old", "desk": "new", f"shop.localhost:{port}": "old", "desk.example.org": "new"}
        assert {host: lane.ask(host=host).text.split()[0] for host in hosts} == hosts
        unknown = lane.ask(host="elsewhere.example")
        assert unknown.status == 404
        assert "desk" in unknown.text and "shop" in unknown.text
        _gone(desk)
        assert lane.ask(host="elsewhere.example").text == "old 0"

    def test_a_path_that_nobody_serves_is_told(self, lane: Lane, origins: Three) -> None:
        lane.path = "/api"
        lane.all_to(origins[0])
        assert lane.ask("/api/x").status == 200
        assert lane.ask("/other").status == 404
        assert "/api" in lane.ask("/other").text

    def test_two_keys_cannot_have_the_same_place(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        with pytest.raises(RouteRejected, match=str(lane.key)):
            _beside(lane, component="other").all_to(origins[1])
        with pytest.raises(RouteRejected, match=lane.key.environment):
            _beside(lane, environment="another", application="other").all_to(origins[1])
        assert lane.names(5) == {"old": 5}

    def test_an_address_that_another_program_has_is_refused(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        with socket.create_server(("127.0.0.1", 0)) as foreign:
            taken = f"127.0.0.1:{foreign.getsockname()[1]}"
            other = Lane(lane.router, listen=taken, key=Key("desk", "qa", "web"))
            with pytest.raises(PortTaken, match=rf"qa.*{taken}"):
                other.all_to(origins[1])
        assert lane.names(5) == {"old": 5}
        other.all_to(origins[1])
        assert other.names(5) == {"new": 5}
        _gone(other)

    def test_a_removed_key_frees_its_address(self, lane: Lane, origins: Three) -> None:
        other = Lane(lane.router, listen=free_address(), key=Key("desk", "qa", "web"))
        other.all_to(origins[0])
        _gone(other)
        host, _, port = other.listen.rpartition(":")
        socket.create_server((host, int(port))).close()
        assert not other.router.status(other.key).pools
        lane.router.remove(other.key, fence())

    def test_a_key_may_move_to_another_address(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        before, lane.listen = lane.listen, free_address()
        lane.all_to(origins[1])
        assert lane.ask().text == "new 0"
        with pytest.raises(OSError):
            Lane(lane.router, listen=before).ask()


def _beside(lane: Lane, *, application: str = "", environment: str = "", component: str = "", path: str = "/") -> Lane:
    """Another key on the same address."""
    own = lane.key
    key = Key(application or own.application, environment or own.environment, component or own.component)
    return Lane(lane.router, listen=lane.listen, key=key, path=path)


def _gone(lane: Lane) -> None:
    lane.router.remove(lane.key, fence())


class RouterContract(
    ServingContract, ChangingContract, HoldingContract, AddressContract, AudienceContract, SamplingContract
):
    """All of it."""
