"""Moments as people write them: ``2026-03-03 14:00``, ``14:00``, ``30d``, ``2h ago``. Local time, unless a zone is
written, or the question is one about the record, whose days are days of UTC."""

import re
from datetime import UTC, datetime, tzinfo

from lockgate.core.errors import Invalid, Problem

_SPAN = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(s|m|min|h|d|w)")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def earlier(text: str, now: float, option: str, zone: tzinfo | None = None) -> float:
    """``2h`` and ``2h ago`` are so long before now; a time of day is of today. Raises :class:`Invalid`."""
    span = _span(text.removesuffix(" ago"))
    return now - span if span is not None else _moment(text, now, option, zone)


def recorded(text: str, now: float, option: str) -> int:
    """A moment of the record, in whole seconds; 0 for no text. Raises :class:`Invalid`."""
    return max(1, int(earlier(text, now, option, UTC))) if text else 0


def later(text: str, now: float, option: str) -> float:
    """``30d`` is so long after now; a day alone means its end. Raises :class:`Invalid`."""
    span = _span(text)
    if span is not None:
        return now + span
    found = _moment(text, now, option)
    return found + 86_399 if re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()) else found


def _span(text: str) -> float | None:
    found = _SPAN.fullmatch(text.strip())
    return float(found[1]) * _SECONDS[found[2]] if found else None


def _moment(text: str, now: float, option: str, zone: tzinfo | None = None) -> float:
    words = text.strip()
    clock = _CLOCK.fullmatch(words)
    try:
        if clock:
            today = datetime.fromtimestamp(now, zone).astimezone(zone)
            hour, minute, second = (int(part or 0) for part in clock.groups())
            return today.replace(hour=hour, minute=minute, second=second, microsecond=0).timestamp()
        found = datetime.fromisoformat(words)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        mend = 'Write it as 2026-03-03, "2026-03-03 14:00", 14:00 or 2h.'
        raise Invalid([Problem("command line", None, option, f"{text!r} is no moment.", mend)]) from error
