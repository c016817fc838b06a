"""Points in time as they are typed: a date, a date with a time, or how long ago."""

import re
from datetime import UTC, datetime

from lockgate.core.errors import Invalid, Problem

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def instant(text: str, option: str, now: float) -> int:
    """Whole seconds since 1970; 0 for no text. Without a zone it is UTC, as the days of the record are. Raises
    :class:`Invalid`."""
    if not text:
        return 0
    if found := _AGO.fullmatch(text):
        return max(1, int(now) - int(found[1]) * _UNITS[found[2]])
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        because = f"{text!r} is no point in time."
        mend = "Write 2026-11-20, 2026-11-20T14:30, or how long ago: 12h, 7d."
        raise Invalid([Problem("command line", None, option, because, mend)]) from error
    return max(1, int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()))
