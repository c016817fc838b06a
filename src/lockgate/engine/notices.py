"""Notices: the desk where people and tools ask about notifications, and where other parts hand one in."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lockgate.core.audit import Event
from lockgate.core.environment import Catalogue
from lockgate.core.errors import LockgateError, NotFound
from lockgate.core.message import TEST, Message, Tone
from lockgate.core.notification import Channel, Delivery, Standing
from lockgate.core.people import NOBODY, Caller
from lockgate.engine.explaining import age
from lockgate.messages import ChannelView, DeliveryView, RetryDeliveries, TryChannel, Usable
from lockgate.ports import Clock, DeliverySelection, Store

AT_ONCE = 1000
"""Dead deliveries that are tried again by one request."""


@dataclass(frozen=True, slots=True)
class Notices:
    """What it writes down, a courier of some server delivers."""

    store: Store
    clock: Clock
    catalogue: Callable[[], Catalogue]
    caller: Caller = NOBODY

    def post(self, name: str, channel: str, message: Message, recipients: Sequence[str] = ()) -> DeliveryView:
        """Hands in a message of one's own, such as one composed by :func:`lockgate.core.message.compose` with links for
        one person. Delivered at least once; handed in again under the same name it stays one. ``recipients``: addresses
        instead of those of an e-mail channel. The message is kept until then. Raises NotFound for a channel
        that is not there."""
        self.catalogue().channel(channel)
        return _view(self.store.deliveries.post(self._made(name, channel, message, recipients)))

    def test(self, request: TryChannel) -> DeliveryView:
        """Sends a message that says it is a test, on the way that all go. Raises NotFound."""
        channel, now = self.catalogue().channel(request.channel), self.clock.now()
        by = self.caller.speaking(request.actor)
        because = f"{by.name or 'Somebody'} tries the channel {channel.name}."
        event = by.signed(Event("notification.test_asked", now, because, data={"channel": channel.name}))
        told = (because, "If you can read this, notifications arrive here.")
        message = Message(f"Test of the channel {channel.name}", told, tone=Tone.PLAIN, at=now, kind=TEST)
        made = self._made(f"test-{now:.3f}", channel.name, message)
        return _view(self.store.deliveries.post(made, event))

    def retry(self, request: RetryDeliveries) -> tuple[DeliveryView, ...]:
        """Dead deliveries are due again. Raises NotFound when there is none of them."""
        now, which = self.clock.now(), DeliverySelection(request.channel, ids=frozenset(request.ids), limit=AT_ONCE)
        named = ", ".join(request.ids) or (f"all of {request.channel}" if request.channel else "all")
        because = f"Dead notifications are tried again ({named})" + (f": {request.reason}" if request.reason else ".")
        data = {"channel": request.channel} if request.channel else {}
        event = self.caller.speaking(request.actor).signed(Event("notification.retry_asked", now, because, data=data))
        again = self.store.deliveries.retry(which, now, event)
        if not again:
            raise NotFound(f"No dead notification is meant by that ({named}).", "See: lockgate notifications dead")
        return tuple(map(_view, again))

    def deliveries(
        self, channel: str, states: frozenset[str], limit: int, ids: frozenset[str] = frozenset()
    ) -> tuple[DeliveryView, ...]:
        """Newest first."""
        chosen = DeliverySelection(channel, frozenset(Standing(state) for state in states), ids, limit)
        return tuple(map(_view, self.store.deliveries.select(chosen)))

    def channels(self) -> tuple[ChannelView, ...]:
        """As written, with how they stand. Raises Invalid."""
        catalogue, tally = self.catalogue(), self.store.deliveries.tally()
        found = []
        for channel in catalogue.channels.values():
            counts = tally.get(channel.name, {})
            view = ChannelView(
                channel.name, channel.service.value, _about(channel), tuple(_rules(catalogue, channel.name))
            )
            waiting, dead = counts.get(Standing.WAITING, 0), counts.get(Standing.DEAD, 0)
            found.append(replace(view, waiting=waiting, dead=dead, last=self._last(channel.name)))
        return tuple(found)

    # --- what is wrong ---

    def problems(self) -> tuple[str, ...]:
        """For whoever looks at the status: a sentence for each channel with dead letters."""
        return tuple(because for _, because in self._dead())

    def examine(self) -> tuple[Usable, ...]:
        """For ``lockgate doctor``: each channel, and each that is gone but has dead letters."""
        dead, mend = dict(self._dead()), "See: lockgate notifications dead"
        try:
            there = self.catalogue().channels
        except LockgateError:
            return ()
        names = dict.fromkeys([*there, *dead])
        return tuple(
            Usable(f"channel {n}", n not in dead, dead.get(n) or self._well(n), mend if n in dead else "")
            for n in names
        )

    def _well(self, channel: str) -> str:
        return self._last(channel) or "Nothing has been sent there yet."

    def _dead(self) -> list[tuple[str, str]]:
        counts = {name: states.get(Standing.DEAD, 0) for name, states in self.store.deliveries.tally().items()}
        return [(name, self._obituary(name, count)) for name, count in sorted(counts.items()) if count]

    def _obituary(self, channel: str, count: int) -> str:
        newest = self.store.deliveries.select(DeliverySelection(channel, frozenset({Standing.DEAD}), limit=1))
        why = f", the last of them because: {newest[0].because}" if newest else "."
        many = "1 notification was" if count == 1 else f"{count} notifications were"
        return f"{many} given up on the channel {channel}{why}"

    def _last(self, channel: str) -> str:
        newest = self.store.deliveries.select(DeliverySelection(channel, limit=1))
        return _standing(newest[0], self.clock.now()) if newest else ""

    def _made(self, name: str, channel: str, message: Message, recipients: Sequence[str] = ()) -> Delivery:
        now = self.clock.now()
        made = Delivery(f"ntf-{name}-{channel}", channel, now, now, about=message.title, message=message)
        return replace(made, recipients=tuple(recipients))


def _standing(one: Delivery, now: float) -> str:
    if one.state is Standing.WAITING:
        tried = f" again (tried {one.attempts} times: {one.because})" if one.attempts else ""
        return f"{one.about!r} is due{tried}."
    ago = age(now - (one.settled_at or now))
    return f"{one.about!r} was {'given up' if one.state is Standing.DEAD else 'delivered'} {ago} ago."


def _about(channel: Channel) -> str:
    to = f"to {', '.join(channel.recipients)}" if channel.recipients else ""
    by = f" by {channel.settings['smtp']}" if "smtp" in channel.settings else ""
    return f"{to}{by}".strip()


def _rules(catalogue: Catalogue, channel: str) -> Iterator[str]:
    yield from (f"everywhere: {rule}" for rule in catalogue.notify if rule.to == channel)
    for environment in catalogue.environments.values():
        yield from (f"{environment.name}: {rule}" for rule in environment.notify if rule.to == channel)


def _view(one: Delivery) -> DeliveryView:
    return DeliveryView(
        id=one.id,
        channel=one.channel,
        about=one.about,
        state=one.state.value,
        because=one.because,
        attempts=one.attempts,
        created_at=one.created_at,
        due_at=one.due_at,
        settled_at=one.settled_at,
        event=one.seq,
        rule=one.rule,
        digest=one.bundled,
    )
