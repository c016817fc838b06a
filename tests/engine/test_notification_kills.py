"""A process that brings notifications is killed again and again: nothing is lost, and what comes twice says so.

Real processes, a real database, a real webhook on loopback.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from lockgate.core.audit import Event
from lockgate.core.notification import Standing
from lockgate.ports import DeliverySelection
from lockgate.store.database import open_store
from lockgate.testing.contracts.lives import added
from lockgate.testing.web_sink import Received, Reply, WebSink

COURIER = """
import sys, threading
from lockgate.core.environment import Catalogue
from lockgate.core.notification import Channel, Rhythm, NotificationRule, Service
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.drivers.clock import SystemClock
from lockgate.drivers.notifiers.webhook import WebhookNotifier
from lockgate.drivers.posting import Poster
from lockgate.drivers.safe import reveal
from lockgate.engine.courier import Courier
from lockgate.store.database import open_store

secrets = {name: (SecretSource(SecretStore.VARIABLE, name.upper()),) for name in ("url", "secret")}
channels = {name: Channel(name, Service.WEBHOOK, secrets=secrets) for name in ("one", "two", "digest")}
rules = (
    NotificationRule("one", ("all",)),
    NotificationRule("two", ("all",)),
    NotificationRule("digest", ("all",), digest=Rhythm(1.0)),
)
catalogue = Catalogue({}, channels=channels, notify=rules)
store = open_store(sys.argv[1])
notifier = WebhookNotifier(Poster(), reveal)
courier = Courier(sys.argv[2], store, SystemClock(), lambda: catalogue, {Service.WEBHOOK: notifier})
courier.run(threading.Event(), 0.02)
"""

EVENTS = 60


class Sender:
    """A process with a courier, started and killed."""

    def __init__(self, url: str, sink: WebSink, name: str) -> None:
        environ = {**os.environ, "URL": sink.url, "SECRET": "k" * 24}
        self.process = subprocess.Popen([sys.executable, "-c", COURIER, url, name], env=environ)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def told(request: Received) -> list[int]:
    return [int(event["seq"]) for event in json.loads(request.body)["data"]["events"]]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("senders", [1, 2])
def test_nothing_is_lost_and_what_comes_twice_has_the_same_name(tmp_path: Path, senders: int) -> None:
    dice = random.Random(senders)
    url = f"sqlite:///{tmp_path}/lockgate.db"
    with open_store(url) as store, WebSink() as sink:
        sink.reply = lambda _: Reply(503 if dice.random() < 0.02 else 200, hangs=dice.random() * 0.01)
        alive = [Sender(url, sink, f"w{n}") for n in range(senders)]
        try:
            for number in range(EVENTS):
                event = Event("deployment.failed", 0.0, f"Number {number}.", application="shop")
                added(store, environment=f"e{number}", events=[event])
                if number % 6 == 5:
                    time.sleep(dice.random() * 0.9)
                    which = dice.randrange(senders)
                    alive[which].kill()
                    alive[which] = Sender(url, sink, f"w{which}")
            _until_settled(store)
        finally:
            for sender in alive:
                sender.kill()
        rows = store.deliveries.select(DeliverySelection(limit=1000))
        assert {row.state for row in rows} == {Standing.DELIVERED} and len(rows) == 3 * EVENTS
        _nothing_is_lost(sink, EVENTS)


def _until_settled(store: object) -> None:
    end = time.monotonic() + 100
    while store.deliveries.followed() < EVENTS or any(  # type: ignore[attr-defined]
        Standing.WAITING in counts
        for counts in store.deliveries.tally().values()  # type: ignore[attr-defined]
    ):
        assert time.monotonic() < end, "notifications are stuck"
        time.sleep(0.05)


def _nothing_is_lost(sink: WebSink, events: int) -> None:
    bodies: dict[str, set[bytes]] = defaultdict(set)
    names: dict[tuple[str, int], set[str]] = defaultdict(set)
    for request in sink.received:
        name = request.headers["webhook-id"]
        bodies[name].add(request.body)
        for seq in told(request):
            names[name.split("-")[2], seq].add(name)
    assert {name: len(found) for name, found in bodies.items() if len(found) > 1} == {}
    expected = {(channel, seq) for channel in ("one", "two", "digest") for seq in range(1, events + 1)}
    assert set(names) == expected
    assert [key for key, found in names.items() if len(found) > 1] == []
