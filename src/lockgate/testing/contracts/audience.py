"""What a router must do with requests that are pinned, and with users who are to meet the same revision again."""

from collections import Counter
from dataclasses import replace

import pytest

from lockgate.core.errors import RouteRejected
from lockgate.core.ids import RevisionId
from lockgate.core.traffic import ALL, Pin, Route
from lockgate.testing.contracts.lane import Lane, LaneFixtures, Three, pool, wait_until, wilson

HEADER, COOKIE = Pin("yes", header="x-canary"), Pin("ada-1", cookie="tester")
CANARY = RevisionId("new")
USERS = 600


class AudienceContract(LaneFixtures):
    """Who meets which revision."""

    @pytest.mark.parametrize("weight", [0, 100])
    def test_pinned_requests_reach_the_revision_whatever_its_weight(
        self, lane: Lane, origins: Three, weight: int
    ) -> None:
        lane.give_route(canary(lane, origins, weight, pins=(HEADER, COOKIE)))
        pinned = [
            *({"x-canary": "yes"}, {"X-Canary": "yes", "Cookie": "a=b"}),
            *({"Cookie": "tester=ada-1"}, {"Cookie": "a=b; tester=ada-1; c=d"}),
        ]
        for headers in pinned * 5:
            reply = lane.ask(headers=headers)
            assert (reply.text, reply.headers["x-lockgate-revision"]) == ("new 0", "new")
            assert lane.ask(body=b"123", headers=headers).text == "new 3"

    def test_other_values_go_the_way_of_all(self, lane: Lane, origins: Three) -> None:
        lane.give_route(canary(lane, origins, 0, pins=(HEADER, COOKIE)))
        others = [
            *({"x-canary": "no"}, {"x-canary": "yess"}, {"x-canary": ""}, {"Cookie": "tester=ada-12"}),
            *({"Cookie": "xtester=ada-1"}, {"Cookie": "tester=bob"}, {"Cookie": "a=tester=ada-1"}, {}),
        ]
        assert {lane.ask(headers=headers).text for headers in others} == {"old 0"}

    def test_a_value_is_taken_literally(self, lane: Lane, origins: Three) -> None:
        odd = Pin("a.b*(c)", cookie="t+r")
        lane.give_route(canary(lane, origins, 0, pins=(odd, Pin("x.y z", header="x-canary"))))
        assert lane.ask(headers={"Cookie": "t+r=a.b*(c)"}).text == "new 0"
        assert lane.ask(headers={"x-canary": "x.y z"}).text == "new 0"
        assert lane.ask(headers={"Cookie": "t+r=aXbb(c)"}).text == "old 0"
        assert lane.ask(headers={"x-canary": "xyy z"}).text == "old 0"

    def test_a_pin_for_a_revision_without_instances_goes_the_way_of_all(self, lane: Lane, origins: Three) -> None:
        old, _, _ = origins
        nobody = replace(lane.route(pool("old", ALL, old)), pins=(HEADER,), pinned=CANARY)
        empty = replace(nobody, pools=(*nobody.pools, pool("new", 0)))
        unsaid = replace(canary(lane, origins, 0), pins=(HEADER,), pinned=None)
        for route in (nobody, empty, unsaid):
            lane.give_route(route)
            assert lane.ask(headers={"x-canary": "yes"}).text == "old 0"

    @pytest.mark.parametrize("pin", [Pin("x"), Pin("x", "a", "b"), Pin("", "a"), Pin("x\ny", "a"), Pin("x", "a b")])
    def test_a_pin_that_no_request_can_have_is_refused(self, lane: Lane, origins: Three, pin: Pin) -> None:
        lane.all_to(origins[0])
        with pytest.raises(RouteRejected, match=lane.key.environment):
            lane.give_route(canary(lane, origins, 100, pins=(pin,)))
        assert lane.ask().text == "old 0"

    def test_pinned_requests_are_not_counted_and_are_seen_running(self, lane: Lane, origins: Three) -> None:
        lane.give_route(canary(lane, origins, 5000, pins=(HEADER,)))
        before = lane.names(40)
        for _ in range(30):
            assert lane.ask(headers={"x-canary": "yes"}).text == "new 0"
        slow = lane.executor.submit(lane.ask, "/slow?0.6", headers={"x-canary": "yes"})
        wait_until(lambda: lane.pool("new").inflight == 1, "the pinned request runs")
        lane.give_route(canary(lane, origins, 0))
        assert (lane.pool("new").inflight, lane.pool("new").leaving) == (1, 0)
        assert slow.result().text == "new 0"
        sample = lane.router.sample(lane.key)
        assert {str(revision): one.requests for revision, one in sample.items()} == before

    def test_a_user_meets_the_same_revision_again_and_nobody_goes_back(self, lane: Lane, origins: Three) -> None:
        users: list[dict[str, str]] = [{} for _ in range(USERS)]
        lane.give_route(canary(lane, origins, 1000, sticky=True))
        first = lane.visits(users)
        assert within(first, 0.10)
        assert all(len(jar) == 1 for jar in users)
        assert lane.visits(users) == first
        lane.give_route(canary(lane, origins, 2500, sticky=True))
        then = lane.visits(users)
        assert within(then, 0.25)
        moved = Counter((was, now) for was, now in zip(first, then, strict=True) if was != now)
        assert moved.keys() == {("old", "new")}
        assert lane.visits(users) == then

    def test_users_who_came_at_different_times_are_shared_alike_and_none_goes_back(
        self, lane: Lane, origins: Three
    ) -> None:
        users: list[dict[str, str]] = []
        before: list[str] = []
        for weight in (500, 1000, 2500, 5000):
            lane.give_route(canary(lane, origins, weight, sticky=True))
            users += [{} for _ in range(200)]
            now = lane.visits(users)
            assert not [1 for was, name in zip(before, now, strict=False) if (was, name) == ("new", "old")]
            assert all(within(now[cohort : cohort + 200], weight / ALL) for cohort in range(0, len(users), 200))
            before = now
        assert lane.visits(users) == before

    def test_users_stay_when_instances_change_and_the_pools_are_named_in_another_order(
        self, lane: Lane, origins: Three
    ) -> None:
        old, new, further = origins
        users: list[dict[str, str]] = [{} for _ in range(100)]
        route = canary(lane, origins, 3000, sticky=True)
        lane.give_route(route)
        first = lane.visits(users)
        lane.give_route(replace(route, pools=(pool("new", 3000, new, further), pool("old", 7000, old))))
        then = ["new" if name == "further" else name for name in lane.visits(users)]
        assert then == first
        assert {"new", "old"} == set(first)

    def test_the_next_rollout_meets_other_users_first(self, lane: Lane, origins: Three) -> None:
        old, _, further = origins
        users: list[dict[str, str]] = [{} for _ in range(300)]
        lane.give_route(canary(lane, origins, 3000, sticky=True))
        first = [name == "new" for name in lane.visits(users)]
        sticky = replace(lane.route(pool("old", 7000, old), pool("third", 3000, further)), sticky=True)
        lane.give_route(sticky)
        then = [name == "further" for name in lane.visits(users)]
        again = sum(was and now for was, now in zip(first, then, strict=True))
        low, high = wilson(again, sum(first))
        assert low <= 0.3 <= high, (again, sum(first))

    def test_an_application_s_own_cookies_and_headers_stay_when_users_are_remembered(
        self, lane: Lane, origins: Three
    ) -> None:
        lane.give_route(canary(lane, origins, 5000, sticky=True, pins=(HEADER,)))
        jar = {"session": "s1"}
        assert len({lane.visits([jar])[0] for _ in range(20)}) == 1
        assert jar["session"] == "s1" and len(jar) == 2
        assert "set-cookie" not in lane.ask(headers={"x-canary": "yes"}).headers

    def test_nobody_is_given_a_cookie_where_one_revision_serves(self, lane: Lane, origins: Three) -> None:
        lane.give_route(canary(lane, origins, 0, sticky=True))
        assert "set-cookie" not in lane.ask().headers


def canary(lane: Lane, origins: Three, weight: int, *, pins: tuple[Pin, ...] = (), sticky: bool = False) -> Route:
    old, new, _ = origins
    route = lane.route(pool("old", ALL - weight, old), pool("new", weight, new))
    return replace(route, pins=pins, pinned=CANARY, sticky=sticky)


def within(names: list[str], share: float) -> bool:
    """Whether so large a share met the canary, as far as so many users can tell."""
    low, high = wilson(names.count("new"), len(names))
    return low <= share <= high
