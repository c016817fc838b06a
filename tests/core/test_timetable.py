"""A calendar is laid out as its rules say: a freeze never shrinks, an opening never grows, lookups find the truth."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as some

from lockgate.core.calendar import Effect, Occasion, WindowExemption, WindowRule
from lockgate.core.moment import DAY
from lockgate.core.recurrence import Frequency, Repeats
from lockgate.core.timetable import MOST, Span, Timetable, Track, expand

BERLIN = "Europe/Berlin"
ROLLBACK = frozenset({WindowExemption.ROLLBACK})
Kinds = frozenset[WindowExemption]
NOBODY: Kinds = frozenset()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


SINCE, UNTIL = at("2026-01-01T00:00:00+00:00"), at("2027-02-01T00:00:00+00:00")


def daily(effect: Effect, second: int, length: int, zone: str = BERLIN) -> WindowRule:
    repeats = Repeats(Frequency.DAILY)
    return WindowRule(effect, "daily", zone, (Occasion(date(2025, 1, 1), second, length, zone, repeats=repeats),))


def laid_out(*rules: WindowRule, exempt: frozenset[WindowExemption] = ROLLBACK) -> Timetable:
    return expand(rules, exempt, SINCE, UNTIL)


def spans_of(rule: WindowRule) -> list[tuple[float, float]]:
    return [(span.start, span.end) for span in laid_out(rule).spans]


# --- clocks that jump ---


def test_a_freeze_in_the_hour_that_is_skipped_does_not_disappear() -> None:
    frozen = spans_of(daily(Effect.FREEZE, 9000, 3600))
    assert (at("2026-03-29T00:30:00+00:00"), at("2026-03-29T01:30:00+00:00")) in frozen
    assert all(end - start >= 3600 for start, end in frozen)


def test_a_freeze_in_the_hour_that_comes_twice_lasts_through_both() -> None:
    (found,) = [s for s in spans_of(daily(Effect.FREEZE, 9000, 1800)) if s[0] == at("2026-10-25T00:30:00+00:00")]
    assert found[1] == at("2026-10-25T02:00:00+00:00")


def test_an_opening_in_the_hour_that_is_skipped_is_left_out() -> None:
    opened = spans_of(daily(Effect.OPEN, 9000, 3600))
    assert not [
        start for start, _ in opened if at("2026-03-29T00:00:00+00:00") <= start < at("2026-03-29T22:00:00+00:00")
    ]
    assert len(opened) >= 390


def test_office_hours_follow_the_clocks() -> None:
    hours = laid_out(daily(Effect.OPEN, 9 * 3600, 7 * 3600))
    assert hours.closure(at("2026-03-28T09:00:00+01:00")) is None
    assert hours.closure(at("2026-03-29T09:00:00+02:00")) is None
    assert hours.closure(at("2026-03-29T08:59:59+02:00")) is not None
    assert hours.opens(at("2026-03-29T20:00:00+02:00")) == at("2026-03-30T09:00:00+02:00")


ZONES = some.sampled_from(
    [BERLIN, "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Sao_Paulo", "UTC"]
)
OCCASIONS = some.builds(
    Occasion,
    some.dates(date(2026, 1, 10), date(2026, 12, 20)),
    some.integers(0, 86_399),
    some.integers(60, 3 * 86_400),
    ZONES,
    repeats=some.none()
    | some.builds(Repeats, some.sampled_from([Frequency.DAILY, Frequency.WEEKLY]), some.integers(1, 9)),
)


@settings(max_examples=60, deadline=None)
@given(OCCASIONS)
def test_a_freeze_never_shrinks_and_an_opening_never_grows(occasion: Occasion) -> None:
    """Neither by what clocks show nor by how long it lasts, on any day of the year."""
    frozen = laid_out(WindowRule(Effect.FREEZE, "f", occasion.zone, (occasion,)))
    opened = laid_out(WindowRule(Effect.OPEN, "o", occasion.zone, (occasion,)))
    assert opened.openings is not None
    zone = ZoneInfo(occasion.zone)
    shown = datetime(occasion.day.year, occasion.day.month, occasion.day.day, tzinfo=zone)
    begins = shown + timedelta(seconds=occasion.second)
    ends = begins + timedelta(seconds=occasion.length)
    readings = [
        (b.replace(fold=one).timestamp(), e.replace(fold=two).timestamp())
        for b, e in [(begins, ends)]
        for one in (0, 1)
        for two in (0, 1)
    ]
    for start, end in readings:
        for moment in (start, (start + end) / 2, end - 1):
            if start < end and start <= moment < end:
                assert frozen.closure(moment) is not None
    for span in opened.spans:
        if abs(span.start - readings[0][0]) <= 7200:
            assert span.start >= max(start for start, _ in readings) and span.end <= min(end for _, end in readings)
    assert all(span.end - span.start >= occasion.length for span in frozen.spans)
    assert all(span.end - span.start <= occasion.length for span in opened.spans)


# --- lookups ---

RULE_SPANS = some.lists(
    some.tuples(
        some.sampled_from(Effect),
        some.integers(0, 60),
        some.integers(1, 30),
        some.sampled_from([None, NOBODY, ROLLBACK, frozenset(WindowExemption)]),
    ),
    max_size=12,
)
KINDS = some.sampled_from([NOBODY, ROLLBACK, frozenset({WindowExemption.URGENT})])


def by_hand(rules: list[WindowRule], kinds: Kinds, exempt: Kinds, moment: float) -> bool:
    """Whether it is open then: every rule is looked at."""

    def covers(rule: WindowRule) -> bool:
        one = rule.occasions[0]
        start = SINCE + (one.day - date(2026, 1, 1)).days * DAY + one.second
        return start <= moment < start + one.length

    for rule in rules:
        lets_in = exempt if rule.exempt is None else rule.exempt
        if rule.effect is Effect.FREEZE and covers(rule) and not lets_in & kinds:
            return False
    openings = [rule for rule in rules if rule.effect is Effect.OPEN]
    return not openings or bool(exempt & kinds) or any(map(covers, openings))


@settings(max_examples=60, deadline=None)
@given(RULE_SPANS, KINDS, some.sampled_from([NOBODY, ROLLBACK]))
def test_a_lookup_says_what_looking_at_every_rule_says(
    given_: list[tuple[Effect, int, int, frozenset[WindowExemption] | None]],
    kinds: frozenset[WindowExemption],
    exempt: frozenset[WindowExemption],
) -> None:
    rules = [
        WindowRule(effect, "r", "UTC", (Occasion(date(2026, 1, 1), hour * 3600, hours * 3600, "UTC"),), exempt=lets_in)
        for effect, hour, hours, lets_in in given_
    ]
    table = laid_out(*rules, exempt=exempt)
    moments = [SINCE + hour * 1800 for hour in range(200)]
    told = [by_hand(rules, kinds, exempt, moment) for moment in moments]
    assert [table.closure(moment, kinds) is None for moment in moments] == told
    for moment, open_now in zip(moments, told, strict=True):
        opens = table.opens(moment, kinds)
        assert (opens == moment) is open_now
        if opens is not None and not open_now:
            assert by_hand(rules, kinds, exempt, opens) and not by_hand(rules, kinds, exempt, opens - 1)
            assert not any(by_hand(rules, kinds, exempt, m) for m in moments if moment <= m < opens)


@given(some.lists(some.tuples(some.integers(0, 50), some.integers(1, 50)), max_size=15))
def test_overlapping_spans_are_laid_out_as_those_that_last_longest(pairs: list[tuple[int, int]]) -> None:
    rule = WindowRule(Effect.FREEZE, "f")
    track = Track.of([Span(float(start), float(start + length), "", rule) for start, length in pairs])
    assert all(one.end <= two.start for one, two in zip(track.spans, track.spans[1:], strict=False))
    for moment in range(110):
        ends = [start + length for start, length in pairs if start <= moment < start + length]
        found = track.at(float(moment))
        assert (found is None) is (not ends)
        assert found is None or found.end <= max(ends)


def test_a_rule_that_is_not_known_freezes_until_it_is() -> None:
    table = laid_out(
        daily(Effect.OPEN, 0, DAY), WindowRule(Effect.OPEN, "team.ics", fault="team.ics: it is not there.")
    )
    closure = table.closure(SINCE + DAY)
    assert closure is not None and closure.frozen is not None
    assert table.faults == ("team.ics: it is not there.",)
    assert table.opens(SINCE + DAY) is None
    assert table.closure(SINCE + DAY, ROLLBACK) is None


def test_a_freeze_lets_in_what_it_says_itself() -> None:
    strict = WindowRule(Effect.FREEZE, "move", "UTC", (Occasion(date(2026, 5, 1), 0, DAY, "UTC"),), exempt=NOBODY)
    assert laid_out(strict).closure(at("2026-05-01T12:00:00+00:00"), ROLLBACK) is not None


def test_a_calendar_with_too_much_in_it_is_not_laid_out() -> None:
    repeats = Repeats(Frequency.DAILY)
    many = tuple(Occasion(date(2025, 1, 1), n, 60, "UTC", repeats=repeats) for n in range(MOST // 396 + 2))
    table = laid_out(WindowRule(Effect.FREEZE, "holidays.ics", "UTC", many))
    assert len(table.spans) == 1
    assert f"more than {MOST} windows" in table.faults[0]


def test_nothing_written_is_open_for_ever() -> None:
    table = laid_out()
    assert table.closure(SINCE) is None and table.closes(SINCE) is None and table.opens(SINCE) == SINCE


def test_what_is_open_tells_when_it_closes() -> None:
    table = laid_out(
        daily(Effect.OPEN, 0, DAY, "UTC"),
        WindowRule(Effect.FREEZE, "f", "UTC", (Occasion(date(2026, 7, 1), 0, DAY, "UTC"),)),
    )
    assert table.closes(at("2026-06-01T12:00:00+00:00")) == at("2026-07-01T00:00:00+00:00")
    assert table.began(at("2026-07-01T12:00:00+00:00")) == at("2026-07-01T00:00:00+00:00")
