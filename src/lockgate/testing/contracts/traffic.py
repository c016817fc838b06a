"""What a store must do with what users got of what runs, minute by minute."""

import math

from lockgate.core.ids import RevisionId
from lockgate.core.traffic import Key, Mark, Sample
from lockgate.core.window import Minute, Ratio
from lockgate.ports import Store
from lockgate.testing.samples import NOON

WEB, API = Key("shop", "prod", "web"), Key("shop", "prod", "api")
DAY = 24 * 3600.0


def a_minute(at: float, bad: int = 1) -> Minute:
    return Minute(at, {"127.0.0.1:9001": Ratio(bad, 60)}, {2.5: 50, math.inf: 60}, {"memory": -0.5})


def a_mark(at: float, requests: int = 60) -> Mark:
    endpoints = {"127.0.0.1:9001": Ratio(1, requests)}
    return Mark(
        at, RevisionId("r1"), Sample("e", requests, {"2xx": requests}, {2.5: 50, math.inf: requests}, endpoints)
    )


class TrafficContract:
    """Of :class:`lockgate.ports.Traffic`."""

    def test_nothing_is_known_of_a_key_at_first(self, store: Store) -> None:
        assert store.traffic.mark(WEB) is None
        assert store.traffic.since(WEB, 0.0) == ()

    def test_minutes_come_back_whole_and_oldest_first(self, store: Store) -> None:
        minutes = tuple(a_minute(NOON + 60.5 * n, n) for n in range(5))
        for minute in minutes:
            store.traffic.note(WEB, minute, a_mark(minute.at))
        assert store.traffic.since(WEB, 0.0) == minutes
        assert store.traffic.since(WEB, minutes[2].at) == minutes[3:]
        assert store.traffic.since(WEB, minutes[2].at - 0.1) == minutes[2:]

    def test_the_mark_is_the_last_one_and_needs_no_minute(self, store: Store) -> None:
        store.traffic.note(WEB, None, a_mark(NOON))
        store.traffic.note(WEB, a_minute(NOON + 60), a_mark(NOON + 60, 120))
        assert store.traffic.mark(WEB) == a_mark(NOON + 60, 120)
        store.traffic.note(WEB, None, a_mark(NOON + 500, 7))
        assert store.traffic.mark(WEB) == a_mark(NOON + 500, 7)
        assert len(store.traffic.since(WEB, 0.0)) == 1

    def test_the_same_minute_is_kept_once(self, store: Store) -> None:
        at = NOON // 60 * 60
        store.traffic.note(WEB, a_minute(at + 10), a_mark(at + 10))
        store.traffic.note(WEB, a_minute(at + 20, 2), a_mark(at + 20))
        assert store.traffic.since(WEB, 0.0) == (a_minute(at + 20, 2),)

    def test_keys_are_kept_apart(self, store: Store) -> None:
        store.traffic.note(WEB, a_minute(NOON), a_mark(NOON))
        store.traffic.note(API, a_minute(NOON, 5), a_mark(NOON, 5))
        assert store.traffic.since(WEB, 0.0) == (a_minute(NOON),)
        assert store.traffic.mark(API) == a_mark(NOON, 5)
        assert store.traffic.mark(Key("shop", "dev", "web")) is None

    def test_what_is_a_day_old_is_forgotten(self, store: Store) -> None:
        for age in (DAY + 120, DAY - 120, 60.0):
            store.traffic.note(WEB, a_minute(NOON - age), a_mark(NOON - age))
        store.traffic.note(API, None, a_mark(NOON))
        assert [minute.at for minute in store.traffic.since(WEB, 0.0)] == [NOON - DAY + 120, NOON - 60]
