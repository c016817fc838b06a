"""What a router must count: each request once, for the revision it was meant for; each try, by its address."""

import http.client
import itertools
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lockgate.core.ids import RevisionId
from lockgate.core.traffic import ALL, Sample
from lockgate.core.window import Ratio
from lockgate.testing.contracts.lane import Lane, LaneFixtures, Three, pool, wait_until
from lockgate.testing.load import Load, Mix
from lockgate.testing.origin import Origin


class SamplingContract(LaneFixtures):
    """Cumulative counts."""

    def test_every_answer_is_counted_by_revision(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        lane.names(30)
        lane.all_to(origins[1])
        with misbehaving(origins[1], "status"):
            lane.names(12)
        lane.ask("/slow?0.25")
        wait_until(lambda: measured(lane, "new") == 13, "the histogram is flushed")
        old, new = sampled(lane, "old"), sampled(lane, "new")
        assert (old.requests, dict(old.by_class), old.errors) == (30, {"2xx": 30}, 0)
        assert (new.requests, dict(new.by_class), new.errors) == (13, {"2xx": 1, "5xx": 12}, 12)
        assert old.epoch == new.epoch
        quick = max(count for bound, count in new.latency_ms.items() if bound <= 200)
        assert quick == 12

    def test_a_revision_that_nobody_has_asked_is_counted_with_nothing(self, lane: Lane, origins: Three) -> None:
        lane.give(pool("old", ALL, origins[0]), pool("new", 0, origins[1]))
        new = sampled(lane, "new")
        assert (new.requests, new.errors, dict(new.by_class)) == (0, 0, {})
        assert new.epoch == sampled(lane, "old").epoch

    @pytest.mark.parametrize("how", ["status", "reset", "silent", "short"])
    def test_each_request_that_goes_wrong_is_an_error_of_its_revision(
        self, lane: Lane, origins: Three, how: str
    ) -> None:
        old, new, _ = origins
        lane.give(pool("old", 0, old), pool("new", ALL, new), timeout=0.3)
        lane.ask(body=b"x")
        with misbehaving(new, how):
            for _ in range(3):
                failing(lane)
        found = sampled(lane, "new")
        assert (found.requests, found.errors) == (4, 3), found
        assert sampled(lane, "old").errors == 0

    def test_requests_that_no_instance_takes_are_errors_of_the_pool_they_were_meant_for(self, lane: Lane) -> None:
        with Origin("gone") as gone:
            lane.all_to(gone)
        for _ in range(3):
            assert lane.ask(body=b"x").status == 503
        assert (sampled(lane, "gone").requests, sampled(lane, "gone").errors) == (3, 3)

    def test_a_request_that_another_instance_answers_is_one_request_without_error(
        self, lane: Lane, origins: Three
    ) -> None:
        with Origin("gone") as gone:
            address = gone.address
            lane.give(pool("both", ALL, origins[0], gone))
        assert lane.names(20) == {"old": 20}
        found = sampled(lane, "both")
        assert (found.requests, found.errors) == (20, 0)
        assert found.endpoints[origins[0].address] == Ratio(0, 20)
        assert found.endpoints[address].bad == found.endpoints[address].whole > 0

    def test_a_request_that_its_user_gave_up_is_not_counted(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        given_up(lane)
        wait_until(lambda: lane.pool("old").inflight == 0, "it has ended")
        assert sampled(lane, "old").requests == 0

    def test_the_largest_bound_is_infinite_and_has_every_answer(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        lane.names(5)
        lane.ask("/slow?0.4")
        wait_until(lambda: measured(lane, "old") == 6, "the histogram is flushed")
        latency = sampled(lane, "old").latency_ms
        bounds = sorted(latency)
        assert bounds[0] <= 1 and bounds[-2] >= 60_000 and bounds[-1] == math.inf
        assert [latency[bound] for bound in bounds] == sorted(latency.values())
        assert latency[300] == 5 and latency[1000] == 6

    def test_counts_go_on_when_instances_are_replaced(self, lane: Lane, origins: Three) -> None:
        for origin in origins:
            lane.give(pool("same", ALL, origin))
            lane.names(10)
        found = sampled(lane, "same")
        assert found.requests == 30
        assert found.endpoints == {origin.address: Ratio(0, 10) for origin in origins}

    def test_each_instance_is_counted_by_its_address(self, lane: Lane, origins: Three) -> None:
        old, new, further = origins
        lane.give(pool("both", 5000, old, new), pool("other", 5000, further))
        with misbehaving(new, "status"):
            for _ in range(40):
                lane.ask(body=b"x")
        both, other = sampled(lane, "both"), sampled(lane, "other")
        assert both.endpoints.keys() == {old.address, new.address}
        assert other.endpoints == {further.address: Ratio(0, other.requests)}
        assert both.endpoints[old.address].bad == 0
        assert both.endpoints[new.address].bad == both.endpoints[new.address].whole == both.errors
        assert sum(ratio.whole for ratio in both.endpoints.values()) == both.requests

    def test_no_count_goes_back_while_routes_change_under_load(self, lane: Lane, origins: Three) -> None:
        lane.all_to(origins[0])
        seen: list[dict[str, int]] = []
        with Load(f"http://{lane.listen}", Mix(keepalive=2, fresh=1, post=2, slow=0, stream=0, rate=80)) as load:
            for turn in range(12):
                share = (ALL, 5000, 100)[turn % 3]
                seats = origins[:2] if turn % 2 else origins[:1]
                lane.give(pool("rev", share, *seats), pool("new", ALL - share, origins[2]))
                time.sleep(0.05)
                seen.append(figures(lane))
            report = load.stop()
        for before, after in itertools.pairwise(seen):
            assert all(after.get(name, 0) >= count for name, count in before.items()), (before, after)
        wait_until(lambda: figures(lane)["old"] + figures(lane)["rev"] + figures(lane)["new"] == report.requests, "all")


def sampled(lane: Lane, revision: str) -> Sample:
    return lane.router.sample(lane.key)[RevisionId(revision)]


def measured(lane: Lane, revision: str) -> int:
    """Answers in the histogram, which may follow the counts after a second."""
    return max(sampled(lane, revision).latency_ms.values(), default=0)


def figures(lane: Lane) -> dict[str, int]:
    """Every count by a name."""
    found: dict[str, int] = {}
    for revision, sample in lane.router.sample(lane.key).items():
        found[str(revision)] = sample.requests
        found |= {f"{revision} {bound}": count for bound, count in sample.latency_ms.items()}
        found |= {f"{revision} {endpoint}": ratio.whole for endpoint, ratio in sample.endpoints.items()}
    return found


@contextmanager
def misbehaving(origin: Origin, how: str) -> Iterator[None]:
    origin.misbehave = how
    try:
        yield
    finally:
        origin.misbehave = ""


def failing(lane: Lane) -> None:
    """A request that is answered with 5xx, or not whole."""
    try:
        assert lane.ask(body=b"x").status >= 500
    except http.client.HTTPException:
        return


def given_up(lane: Lane) -> None:
    connection = http.client.HTTPConnection(lane.listen, timeout=30)
    connection.request("GET", "/slow?5")
    wait_until(lambda: lane.pool("old").inflight == 1, "the request runs")
    connection.close()
