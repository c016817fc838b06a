"""Notifications over the API: channels, deliveries, and trying again."""

from lockgate.core.notification import Standing
from lockgate.messages import RetryDeliveries, TryChannel
from lockgate.server.endpoint import Answer, Call, Endpoint, Parameter


def channels(call: Call) -> Answer:
    return Answer(call.operations.notifications.channels())


def deliveries(call: Call) -> Answer:
    query = call.query
    chosen = query.text("channel"), query.several["state"], query.number("limit")
    named = frozenset({query.text("id")} - {""})
    return Answer(call.operations.notifications.deliveries(*chosen, named))


def retry(call: Call) -> Answer:
    return Answer(call.operations.notifications.retry(call.read(RetryDeliveries)))


def test(call: Call) -> Answer:
    return Answer(call.operations.notifications.test(call.read(TryChannel)), 201)


NOTIFICATIONS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/v1/channels", "Where notifications go, and how each channel stands.", channels, "[ChannelView]"),
    Endpoint(
        "GET",
        "/v1/notifications",
        "What channels heard, are to hear, or did not take, newest first.",
        deliveries,
        "[DeliveryView]",
        query=(
            Parameter("channel", "Only of this channel."),
            Parameter("state", "Only in these states.", choices=frozenset(Standing)),
            Parameter("id", "Only this one."),
            Parameter("limit", "At most so many.", int, 50, 1000),
        ),
    ),
    Endpoint(
        "POST",
        "/v1/notifications/retry",
        "Try those again that were given up.",
        retry,
        "[DeliveryView]",
        RetryDeliveries,
    ),
    Endpoint(
        "POST",
        "/v1/notifications/test",
        "Send a test to a channel, on the way that all go.",
        test,
        "DeliveryView",
        TryChannel,
        statuses=(201,),
    ),
)
