"""Timetable: a calendar as spans between instants, laid out once and looked up by bisection.

Where clocks skip a time or show it twice, a freeze takes the longer of both readings and an opening the shorter: a
freeze never shrinks. Spans are known up to a horizon; a calendar that would have too many is not laid out at all.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from lockgate.core.calendar import ROLLBACKS, Effect, Occasion, WindowExemption, WindowRule
from lockgate.core.ids import Instant
from lockgate.core.moment import DAY, clocks
from lockgate.core.recurrence import days

HORIZON = 400.0 * DAY
"""Seconds ahead that are laid out."""

MOST = 150_000
"""Spans of one environment."""

FOR_EVER = (float("-inf"), float("inf"))


@dataclass(frozen=True, slots=True)
class Span:
    """From an instant up to another, which is not in it."""

    start: Instant
    end: Instant
    title: str
    rule: WindowRule


@dataclass(frozen=True, slots=True)
class Track:
    """Spans that do not overlap, in order."""

    spans: tuple[Span, ...] = ()
    starts: tuple[Instant, ...] = ()

    @classmethod
    def of(cls, spans: Iterable[Span]) -> "Track":
        """At each moment the span that lasts longest."""
        laid = tuple(_longest(sorted(spans, key=lambda span: span.start)))
        return cls(laid, tuple(span.start for span in laid))

    def at(self, at: Instant) -> Span | None:
        place = bisect_right(self.starts, at) - 1
        return self.spans[place] if place >= 0 and at < self.spans[place].end else None

    def next(self, at: Instant) -> Span | None:
        """The first that begins after that."""
        place = bisect_right(self.starts, at)
        return self.spans[place] if place < len(self.spans) else None


@dataclass(frozen=True, slots=True)
class Closure:
    """Why nothing may begin."""

    frozen: Span | None = None
    """None: it is merely not open."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """Of one environment. ``freezes`` are apart by what they let in."""

    since: Instant
    until: Instant
    openings: Track | None = None
    """None: no rule opens it, so it is open unless it is frozen."""
    freezes: Mapping[frozenset[WindowExemption], Track] = field(default_factory=dict)
    exempt: frozenset[WindowExemption] = ROLLBACKS
    """What comes in outside of openings."""
    spans: tuple[Span, ...] = ()
    """Every single one, by their start."""
    zone: str = ""
    """That it is told in."""

    def closure(self, at: Instant, kinds: frozenset[WindowExemption] = frozenset()) -> Closure | None:
        """What keeps a deployment of these kinds out; None: nothing does."""
        frozen = self._frozen(at, kinds)
        if frozen is not None:
            return Closure(frozen)
        shut = self.openings is not None and not self.exempt & kinds and self.openings.at(at) is None
        return Closure() if shut else None

    def opens(self, at: Instant, kinds: frozenset[WindowExemption] = frozenset()) -> Instant | None:
        """The first moment from then on at which nothing keeps it out; None: none that is known."""
        moment: Instant | None = at
        while moment is not None and (closure := self.closure(moment, kinds)) is not None:
            moment = self._after(moment, closure)
        return moment

    def closes(self, at: Instant) -> Instant | None:
        """When something that is open then ceases to be; None: not before the horizon."""
        ends = [found.start for track in self.freezes.values() if (found := track.next(at))]
        if self.openings is not None and (opening := self.openings.at(at)) is not None:
            ends.append(_joined(self.openings, opening))
        return min((end for end in ends if end < self.until), default=None)

    def began(self, at: Instant) -> Instant | None:
        """Since when it has been closed; None: since before what is known."""
        frozen = self._frozen(at, frozenset())
        if frozen is not None:
            return None if frozen.start == FOR_EVER[0] else frozen.start
        place = bisect_right(self.openings.starts, at) - 1 if self.openings else -1
        return self.openings.spans[place].end if self.openings and place >= 0 else None

    @property
    def faults(self) -> tuple[str, ...]:
        """Why parts of it are not known."""
        return tuple(dict.fromkeys(span.rule.fault for span in self.spans if span.rule.fault))

    def _frozen(self, at: Instant, kinds: frozenset[WindowExemption]) -> Span | None:
        """Of those freezes that do not let it in, the one that lasts longest."""
        found = (track.at(at) for exempt, track in self.freezes.items() if not exempt & kinds)
        return max((span for span in found if span), key=lambda span: span.end, default=None)

    def _after(self, at: Instant, closure: Closure) -> Instant | None:
        if closure.frozen is not None:
            return None if closure.frozen.end == FOR_EVER[1] else closure.frozen.end
        following = self.openings.next(at) if self.openings else None
        return following.start if following else None


def _joined(track: Track, span: Span) -> Instant:
    """The end of it and of all that follow without a gap."""
    end = span.end
    while (following := track.at(end)) is not None:
        end = following.end
    return end


def _longest(spans: Sequence[Span]) -> Iterator[Span]:
    """Each moment goes to the one of those under way that ends last: when it ends, all of them have."""
    if not spans:
        return
    now, *later = spans
    for span in later:
        if span.end > now.end:
            if now.start < (end := min(now.end, span.start)):
                yield replace(now, end=end)
            now = span
    yield now


# --- laying out ---


def expand(
    rules: Sequence[WindowRule], exempt: frozenset[WindowExemption], since: Instant, until: Instant
) -> Timetable:
    """The timetable of these rules, complete between both instants."""
    spans: list[Span] = []
    for rule in rules:
        found = _of_rule(rule, since, until)
        if len(spans) + len(found) > MOST:
            because = f"{rule.written} makes it more than {MOST} windows in {(until - since) / DAY:.0f} days."
            found = [_for_ever(replace(rule, fault=f"{because} Write fewer of them."))]
        spans += found
    spans.sort(key=lambda span: (span.start, span.end))
    opens = any(rule.effect is Effect.OPEN for rule in rules)
    return Timetable(
        since,
        until,
        Track.of(span for span in spans if _opens(span)) if opens else None,
        _by_exemption(spans, exempt),
        exempt,
        tuple(spans),
        next((rule.zone for rule in rules if rule.zone), ""),
    )


def _opens(span: Span) -> bool:
    return span.rule.effect is Effect.OPEN and not span.rule.fault


def _for_ever(rule: WindowRule) -> Span:
    """What is not known freezes."""
    return Span(*FOR_EVER, rule.because or rule.written, rule)


def _by_exemption(
    spans: Iterable[Span], exempt: frozenset[WindowExemption]
) -> Mapping[frozenset[WindowExemption], Track]:
    apart: dict[frozenset[WindowExemption], list[Span]] = {}
    for span in spans:
        if not _opens(span):
            lets_in = exempt if span.rule.exempt is None else span.rule.exempt
            apart.setdefault(lets_in, []).append(span)
    return {lets_in: Track.of(some) for lets_in, some in apart.items()}


def _of_rule(rule: WindowRule, since: Instant, until: Instant) -> list[Span]:
    """No more than one too many."""
    if rule.fault:
        return [_for_ever(rule)]
    return list(islice(_spans(rule, since, until), MOST + 1))


def _spans(rule: WindowRule, since: Instant, until: Instant) -> Iterator[Span]:
    for occasion in rule.occasions:
        title = occasion.title or rule.because or rule.written
        for day, second, length in _times(occasion, since, until):
            start, end = _ends(rule.effect, occasion.zone, day, second, length)
            if start < end and start < until and end > since:
                yield Span(start, end, title, rule)


def _times(occasion: Occasion, since: Instant, until: Instant) -> Iterator[tuple[date, int, int]]:
    """Those that may lie between both, and some days more."""
    first = datetime.fromtimestamp(since, UTC).date() - timedelta(days=2 + (occasion.second + occasion.length) // DAY)
    last = datetime.fromtimestamp(until, UTC).date() + timedelta(days=2)
    if (occasion.day, occasion.second) not in occasion.never:
        yield occasion.day, occasion.second, occasion.length
    if occasion.repeats is not None:
        for day in days(occasion.day, occasion.repeats, first, last):
            if day != occasion.day and (day, occasion.second) not in occasion.never:
                yield day, occasion.second, occasion.length
    for day, second, length in occasion.further:
        if (day, second) not in occasion.never:
            yield day, second, length


def _ends(effect: Effect, zone: str, day: date, second: int, length: int) -> tuple[Instant, Instant]:
    there = clocks(zone)
    if effect is Effect.FREEZE:
        start = there.earliest(day, second)
        return start, max(there.latest(day, second + length), start + length)
    start = there.latest(day, second)
    return start, min(there.earliest(day, second + length), start + length)
