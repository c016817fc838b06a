"""Stories about notifications: a whole engine on fakes, in fake time."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lockgate.core.audit import Event
from lockgate.core.environment import Catalogue
from lockgate.core.errors import Invalid, NotFound, Problem, Throttled, Unavailable, Undeliverable
from lockgate.core.message import Link, compose
from lockgate.core.notification import ATTEMPTS, Channel, NotificationRule, Rhythm, Service
from lockgate.engine.courier import Courier
from lockgate.engine.herald import PAGE, Herald
from lockgate.messages import Ask, DeliveryView, RetryDeliveries, TryChannel
from lockgate.ports import DeliverySelection
from lockgate.testing.contracts.lives import added
from lockgate.testing.fakes import FakeNotifier
from lockgate.testing.rig import Rig

CHANNELS = ("team", "mail", "hook")


class Desk:
    """The rig with channels, and somebody who brings what is due."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.notifier = FakeNotifier()
        self.channel(*CHANNELS)
        self.courier = self.new_courier("worker")
        self.herald = Herald(rig.store, rig.clock, self.catalogue)
        self.unreadable = False

    def catalogue(self) -> Catalogue:
        if self.unreadable:
            raise Invalid([Problem("environments.yaml", 3, "", "it cannot be read.")])
        return self.rig.catalogue

    def channel(self, *names: str) -> None:
        channels = {name: Channel(name, Service.WEBHOOK) for name in names}
        self.rig.catalogue = replace(self.rig.catalogue, channels=channels)

    def rules(self, *rules: NotificationRule, of: str = "") -> None:
        catalogue = self.rig.catalogue
        if of:
            environment = replace(catalogue.environments[of], notify=rules)
            catalogue = replace(catalogue, environments={**catalogue.environments, of: environment})
        self.rig.catalogue = catalogue if of else replace(catalogue, notify=rules)

    def new_courier(self, name: str) -> Courier:
        notifiers = dict.fromkeys(Service, self.notifier)
        return Courier(
            name, self.rig.store, self.rig.clock, self.catalogue, notifiers, "https://deploy.example", dice=lambda: 0.0
        )

    def work(self, seconds: float = 0.0, step: float = 1.0) -> None:
        """Follows and brings, for so many seconds of fake time."""
        end = self.rig.clock.now() + seconds
        while True:
            self.herald.follow()
            self.courier.drain()
            while self.courier.round():
                self.courier.drain()
            if self.rig.clock.now() >= end:
                return
            self.rig.clock.pass_by(step)

    def told(self, *channels: str) -> list[DeliveryView]:
        found = self.rig.operations.notifications.deliveries("", frozenset(), 1000)
        return [one for one in reversed(found) if not channels or one.channel in channels]


@pytest.fixture
def desk(rig: Rig) -> Desk:
    return Desk(rig)


def fail(rig: Rig) -> str:
    """A deployment to dev that fails; its id."""
    release = rig.release("9")
    deployment = rig.deploy(release).id
    rig.target.broken[rig.plan(deployment).components[0].revision] = "It ended with 1."
    rig.run(60)
    return deployment


def happen(rig: Rig, *events: Event) -> None:
    for number, event in enumerate(events):
        added(rig.store, environment=f"e{rig.clock.now()}-{number}", events=[event])


def an(kind: str = "deployment.failed", **changes: object) -> Event:
    return Event(kind, 0.0, "Because.", application="shop", environment="dev", deployment="dep-1", **changes)  # type: ignore[arg-type]


def test_a_failed_deployment_is_told_where_a_rule_says_so(desk: Desk) -> None:
    desk.rules(NotificationRule("team", ("failures",)), of="dev")
    desk.rules(NotificationRule("mail", ("failures",)), of="prod")
    desk.rules(NotificationRule("hook", ("release.created", "finished")))
    deployment = fail(desk.rig)
    desk.work()
    assert desk.notifier.titles("team") == ["shop 9 (#1) in dev fails and goes back", "shop 9 (#1) in dev has failed"]
    assert desk.notifier.titles("hook") == ["shop was made", "shop 9 (#1) in dev has failed"]
    assert desk.notifier.titles("mail") == []
    message = desk.notifier.sent[-1][1].message
    assert message.links == (Link("Open the deployment", f"https://deploy.example/deployments/{deployment}"),)
    assert {one.state for one in desk.told()} == {"delivered"}


