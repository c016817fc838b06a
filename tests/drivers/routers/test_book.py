"""The book of routes keeps its promises whatever routes follow each other."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.errors import Fenced, RouteRejected
from lockgate.core.ids import Generation, RevisionId
from lockgate.core.plan import Fence
from lockgate.core.traffic import ALL, Key, Pin, PoolStatus, Route, RoutePool
from lockgate.drivers.routers.envoy import book as books
from lockgate.drivers.routers.envoy import render
from lockgate.drivers.routers.envoy.book import Book

KEY = Key("shop", "prod", "web")
FENCE = Fence("dep-1", Generation(1))
A, B = RevisionId("a"), RevisionId("b")
ENDPOINTS = tuple(f"127.0.0.1:{port}" for port in range(9000, 9004))

endpoints = st.lists(st.sampled_from(ENDPOINTS), max_size=3, unique=True).map(tuple)


@st.composite
def routes(draw: st.DrawFn, key: Key = KEY) -> Route:
    weight = draw(st.sampled_from([None, 0, 1, 5000, ALL]))
    hold = draw(st.sampled_from([0.0, 30.0]))
    shares = (0, 0) if weight is None else (weight, ALL - weight)
    pools = (RoutePool(A, draw(endpoints), shares[0]), RoutePool(B, draw(endpoints), shares[1]))
    route = Route(key, "127.0.0.1:8080", "/", pools if draw(st.booleans()) or weight is not None else (), hold)
    pins = draw(st.sampled_from([(), (Pin("1", header="x-canary"), Pin("1", cookie="tester"))]))
    pinned = draw(st.sampled_from([None, A, B, RevisionId("nobody")]))
    return replace(route, pins=pins, pinned=pinned, sticky=draw(st.booleans()))


steps = st.lists(st.tuples(routes(), st.sampled_from([0.0, 0.3, 2.0, 20.0])), min_size=1, max_size=8)


def walked(walk: list[tuple[Route, float]]) -> Iterator[Book]:
    book, now = Book(), 1000.0
    for route, pause in walk:
        now += pause
        book = books.with_route(books.swept(book, {}, now), route, FENCE, now)
        yield book


def named(value: Any) -> set[str]:
    """Clusters that a route configuration leads to."""
    if isinstance(value, dict):
        own = {value["cluster"]} if isinstance(value.get("cluster"), str) else set()
        own |= {entry["name"] for entry in value.get("weighted_clusters", {}).get("clusters", ())}
        return own.union(*(named(each) for each in value.values()))
    return set().union(*(named(each) for each in value)) if isinstance(value, list) else set()


@given(steps)
def test_no_route_ever_leads_to_an_unknown_cluster(walk: list[tuple[Route, float]]) -> None:
    before: set[str] = set()
    for book in walked(walk):
        known = {cluster["name"] for cluster in render.clusters(book)}
        led = named(render.route_configurations(book))
        assert led <= known
        # Clusters are replaced before routes: what the old routes lead to must survive, but for refused waiters.
        assert {name for name in before if "|waiting|" not in name} <= known
        before = led


@given(steps)
def test_weights_in_force_are_those_asked_for(walk: list[tuple[Route, float]]) -> None:
    for book, (route, _) in zip(walked(walk), walk, strict=True):
        entry = book.entry(KEY)
        assert entry is not None and entry.route == route
        weights = {s.revision: 0 for s in book.of(KEY)}
        for rule in render.route_configurations(book)[0]["virtual_hosts"][0]["routes"][-1:]:
            for part in rule.get("route", {}).get("weighted_clusters", {}).get("clusters", ()):
                weights[next(s.revision for s in book.of(KEY) if s.name == part["name"])] = part["weight"]
        assert sum(weights.values()) == sum(pool.weight for pool in route.pools)


@given(steps)
def test_pinned_requests_have_a_cluster_of_their_own_as_long_as_their_revision_has_instances(
    walk: list[tuple[Route, float]],
) -> None:
    for book, (route, _) in zip(walked(walk), walk, strict=True):
        led = named(render.route_configurations(book))
        pinned = {s for s in book.of(KEY) if s.pinned and s.name in led}
        wanted = {p.revision: p.endpoints for p in route.pools if p.revision == route.pinned and p.endpoints}
        expected = wanted if route.pins and books.serves(route) else {}
        assert {seat.revision: seat.endpoints for seat in pinned} == expected
        assert not {seat.stat_name for seat in pinned} & {f"{KEY}|{pool.revision}" for pool in route.pools}


@given(steps)
def test_a_seating_keeps_its_endpoints_for_life(walk: list[tuple[Route, float]]) -> None:
    seen: dict[str, tuple[str, ...]] = {}
    for book in walked(walk):
        names = [seating.name for seating in book.seatings]
        assert len(names) == len(set(names))
        for seating in book.seatings:
            if not seating.room:
                assert seen.setdefault(seating.name, seating.endpoints) == seating.endpoints


@given(steps)
def test_the_book_survives_the_disk(walk: list[tuple[Route, float]]) -> None:
    for book in walked(walk):
        assert msgspec.json.decode(msgspec.json.encode(book), type=Book) == book


@given(steps)
def test_every_held_request_is_led_somewhere(walk: list[tuple[Route, float]]) -> None:
    """A room that may still hold somebody is open to who serves, or closed while the route holds."""
    for book, (route, _) in zip(walked(walk), walk, strict=True):
        room = book.room(KEY)
        assert (room is not None) == books.holds(route)
        if books.serves(route):
            assert all(s.revision is not None for s in book.of(KEY) if s.room)


def test_the_same_route_again_changes_only_the_generation() -> None:
    route = Route(KEY, "127.0.0.1:8080", "/", (RoutePool(A, ENDPOINTS[:1], ALL),))
    first = books.with_route(Book(), route, FENCE, 1.0)
    again = books.with_route(first, route, Fence("dep-2", Generation(2)), 2.0)
    assert again == books.with_entry(first, replace(first.entries[0], generation=Generation(2)))


def test_an_older_generation_is_fenced_also_after_a_removal() -> None:
    book = books.without(Book(), KEY, Fence("dep-5", Generation(5)), 1.0)
    with pytest.raises(Fenced, match="generation 5"):
        books.fenced(book, KEY, Fence("dep-4", Generation(4)))
    books.fenced(book, KEY, Fence("dep-5", Generation(5)))


def test_a_used_seating_is_not_swept_and_an_unused_one_only_when_it_is_empty() -> None:
    first = Route(KEY, "127.0.0.1:8080", "/", (RoutePool(A, ENDPOINTS[:1], ALL),))
    second = replace(first, pools=(RoutePool(B, ENDPOINTS[1:2], ALL),))
    book = books.with_route(books.with_route(Book(), first, FENCE, 1.0), second, FENCE, 2.0)
    old, new = book.seatings
    assert books.swept(book, {}, 3.0) == book
    assert books.swept(book, {old.name: {ENDPOINTS[0]: 1}}, 100.0) == book
    assert books.swept(book, {}, 100.0).seatings == (new,)


def test_requests_through_a_room_that_was_moved_are_not_lost_sight_of() -> None:
    hold = Route(KEY, "127.0.0.1:8080", "/", (), 30.0)
    serve = Route(KEY, "127.0.0.1:8080", "/", (RoutePool(A, ENDPOINTS[:1], ALL),))
    book = Book()
    for now, route in ((1.0, hold), (2.0, serve), (2.5, hold)):
        book = books.with_route(book, route, FENCE, now)
    room = book.room(KEY)
    assert room is not None and room.moved
    book = books.with_route(book, replace(serve, pools=(RoutePool(A, ENDPOINTS[:1], 0),), hold=30.0), FENCE, 2.6)
    statuses = books.pool_statuses(book, KEY, {}, {room.stat_name: 2}, {})
    assert statuses == {A: PoolStatus(ENDPOINTS[:1], 0, 0, 2)}


@pytest.mark.parametrize("wrong", ["here:80", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "", ":80"])
def test_an_address_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(RouteRejected, match=r"127\.0\.0\.1:8080"):
        render.address(wrong)


def test_an_address_may_be_of_either_family() -> None:
    assert render.address("[::1]:80") == ("::1", 80)
    assert render.address("127.0.0.1:8080") == ("127.0.0.1", 8080)


def test_only_requests_that_change_nothing_are_repeated_after_a_reset() -> None:
    route = Route(KEY, "127.0.0.1:8080", "/", (RoutePool(A, ENDPOINTS[:1], ALL),))
    book = books.with_route(Book(), route, FENCE, 1.0)
    reads, others = render.route_configurations(book)[0]["virtual_hosts"][0]["routes"]
    assert reads["match"]["headers"][0]["string_match"]["safe_regex"]["regex"] == "GET|HEAD"
    assert "reset" in reads["route"]["retry_policy"]["retry_on"].split(",")
    assert others["route"]["retry_policy"]["retry_on"] == "connect-failure,refused-stream"


def test_the_version_of_a_file_is_the_digest_of_what_it_says() -> None:
    one, same, other = (render.discovery([{"name": name}]) for name in ("a", "a", "b"))
    assert one == same
    assert render.version_of(one) == json.loads(one)["version_info"] != render.version_of(other)
    assert render.version_of(b"garbage") == ""
