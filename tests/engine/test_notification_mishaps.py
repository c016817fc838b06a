"""Whatever happens to who brings notifications: each event arrives on each channel, and one name is one message."""

from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.core.audit import Event
from lockgate.core.environment import Catalogue
from lockgate.core.errors import Throttled, Unavailable
from lockgate.core.notification import Channel, Delivery, NotificationRule, Rhythm, Service, Standing
from lockgate.engine.courier import LEASE, Courier
from lockgate.engine.herald import Herald
from lockgate.ports import DeliverySelection, Parcel, Store
from lockgate.store.database import open_store
from lockgate.testing.contracts.lives import added
from lockgate.testing.fakes import FakeClock, FakeNotifier

CHANNELS = {name: Channel(name, Service.WEBHOOK) for name in ("one", "digest", "both")}
RULES = (
    NotificationRule("one", ("all",)),
    NotificationRule("digest", ("all",), digest=Rhythm(60.0)),
    NotificationRule("both", ("failures",)),
    NotificationRule("both", ("all",), digest=Rhythm(30.0)),
)
WORKERS = ("w1", "w2")

ACTIONS = st.one_of(
    st.tuples(st.just("happens"), st.sampled_from(["deployment.failed", "deployment.succeeded", "deployment.step"])),
    st.tuples(st.just("is followed"), st.sampled_from(["deployment.failed", "deployment.succeeded"])),
    st.tuples(st.just("is followed"), st.just("deployment.failed")),
    st.tuples(st.just("bring"), st.sampled_from(WORKERS)),
    st.tuples(st.just("killed before sending"), st.sampled_from(WORKERS)),
    st.tuples(st.just("killed after sending"), st.sampled_from(WORKERS)),
    st.tuples(st.just("down"), st.sampled_from(sorted(CHANNELS))),
    st.tuples(st.just("throttles"), st.sampled_from(sorted(CHANNELS))),
    st.tuples(st.just("up"), st.sampled_from(sorted(CHANNELS))),
    st.tuples(st.just("later"), st.sampled_from([1.0, 40.0, 70.0, LEASE + 1])),
)


@dataclass
class Taker(FakeNotifier):
    """Knows what has arrived."""

    arrived: list[tuple[str, Parcel]] = field(default_factory=list)

    def send(self, channel: Channel, parcel: Parcel) -> str:
        remark = super().send(channel, parcel)
        self.arrived.append((channel.name, parcel))
        return remark


class Story:
    """Two servers on one store, in fake time."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock, self.notifier = store, FakeClock(), Taker()
        self.happened: dict[int, str] = {}
        notifiers = dict.fromkeys(Service, self.notifier)
        self.couriers = {
            name: Courier(name, store, self.clock, lambda: CATALOGUE, notifiers, dice=lambda: 0.5) for name in WORKERS
        }
        self.herald = Herald(store, self.clock, lambda: CATALOGUE)

    def act(self, action: str, what: str | float) -> None:
        match action:
            case "happens":
                added(self.store, environment=f"e{len(self.happened)}", events=[Event(str(what), 0.0, "Because.")])
                self.happened[len(self.happened) + 1] = str(what)
            case "is followed":
                self.act("happens", what)
                self.herald.follow()
            case "bring":
                self.bring(str(what))
            case "killed before sending":
                self.store.deliveries.claim(str(what), self.clock.now(), LEASE, ())
            case "killed after sending":
                self.killed_after_sending(str(what))
            case "down":
                self.notifier.trouble[str(what)] = Unavailable("It is down.")
            case "throttles":
                self.notifier.trouble[str(what)] = Throttled("Too many.", after=100.0)
            case "up":
                self.notifier.trouble.pop(str(what), None)
            case "later":
                self.clock.pass_by(float(what))

    def bring(self, name: str) -> None:
        courier = self.couriers[name]
        while courier.round():
            courier.drain()

    def killed_after_sending(self, name: str) -> None:
        """What it sent has arrived, and nobody has noted it."""
        parcel = self.store.deliveries.claim(name, self.clock.now(), LEASE, ())
        if parcel and parcel[0].channel not in self.notifier.trouble:
            self.couriers[name]._sent(parcel)

    def end_well(self) -> None:
        self.notifier.trouble.clear()
        for _ in range(200):
            self.herald.follow()
            for name in WORKERS:
                self.bring(name)
            if Standing.WAITING not in {one.state for one in self.rows()} and self.followed():
                return
            self.clock.pass_by(120.0)

    def followed(self) -> bool:
        return self.store.deliveries.followed() == len(self.happened)

    def rows(self) -> tuple[Delivery, ...]:
        return self.store.deliveries.select(DeliverySelection(limit=1000))


CATALOGUE = Catalogue({}, channels=CHANNELS, notify=RULES)


@settings(max_examples=40)
@given(st.lists(ACTIONS, min_size=5, max_size=60))
def test_every_event_arrives_on_every_channel_and_one_name_is_one_message(
    actions: list[tuple[str, str | float]],
) -> None:
    with open_store("sqlite://") as store:
        story = Story(store)
        for action, what in actions:
            story.act(action, what)
        story.end_well()
        assert {row.state for row in story.rows()} <= {Standing.DELIVERED}
        contents: dict[str, set[tuple[int, ...]]] = defaultdict(set)
        names: dict[tuple[str, int], set[str]] = defaultdict(set)
        for _, parcel in story.notifier.sent:
            contents[parcel.id].add(tuple(event.seq for event in parcel.message.events))
        for channel, parcel in story.notifier.arrived:
            for event in parcel.message.events:
                names[channel, event.seq].add(parcel.id)
        told = {seq for seq, kind in story.happened.items() if kind != "deployment.step"}
        assert set(names) == {(channel, seq) for channel in CHANNELS for seq in told}
        assert {name: found for name, found in contents.items() if len(found) > 1} == {}
        assert {key: found for key, found in names.items() if len(found) > 1} == {}