def test_who_can_act_is_told_of_a_deployment_that_waits(desk: Desk) -> None:
    desk.rules(NotificationRule("team"))
    release = desk.rig.release("1")
    deployment = desk.rig.deploy(release).id
    desk.rig.operations.ask(deployment, "pause", Ask("Looks slow", "bob"))
    desk.rig.run(2)
    desk.work()
    (title,) = desk.notifier.titles("team")
    assert title == "shop 1 (#1) in dev waits at a gate"
    told = desk.notifier.sent[0][1].message.sentences
    assert [sentence for sentence in told if sentence.startswith("Who can act: who")] != []


def test_what_happened_before_there_was_a_rule_is_not_told(desk: Desk) -> None:
    happen(desk.rig, an())
    desk.work()
    desk.rules(NotificationRule("team", ("all",)))
    desk.work()
    assert desk.told() == []


def test_a_channel_that_is_down_hears_of_it_later_once_and_under_the_same_name(desk: Desk) -> None:
    desk.rules(NotificationRule("team"), NotificationRule("mail"))
    desk.notifier.trouble["team"] = Unavailable("It is down.")
    happen(desk.rig, an())
    desk.work(120)
    assert [one.state for one in desk.told("mail")] == ["delivered"]
    (waiting,) = desk.told("team")
    assert (waiting.state, waiting.because) == ("waiting", "It is down.")
    assert waiting.attempts == 5  # after 0, 5, 15, 35 and 75 seconds
    del desk.notifier.trouble["team"]
    desk.work(300)
    names = {parcel.id for name, parcel in desk.notifier.sent if name == "team"}
    assert len(names) == 1 and [one.state for one in desk.told("team")] == ["delivered"]


def test_a_channel_that_asks_to_be_left_alone_is(desk: Desk) -> None:
    desk.rules(NotificationRule("team"))
    desk.notifier.trouble["team"] = Throttled("Too many.", after=600)
    happen(desk.rig, an())
    desk.work(599)
    assert len(desk.notifier.sent) == 1
    desk.work(2)
    assert len(desk.notifier.sent) == 2


def test_what_is_refused_is_dead_at_once_and_everybody_else_may_hear_of_that(desk: Desk) -> None:
    desk.rules(NotificationRule("team", ("all",)), NotificationRule("mail", ("notification.dead",)))
    desk.notifier.trouble["team"] = Undeliverable("404.", "Look at its url.")
    happen(desk.rig, an())
    desk.work(5)
    assert [(one.about, one.state) for one in desk.told("team")] == [("shop in dev has failed", "dead")]
    assert desk.notifier.titles("mail") == ["Notification dead: shop in dev"]
    assert "Look at its url." in desk.notifier.sent[-1][1].message.sentences[0]
    assert desk.rig.operations.status("", "").problems == (
        "1 notification was given up on the channel team, the last of them because: 404. Look at its url.",
    )


def test_two_dead_channels_do_not_tell_each_other_for_ever(desk: Desk) -> None:
    desk.rules(NotificationRule("team", ("all",)), NotificationRule("mail", ("all",)))
    desk.notifier.trouble = {name: Undeliverable("No.") for name in ("team", "mail")}
    happen(desk.rig, an())
    desk.work(600, step=5)
    events = desk.rig.store.history.events(0, 100)
    assert [e.kind for e in events].count("notification.dead") == 2
    assert len(desk.told()) == 4


