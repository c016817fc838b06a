"""What a store must do with notifications: each once for an event and channel, none lost, none sent by two at once."""

import threading
from dataclasses import replace

import pytest

from lockgate.core.errors import Fenced
from lockgate.core.message import Link, Message
from lockgate.core.notification import Delivery, Standing
from lockgate.ports import DeliverySelection, Store
from lockgate.testing.contracts.lives import added
from lockgate.testing.samples import NOON, an_event

LEASE = 60.0


def a_delivery(seq: int = 1, channel: str = "team", **changes: object) -> Delivery:
    made = Delivery(f"ntf-{seq}-{channel}", channel, NOON, NOON, seq, f"event {seq}", "failures")
    return replace(made, **changes)  # type: ignore[arg-type]


def written(store: Store, *new: Delivery) -> None:
    """As the herald writes them down; an event is there for each."""
    for one in new:
        added(store, environment=f"e{one.seq}-{one.channel}")
        after = store.deliveries.followed()
        assert store.deliveries.follow(after, after + 1, [one])


def all_of(store: Store) -> dict[str, Delivery]:
    return {one.id: one for one in store.deliveries.select(DeliverySelection(limit=1000))}


class DeliveriesContract:
    """:class:`lockgate.ports.Deliveries`."""

    # --- following ---

    def test_nothing_has_been_followed_at_first(self, store: Store) -> None:
        assert store.deliveries.followed() == 0
        assert store.deliveries.select(DeliverySelection()) == ()
        assert store.deliveries.claim("w", NOON, LEASE, ()) == ()

    def test_the_same_events_are_followed_once(self, store: Store) -> None:
        assert store.deliveries.follow(0, 3, [a_delivery(1), a_delivery(3)])
        assert not store.deliveries.follow(0, 3, [a_delivery(2)])
        assert store.deliveries.followed() == 3
        assert store.deliveries.follow(3, 4, [a_delivery(3), a_delivery(4)])
        assert sorted(all_of(store)) == ["ntf-1-team", "ntf-3-team", "ntf-4-team"]

    def test_of_two_that_follow_at_once_one_writes(self, store: Store) -> None:
        done: list[bool] = []
        start = threading.Barrier(4)

        def follow() -> None:
            start.wait()
            done.append(store.deliveries.follow(0, 5, [a_delivery(n) for n in range(1, 6)]))

        threads = [threading.Thread(target=follow) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(done) == [False, False, False, True]
        assert len(all_of(store)) == 5

    def test_a_delivery_comes_back_whole(self, store: Store) -> None:
        message = Message("Title", ("One.", "Two."), (Link("Open", "https://x/y"),), at=NOON, kind="k.e")
        given = a_delivery(0, bundled=True, message=message, recipients=("a@b.c",), because="ü", attempts=3)
        assert store.deliveries.post(given) == replace(given, number=1)
        assert store.deliveries.select(DeliverySelection()) == (replace(given, number=1),)

    def test_what_is_handed_in_twice_is_one_and_told_once(self, store: Store) -> None:
        first = store.deliveries.post(a_delivery(0, about="first"), an_event("notification.test_asked", audited=True))
        again = store.deliveries.post(a_delivery(0, about="again"), an_event("notification.test_asked", audited=True))
        assert again == first and len(store.history.events(0, 10)) == 1

    # --- claiming ---

    def test_what_is_longest_due_is_claimed_first_and_by_one_alone(self, store: Store) -> None:
        written(
            store,
            a_delivery(1, "b", due_at=NOON + 2),
            a_delivery(2, "a", due_at=NOON + 1),
            a_delivery(3, "c", due_at=NOON + 9),
        )
        claimed = [store.deliveries.claim(w, NOON + 5, LEASE, ()) for w in ("w1", "w2", "w3")]
        assert [[one.id for one in parcel] for parcel in claimed] == [["ntf-2-a"], ["ntf-1-b"], []]
        assert claimed[0][0].owner == "w1" and claimed[0][0].lease_until == NOON + 5 + LEASE

    def test_busy_channels_are_passed_over(self, store: Store) -> None:
        written(store, a_delivery(1, "slow"), a_delivery(2, "slow"), a_delivery(3, "quick"))
        assert store.deliveries.claim("w", NOON, LEASE, {"slow"})[0].channel == "quick"
        assert store.deliveries.claim("w", NOON, LEASE, {"slow", "quick"}) == ()

    def test_a_lease_that_is_over_frees_the_parcel_under_its_name(self, store: Store) -> None:
        written(store, a_delivery(1))
        first = store.deliveries.claim("dead", NOON, LEASE, ())
        assert store.deliveries.claim("w", NOON + LEASE - 1, LEASE, ()) == ()
        second = store.deliveries.claim("w", NOON + LEASE, LEASE, ())
        assert (second[0].id, second[0].parcel) == (first[0].id, first[0].parcel)
        with pytest.raises(Fenced, match="ntf-1-team"):
            store.deliveries.settle([replace(first[0], state=Standing.DELIVERED)])
        assert all_of(store)["ntf-1-team"].state is Standing.WAITING

    def test_one_that_comes_back_under_its_name_takes_its_own_over_at_once(self, store: Store) -> None:
        written(store, a_delivery(1))
        store.deliveries.claim("w", NOON, LEASE, ())
        assert [one.id for one in store.deliveries.claim("w", NOON + 1, LEASE, ())] == ["ntf-1-team"]

    def test_a_lease_by_a_clock_that_was_wrong_does_not_hold(self, store: Store) -> None:
        written(store, a_delivery(1))
        store.deliveries.claim("ahead", NOON + 1e6, LEASE, ())
        assert store.deliveries.claim("w", NOON, LEASE, ()) != ()

    # --- digests ---

    def test_what_is_due_of_a_digest_goes_into_one_parcel_that_stays(self, store: Store) -> None:
        bundled = [a_delivery(n, bundled=True, due_at=NOON + 10) for n in (1, 2, 3)]
        written(store, *bundled, a_delivery(4, bundled=True, due_at=NOON + 99), a_delivery(5, "other", bundled=True))
        assert [one.channel for one in store.deliveries.claim("w", NOON + 5, LEASE, ())] == ["other"]
        first = store.deliveries.claim("w", NOON + 10, LEASE, {"other"})
        assert [one.seq for one in first] == [1, 2, 3]
        assert {one.parcel for one in first} == {"ntf-1-team"}
        written(store, a_delivery(6, bundled=True, due_at=NOON + 11))
        again = store.deliveries.claim("x", NOON + 10 + LEASE, LEASE, {"other"})
        assert [(one.id, one.parcel) for one in again] == [(one.id, one.parcel) for one in first]
        late = store.deliveries.claim("x", NOON + 200, LEASE, {"other"})
        assert [one.seq for one in late] in ([1, 2, 3], [4, 6])

    # --- settling ---

    def test_what_is_settled_is_not_claimed_again(self, store: Store) -> None:
        written(store, a_delivery(1), a_delivery(2))
        for state in (Standing.DELIVERED, Standing.DEAD):
            parcel = store.deliveries.claim("w", NOON, LEASE, ())
            gone = an_event("notification.dead", data={"channel": "team"})
            events = [gone] if state is Standing.DEAD else []
            store.deliveries.settle([replace(one, state=state, settled_at=NOON, attempts=1) for one in parcel], events)
        assert store.deliveries.claim("w", NOON + 9e9, LEASE, ()) == ()
        assert [one.state for one in all_of(store).values()] == [Standing.DEAD, Standing.DELIVERED]
        assert all_of(store)["ntf-1-team"].owner == ""
        assert store.history.events(0, 99)[-1].kind == "notification.dead"
        assert store.deliveries.tally() == {"team": {Standing.DEAD: 1}}

    def test_what_is_put_back_is_due_later(self, store: Store) -> None:
        written(store, a_delivery(1))
        (one,) = store.deliveries.claim("w", NOON, LEASE, ())
        store.deliveries.settle([replace(one, due_at=NOON + 30, attempts=1, because="503")])
        assert store.deliveries.claim("w", NOON + 29, LEASE, ()) == ()
        (again,) = store.deliveries.claim("w", NOON + 30, LEASE, ())
        assert (again.attempts, again.because, again.parcel) == (1, "503", "ntf-1-team")

    def test_only_the_dead_are_tried_again_as_if_for_the_first_time(self, store: Store) -> None:
        written(store, a_delivery(1), a_delivery(2, "other"), a_delivery(3))
        for _ in range(2):
            (one,) = store.deliveries.claim("w", NOON, LEASE, ())
            store.deliveries.settle([replace(one, state=Standing.DEAD, attempts=12, settled_at=NOON)])
        ask = an_event("notification.retry_asked", audited=True)
        assert store.deliveries.retry(DeliverySelection(ids=frozenset({"ntf-3-team"})), NOON + 5, ask) == ()
        again = store.deliveries.retry(DeliverySelection("other"), NOON + 5, ask)
        assert [(one.id, one.state, one.due_at, one.attempts, one.settled_at) for one in again] == [
            ("ntf-2-other", Standing.WAITING, NOON + 5, 0, None)
        ]
        assert [e.kind for e in store.history.events(0, 99)].count("notification.retry_asked") == 1
        assert store.deliveries.tally()["team"] == {Standing.DEAD: 1, Standing.WAITING: 1}

    def test_deliveries_are_selected_newest_first(self, store: Store) -> None:
        written(store, a_delivery(1), a_delivery(2, "other"), a_delivery(3))
        assert [one.seq for one in store.deliveries.select(DeliverySelection(limit=2))] == [3, 2]
        assert [one.seq for one in store.deliveries.select(DeliverySelection("team"))] == [3, 1]
        assert store.deliveries.select(DeliverySelection(states=frozenset({Standing.DEAD}))) == ()

    def test_many_at_once_take_each_parcel_once(self, store: Store) -> None:
        written(store, *(a_delivery(n, f"c{n % 7}") for n in range(1, 22)))
        taken: list[str] = []
        start = threading.Barrier(4)

        def work(name: str) -> None:
            start.wait()
            while parcel := store.deliveries.claim(name, NOON, LEASE, ()):
                taken.extend(one.id for one in parcel)
                store.deliveries.settle([replace(one, state=Standing.DELIVERED) for one in parcel])

        threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == len(set(taken)) == 21
