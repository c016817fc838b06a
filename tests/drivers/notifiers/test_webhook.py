"""Webhooks are signed as Standard Webhooks says."""

import base64
import hmac

import pytest

from lockgate.core.audit import Event
from lockgate.core.errors import Undeliverable
from lockgate.core.message import Link, compose
from lockgate.core.notification import Channel, Service
from lockgate.drivers.notifiers.webhook import WebhookNotifier, signed
from lockgate.drivers.posting import Poster
from lockgate.ports import Parcel
from lockgate.testing.web_sink import Received, WebSink
from tests.drivers.notifiers.conftest import NOW, Keeper

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()

EVENT = Event(
    "deployment.failed",
    NOW - 5.25,
    "GET / answered 500: <b>é",
    "ann",
    "shop",
    "prod",
    "dep-7",
    "rel-1",
    {"a": "b"},
    True,
    41,
)
PARCEL = Parcel("ntf-41-hook-0123456789ab", compose(EVENT, links=[Link("Open", "https://x/y")]), NOW)


def webhook(keeper: Keeper, sink: WebSink, *keys: str) -> Channel:
    return keeper.channel(Service.WEBHOOK, {"url": sink.url, "secret": list(keys)})


def verified(request: Received, key: bytes) -> bool:
    """As a receiver would, from the raw body alone."""
    content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    wanted = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    found = [part.partition(",") for part in request.headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(text, wanted) for version, _, text in found)


def test_the_standards_own_vector() -> None:
    headers = signed(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        [base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_receiver_can_tell_that_it_is_from_us_and_has_not_been_changed(keeper: Keeper, sink: WebSink) -> None:
    WebhookNotifier(Poster(), keeper).send(webhook(keeper, sink, KEY), PARCEL)
    (got,) = sink.received
    key = base64.b64decode(KEY.removeprefix("whsec_"))
    assert verified(got, key)
    assert not verified(Received(got.path, got.headers, got.body.replace(b"500", b"200")), key)
    assert not verified(Received(got.path, {**got.headers, "webhook-id": "another"}, got.body), key)
    assert not verified(Received(got.path, {**got.headers, "webhook-timestamp": "1"}, got.body), key)
    assert got.headers["webhook-timestamp"] == str(int(NOW)) and got.headers["webhook-id"] == PARCEL.id


def test_both_keys_sign_while_one_is_replaced(keeper: Keeper, sink: WebSink) -> None:
    WebhookNotifier(Poster(), keeper).send(webhook(keeper, sink, KEY, OLD), PARCEL)
    (got,) = sink.received
    assert verified(got, base64.b64decode(KEY.removeprefix("whsec_"))) and verified(got, b"o" * 24)
    assert not verified(got, b"x" * 24)


def test_a_secret_without_the_standards_prefix_is_taken_as_it_is(keeper: Keeper, sink: WebSink) -> None:
    WebhookNotifier(Poster(), keeper).send(webhook(keeper, sink, "correct horse battery staple\n"), PARCEL)
    assert verified(sink.received[0], b"correct horse battery staple")


@pytest.mark.parametrize("key", ["", "tooshort", "whsec_AAAA", "whsec_not base64 at all!!"])
def test_a_key_that_could_be_guessed_signs_nothing(keeper: Keeper, sink: WebSink, key: str) -> None:
    with pytest.raises(Undeliverable) as raised:
        WebhookNotifier(Poster(), keeper).send(webhook(keeper, sink, key), PARCEL)
    assert sink.received == [] and (not key or key not in str(raised.value))


def test_the_body_tells_people_and_programs(keeper: Keeper, sink: WebSink) -> None:
    notifier = WebhookNotifier(Poster(), keeper)
    for _ in range(2):
        notifier.send(webhook(keeper, sink, KEY), PARCEL)
    told = sink.received[0].json
    assert told["type"] == "deployment.failed" and told["timestamp"] == "2027-01-15T07:59:54.750Z"
    assert told["data"]["title"] == "shop in prod has failed"
    assert told["data"]["sentences"][0] == EVENT.because
    assert told["data"]["links"] == [{"label": "Open", "url": "https://x/y"}]
    assert told["data"]["events"] == [
        {
            "kind": "deployment.failed", "at": NOW - 5.25, "because": EVENT.because, "actor": "ann",
            "application": "shop", "environment": "prod", "deployment": "dep-7",
            "release": "rel-1", "data": {"a": "b"}, "seq": 41, "commit": "", "artifacts": {},
        }
    ]  # fmt: skip
    assert sink.received[0].body == sink.received[1].body
