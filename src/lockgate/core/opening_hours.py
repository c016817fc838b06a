"""Opening hours: an environment's windows in words: what, from when until when, by whose clocks, and why."""

from datetime import date, timedelta

from lockgate.core.calendar import Effect, Occasion, WindowRule
from lockgate.core.comparison import flow
from lockgate.core.ids import digest_of, plain, short
from lockgate.core.moment import DAY
from lockgate.core.recurrence import Frequency, Repeats

MOST = 40
"""Times of one file that are told one by one."""


def told(rule: WindowRule) -> tuple[str, ...]:
    """``frozen from 2026-12-20 00:00 until 2027-01-03 00:00 Europe/Berlin: Christmas``; of a file, each of its times.
    Two rules of which the same is told say the same."""
    if rule.fault:
        return (f"counts as frozen, because it is not known: {rule.fault.rstrip('.')}{_lets_in(rule)}",)
    if len(rule.occasions) > MOST:
        version = short(digest_of([flow(plain(one)) for one in rule.occasions]))
        return (_sentence(rule, f"at {len(rule.occasions)} times (version {version})", ""),)
    return tuple(_sentence(rule, _when(rule, one), one.title) for one in rule.occasions)


def _sentence(rule: WindowRule, when: str, title: str) -> str:
    verb = "open" if rule.effect is Effect.OPEN else "frozen"
    source = f", by {rule.file}" if rule.file else ""
    reasons = ", ".join(dict.fromkeys(text for text in (title, rule.because) if text))
    return f"{verb} {when}{source}" + (f": {reasons.rstrip('.')}" if reasons else "") + _lets_in(rule)


def _lets_in(rule: WindowRule) -> str:
    if rule.exempt is None:
        return ""
    kinds = ", ".join(sorted(kind.value for kind in rule.exempt))
    return f" (lets in {kinds or 'nothing'})"


def _when(rule: WindowRule, one: Occasion) -> str:
    if not rule.file and one.repeats is not None:
        return f"{rule.written} {one.zone}"
    end = one.second + one.length
    times = f"from {_shown(one.day, one.second)} until {_shown(one.day, end)} {one.zone}"
    if one.repeats is None and not one.further and not one.never:
        return times
    again = f", {_often(one.repeats)}" if one.repeats else ""
    more = f", at {len(one.further)} more times" if one.further else ""
    less = f", but {len(one.never)} times not" if one.never else ""
    return f"{times}{again}{more}{less} (version {short(digest_of(flow(plain(one))))})"


def _shown(day: date, second: int) -> str:
    shown = day + timedelta(days=second // DAY)
    minutes = second % DAY // 60
    return f"{shown} {minutes // 60:02}:{minutes % 60:02}"


_PERIODS = {
    Frequency.DAILY: "day",
    Frequency.WEEKLY: "week",
    Frequency.MONTHLY: "month",
    Frequency.YEARLY: "year",
}


def _often(repeats: Repeats) -> str:
    period = _PERIODS[repeats.frequency]
    each = f"each {period}" if repeats.interval == 1 else f"every {repeats.interval} {period}s"
    return f"{each} up to {repeats.until}" if repeats.until else each
