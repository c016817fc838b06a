"""The client's calls about notifications and calendars."""

from urllib.parse import quote

from lockgate.client.wire import Wire
from lockgate.messages import CalendarView, FeedLink, FeedView, NewFeed, RevokeFeed
from lockgate.messages.notifications import ChannelView, DeliveryView, RetryDeliveries, TryChannel


class NoticeCalls(Wire):
    """Part of :class:`lockgate.client.Client`."""

    __slots__ = ()

    def channels(self) -> tuple[ChannelView, ...]:
        return self._get("/v1/channels", tuple[ChannelView, ...])

    def notifications(self, **asked: str | int) -> tuple[DeliveryView, ...]:
        return self._get("/v1/notifications", tuple[DeliveryView, ...], **asked)

    def retry_notifications(self, request: RetryDeliveries) -> tuple[DeliveryView, ...]:
        return self._post("/v1/notifications/retry", request, tuple[DeliveryView, ...])

    def test_channel(self, request: TryChannel) -> DeliveryView:
        return self._post("/v1/notifications/test", request, DeliveryView)

    def calendar(self, environment: str = "", application: str = "", days: int = 30, back: int = 7) -> CalendarView:
        asked: dict[str, str | int] = {"environment": environment, "application": application}
        return self._get("/v1/calendar", CalendarView, **asked, days=days, back=back)

    def subscribe(self, request: NewFeed) -> FeedLink:
        """A feed, with the link that is told this once."""
        return self._post("/v1/feeds", request, FeedLink)

    def feeds(self) -> tuple[FeedView, ...]:
        return self._get("/v1/feeds", tuple[FeedView, ...])

    def revoke_feed(self, name: str, request: RevokeFeed) -> None:
        self._post(f"/v1/feeds/{quote(name, safe='')}/revoke", request, None)
