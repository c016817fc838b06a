"""A calendar as an iCalendar file (RFC 5545). Every time is in UTC, so it needs no zones."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from lockgate.core.ids import Instant
from lockgate.messages import CalendarEntry, CalendarView

_LONGEST = 75
"""Bytes of a line; longer ones are folded."""

_SHORTEST = 900.0
"""Seconds that a deployment without an end has in a calendar: less is not seen there."""

_NAMES = {"open": "Open", "frozen": "Frozen", "planned": "Planned", "waiting": "Waiting", "under way": "Under way"}


def calendar_text(view: CalendarView, name: str) -> str:
    """The whole file."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Lockgate//Lockgate//EN", "CALSCALE:GREGORIAN"]
    lines += [f"X-WR-CALNAME:{_text(name)}", "REFRESH-INTERVAL;VALUE=DURATION:PT15M", "X-PUBLISHED-TTL:PT15M"]
    for entry in view.entries:
        lines += _event(entry, view.at)
    lines.append("END:VCALENDAR")
    return "".join(part + "\r\n" for line in lines for part in _folded(line))


def _event(entry: CalendarEntry, at: Instant) -> list[str]:
    end = entry.end if entry.end is not None else max(entry.start + _SHORTEST, at if entry.kind == "under way" else 0.0)
    lines = ["BEGIN:VEVENT", f"UID:{_uid(entry)}", f"DTSTAMP:{_stamp(at)}"]
    lines += [f"DTSTART:{_stamp(entry.start)}", f"DTEND:{_stamp(max(end, entry.start + 60))}"]
    lines += [f"SUMMARY:{_text(_summary(entry))}", f"DESCRIPTION:{_text(_description(entry))}"]
    lines.append(f"CATEGORIES:{_text(entry.kind)}")
    lines.append("TRANSP:OPAQUE" if entry.kind == "frozen" else "TRANSP:TRANSPARENT")
    lines.append("STATUS:TENTATIVE" if entry.kind == "waiting" else "STATUS:CONFIRMED")
    return [*lines, "END:VEVENT"]


def _uid(entry: CalendarEntry) -> str:
    """The same whenever the feed is read, so that programs know it again."""
    known = entry.deployment or f"{entry.kind} {entry.environment} {entry.start:.0f} {entry.title}"
    return f"{hashlib.sha256(known.encode()).hexdigest()[:24]}@lockgate"


def _summary(entry: CalendarEntry) -> str:
    if entry.deployment:
        kind = entry.state.replace("_", " ").capitalize() if entry.kind == "past" else _NAMES[entry.kind]
        return f"{kind}: {entry.title}"
    return f"{entry.environment}: {_NAMES[entry.kind].lower()}, {entry.title}"


def _description(entry: CalendarEntry) -> str:
    if entry.deployment:
        return f"{entry.deployment} is {entry.state.replace('_', ' ')}. {entry.because}".strip()
    exempt = f" Exempt: {', '.join(entry.exempt)}." if entry.exempt else ""
    return f"{entry.environment} is {entry.kind}: {entry.title.rstrip('.')}.{exempt}"


def _stamp(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    """RFC 5545, section 3.3.11; what is no character of a line is left out."""
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
    return "".join(c for c in escaped if c.isprintable())


def _folded(line: str) -> Iterator[str]:
    """Between characters, never inside of one."""
    part, size = "", 0
    for character in line:
        width = len(character.encode())
        if size + width > _LONGEST:
            yield part
            part, size = " ", 1
        part, size = part + character, size + width
    yield part
