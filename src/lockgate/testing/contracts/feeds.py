"""What a store must do with calendars that people have subscribed to."""

import pytest

from lockgate.core.errors import Conflict, NotFound
from lockgate.ports import Feed, Store
from lockgate.testing.samples import NOON, an_event


def a_feed(name: str = "team", digest: str = "d1") -> Feed:
    return Feed(name, digest, "prod", "", "ann", NOON)


class FeedsContract:
    """Adding, finding, revoking."""

    def test_a_feed_is_found_by_the_digest_of_its_token(self, store: Store) -> None:
        store.feeds.add(a_feed(), an_event("feed.made"))
        assert store.feeds.by_digest("d1") == a_feed()
        assert store.feeds.by_digest("d2") is None
        assert [event.kind for event in store.history.events(0, 10)] == ["feed.made"]

    def test_feeds_come_by_name(self, store: Store) -> None:
        for name in ("b", "a"):
            store.feeds.add(a_feed(name, name), an_event("feed.made"))
        assert [feed.name for feed in store.feeds.all()] == ["a", "b"]

    def test_a_second_feed_of_a_name_is_refused_and_tells_nothing(self, store: Store) -> None:
        store.feeds.add(a_feed(), an_event("feed.made"))
        with pytest.raises(Conflict, match="There is a feed 'team' already"):
            store.feeds.add(a_feed(digest="d2"), an_event("feed.made"))
        assert store.feeds.by_digest("d2") is None
        assert len(store.history.events(0, 10)) == 1

    def test_a_revoked_feed_is_not_found_and_its_name_is_free(self, store: Store) -> None:
        store.feeds.add(a_feed(), an_event("feed.made"))
        store.feeds.revoke("team", an_event("feed.revoked"))
        assert store.feeds.by_digest("d1") is None
        with pytest.raises(NotFound, match="There is no feed 'team'"):
            store.feeds.revoke("team", an_event("feed.revoked"))
        store.feeds.add(a_feed(digest="d3"), an_event("feed.made"))
        assert store.feeds.by_digest("d3") is not None