def test_it_is_given_up_after_many_attempts_and_can_be_tried_again(desk: Desk) -> None:
    desk.rules(NotificationRule("team"))
    desk.notifier.trouble["team"] = Unavailable("It is down.")
    happen(desk.rig, an())
    desk.work(4 * 3600, step=60)
    (dead,) = desk.told()
    assert (dead.state, dead.attempts) == ("dead", ATTEMPTS)
    usable = {one.subject: one for one in desk.rig.operations.doctor()}
    assert not usable["channel team"].usable and "It is down." in usable["channel team"].because
    assert usable["channel mail"].usable
    del desk.notifier.trouble["team"]
    again = desk.rig.operations.notifications.retry(RetryDeliveries((dead.id,), reason="It is up.", actor="ann"))
    assert [one.state for one in again] == ["waiting"]
    desk.work()
    assert desk.told()[0].state == "delivered"
    assert len({parcel.id for _, parcel in desk.notifier.sent}) == 1
    audited = desk.rig.store.history.audit(0, 10)[-1].event
    assert (audited.kind, audited.actor) == ("notification.retry_asked", "ann") and "It is up." in audited.because


def test_what_is_not_dead_is_not_tried_again(desk: Desk) -> None:
    with pytest.raises(NotFound, match="ntf-9-team"):
        desk.rig.operations.notifications.retry(RetryDeliveries(("ntf-9-team",)))


def test_a_channel_that_hangs_holds_up_nothing_but_itself(desk: Desk) -> None:
    desk.rules(NotificationRule("team"), NotificationRule("mail"))
    desk.notifier.held["team"] = threading.Event()
    happen(desk.rig, an(), an(), an())
    desk.herald.follow()
    while len(desk.notifier.titles("mail")) < 3 or not desk.notifier.titles("team"):
        desk.courier.round()
    assert len(desk.notifier.titles("team")) == 1
    desk.notifier.held["team"].set()
    desk.work()
    assert len(desk.notifier.titles("team")) == 3


def test_a_channel_hears_of_things_in_their_order(desk: Desk) -> None:
    desk.rules(NotificationRule("team", ("all",)))
    happen(desk.rig, *(an(data={"release_label": f"shop {n}"}) for n in range(30)))
    desk.work()
    assert desk.notifier.titles("team") == [f"shop {n} in dev has failed" for n in range(30)]


def test_one_that_was_killed_half_way_is_followed_by_the_next_under_the_same_name(desk: Desk) -> None:
    desk.rules(NotificationRule("team"))
    happen(desk.rig, an())
    desk.herald.follow()
    (one,) = desk.rig.store.deliveries.claim("worker", desk.rig.clock.now(), 120, ())  # and there it ends
    desk.work()
    assert desk.notifier.sent[0][1].id.startswith(f"{one.id}-")
    assert desk.told()[0].state == "delivered"


def test_nothing_is_lost_while_the_file_cannot_be_read(desk: Desk) -> None:
    desk.rules(NotificationRule("team"))
    desk.unreadable = True
    happen(desk.rig, an())
    with pytest.raises(Invalid):
        desk.herald.follow()
    assert desk.rig.store.deliveries.followed() == 0
    desk.unreadable = False
    desk.herald.follow()
    desk.unreadable = True
    desk.courier.round()
    desk.courier.drain()
    (waiting,) = desk.told()
    assert (waiting.state, waiting.attempts) == ("waiting", 0) and "cannot be read" in waiting.because
    desk.unreadable = False
    desk.work(60)
    assert desk.told()[0].state == "delivered"


def test_what_is_due_on_a_channel_that_is_gone_is_dead(desk: Desk) -> None:
    desk.rules(NotificationRule("team"))
    happen(desk.rig, an())
    desk.herald.follow()
    desk.rules()
    desk.channel("mail")
    desk.work()
    assert desk.told()[0].state == "dead" and "There is no channel 'team'." in desk.told()[0].because
    assert "channel team" in {one.subject for one in desk.rig.operations.doctor()}


def test_more_than_a_page_of_events_is_followed_to_the_end(desk: Desk) -> None:
    desk.rules(NotificationRule("team", ("all",), digest=Rhythm(3600)))
    many = PAGE + 50
    added(desk.rig.store, events=[an() for _ in range(many)])
    assert desk.herald.follow() == many
    assert desk.rig.store.deliveries.followed() == many


