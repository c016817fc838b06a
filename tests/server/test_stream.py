"""Events, live: nothing missed, nothing twice, and no stream that only looks alive."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.errors import Invalid, StoreBusy
from lockgate.messages import EventView
from lockgate.server import stream
from lockgate.server.stream import Horizon, Interest, Tail, as_api, as_pulse
from tests.server.fleet import Fleet


class Numbered:
    """Events with these numbers, and nothing else of the operations."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers
        self.queries = 0

    def events(self, after: int, limit: int, application: str, deployment: str) -> tuple[EventView, ...]:
        self.queries += 1
        return tuple(event(n) for n in self.numbers if n > after)[:limit]


def event(seq: int, kind: str = "deployment.step") -> EventView:
    return EventView(seq, 0.0, kind, "because", "ann", "shop", "dev", "dep-1", "rel-1")


@given(st.lists(st.sets(st.integers(1, 100_000)), max_size=4))
def test_the_newest_number_is_found_whatever_gaps_there_are(steps: list[set[int]]) -> None:
    horizon, so_far = Horizon(), set[int]()
    for new in steps:
        so_far |= {n + max(so_far, default=0) for n in new}
        assert horizon.find(Numbered(sorted(so_far))) == max(so_far, default=0)  # type: ignore[arg-type]


def test_it_costs_one_query_when_nothing_is_new() -> None:
    horizon, numbered = Horizon(), Numbered([1, 2, 77_000])
    horizon.find(numbered)  # type: ignore[arg-type]
    numbered.queries = 0
    assert horizon.find(numbered) == 77_000 and numbered.queries == 1  # type: ignore[arg-type]


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 20))


async def take(tail: Tail, after: int, interest: Interest, count: int) -> list[int]:
    """Numbers of the first so many events, and whether the stream gives them is the test."""
    found: list[int] = []
    async for batch in tail.follow(after, interest):
        found += [e.seq for e in batch]
        if len(found) >= count:
            break
    return found


def test_streams_that_begin_anywhere_get_everything_after_it_once(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "KEPT", 3)
    monkeypatch.setattr(stream, "BATCH", 4)
    for version in ("1", "2"):
        fleet.deploy_of("shop", fleet.release_of("shop", version))
        fleet.work()
    before = [e.seq for e in fleet.operations.events(0, 1000, "", "")]

    async def work() -> None:
        tail = Tail(fleet.operations)
        far, near = (asyncio.create_task(take(tail, after, Interest(), n)) for after, n in ((0, 200), (before[-3], 60)))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(lambda: [fleet.release_of("shop", f"3.{n}") for n in range(200)])
        now = [e.seq for e in fleet.operations.events(0, 1000, "", "")]
        assert (await far) == now[: len(far.result())]
        assert (await near) == now[now.index(before[-2]) :][: len(near.result())]
        tail.close()

    run(work)


def test_a_stream_of_one_deployment_gets_only_its_events(fleet: Fleet) -> None:
    ids = []
    for version in ("1", "2"):
        ids.append(fleet.deploy_of("shop", fleet.release_of("shop", version)).id)
        fleet.work()
    wanted = [e.seq for e in fleet.operations.events(0, 1000, "", ids[1])]

    async def work() -> None:
        tail = Tail(fleet.operations)
        assert await take(tail, 0, Interest(deployment=ids[1]), len(wanted)) == wanted
        tail.close()

    run(work)


def test_silence_is_told_so_that_both_ends_know_the_line_is_alive(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SILENCE", 0.05)

    async def work() -> None:
        tail = Tail(fleet.operations)
        following = tail.follow(0, Interest())
        assert await anext(following) == ()
        tail.close()
        assert [batch async for batch in following] == []

    run(work)


def test_a_stream_ends_when_events_cannot_be_read_and_the_next_one_begins_anew(fleet: Fleet) -> None:
    class Failing(type(fleet.operations)):  # type: ignore[misc]
        broken = False

        def wait_for_events(self, after: int, timeout: float) -> bool:
            if Failing.broken:
                raise StoreBusy("The database is locked.")
            return super().wait_for_events(after, 0.05)  # type: ignore[no-any-return]

    parts = {name: getattr(fleet.operations, name) for name in fleet.operations.__slots__}

    async def work() -> None:
        tail = Tail(Failing(**parts))
        following = asyncio.create_task(take(tail, 0, Interest(), 1))
        await asyncio.sleep(0.1)
        Failing.broken = True
        assert await following == []
        Failing.broken = False
        again = asyncio.create_task(take(tail, 0, Interest(), 1))
        await asyncio.to_thread(fleet.release_of, "shop", "1")
        assert len(await again) == 1
        tail.close()

    run(work)


def test_an_event_cannot_forge_another_in_the_stream() -> None:
    forged = as_api(event(7, "a\n\nevent: b\rid: 9"))
    assert forged.count(b"\n\n") == 1 and forged.startswith(b"id: 7\nevent: aevent:bid:9\ndata: {")
    assert as_pulse(event(7)) == b"id: 7\ndata: 7\n\n"


def test_a_last_event_id_that_is_no_number_is_refused() -> None:
    from starlette.requests import Request

    scope = {"type": "http", "headers": [(b"last-event-id", b"x")]}
    with pytest.raises(Invalid):
        stream.place_of(Request(scope), 0)