def test_a_digest_comes_when_it_is_due_and_whole(desk: Desk) -> None:
    desk.rules(NotificationRule("mail", ("failures", "finished"), digest=Rhythm(3600)))
    happen(desk.rig, an(), an("deployment.succeeded"), an())
    desk.work()
    assert desk.notifier.sent == []
    desk.work(3600, step=60)
    ((_, parcel),) = desk.notifier.sent
    assert parcel.message.title == "3 things happened in dev: 2 bad"
    assert [event.kind for event in parcel.message.events] == [
        "deployment.failed",
        "deployment.succeeded",
        "deployment.failed",
    ]
    assert {one.state for one in desk.told()} == {"delivered"}


def test_a_digest_that_fails_is_sent_again_as_the_same_one(desk: Desk) -> None:
    desk.rules(NotificationRule("mail", digest=Rhythm(600)))
    happen(desk.rig, an(), an())
    desk.notifier.trouble["mail"] = Unavailable("It is down.")
    desk.work(1201, step=20)
    happen(desk.rig, an())
    del desk.notifier.trouble["mail"]
    desk.work(3600, step=20)
    sent = [(parcel.id, len(parcel.message.events)) for _, parcel in desk.notifier.sent]
    assert len(set(sent)) == 2 and sorted({count for _, count in sent}) == [1, 2]


def test_a_test_goes_the_way_that_all_go(desk: Desk) -> None:
    view = desk.rig.operations.notifications.test(TryChannel("team", "ann"))
    assert view.state == "waiting"
    desk.work()
    assert desk.notifier.titles("team") == ["Test of the channel team"]
    (delivered,) = desk.rig.operations.notifications.deliveries("", frozenset({"delivered"}), 5, frozenset({view.id}))
    assert delivered.id == view.id
    with pytest.raises(NotFound, match="The channels are: team, mail, hook"):
        desk.rig.operations.notifications.test(TryChannel("teem"))


def test_a_message_of_ones_own_goes_to_whom_it_is_for_once(desk: Desk) -> None:
    """As approvals hand one in: with a link for one person."""
    event = an("approval.requested", data={"release_label": "shop 2 (#3)"})
    message = compose(event, links=[Link("Approve", "https://deploy.example/a/1?key=s")], sentences=["Until noon."])
    for _ in range(2):
        desk.rig.operations.notifications.post("approval-1-ann", "mail", message, ["ann@example.org"])
    desk.work()
    ((_, parcel),) = desk.notifier.sent
    assert parcel.recipients == ("ann@example.org",)
    assert parcel.message.links[0].label == "Approve" and "Until noon." in parcel.message.sentences
    (kept,) = desk.rig.store.deliveries.select(DeliverySelection())
    assert kept.message is None and kept.about == parcel.message.title


def test_others_may_add_links_when_it_is_sent(desk: Desk) -> None:
    def links(event: Event, channel: Channel) -> Sequence[Link]:
        return [Link("Approve", f"https://deploy.example/{channel.name}/{event.seq}")]

    desk.courier.links = links
    desk.rules(NotificationRule("team", ("approvals",)))
    happen(desk.rig, an("approval.requested"))
    desk.work()
    assert desk.notifier.sent[0][1].message.links[0].url == "https://deploy.example/team/1"


def test_channels_are_told_with_their_rules_and_how_they_stand(desk: Desk) -> None:
    desk.rules(NotificationRule("team", ("failures",), ("shop",)), of="dev")
    desk.rules(NotificationRule("team", ("all",), digest=Rhythm(minute=540, zone="Europe/Berlin")))
    desk.work()
    team, mail, _ = desk.rig.operations.notifications.channels()
    assert team.rules == ("everywhere: all, daily 09:00 Europe/Berlin", "dev: failures of shop")
    assert (mail.rules, mail.last, mail.waiting, mail.dead) == ((), "", 0, 0)


def test_two_servers_share_the_work(desk: Desk) -> None:
    desk.rules(*(NotificationRule(name) for name in CHANNELS))
    happen(desk.rig, *(an() for _ in range(10)))
    desk.herald.follow()
    other = desk.new_courier("other")
    while desk.courier.round() + other.round():
        desk.courier.drain()
        other.drain()
    assert len(desk.notifier.sent) == len({parcel.id for _, parcel in desk.notifier.sent}) == 30
    assert {one.state for one in desk.told()} == {"delivered"}
