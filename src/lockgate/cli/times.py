"""Times as people type them: 90d, 8h, 2026-12-24, 2026-12-24T18:00."""

import re
from datetime import datetime

from lockgate.core.errors import Invalid, Problem

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_SPAN = re.compile(r"([0-9]{1,5})([mhdw])")


def seconds_of(text: str, option: str) -> float | None:
    """A length of time; None where nothing is given. Raises :class:`Invalid` naming the option."""
    if not text:
        return None
    found = _SPAN.fullmatch(text)
    if found is None:
        raise Invalid(
            [Problem("command line", None, option, f"{text!r} is no length of time.", "Write 8h, 90d or 2w.")]
        )
    return int(found[1]) * _UNITS[found[2]]


def instant_of(text: str, option: str, now: float) -> float:
    """A moment: so long from now, or a date and maybe a time of day, here."""
    if _SPAN.fullmatch(text):
        return now + (seconds_of(text, option) or 0.0)
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        mend = "Write 8h, 3d, 2026-12-24 or 2026-12-24T18:00."
        raise Invalid([Problem("command line", None, option, f"{text!r} is no moment.", mend)]) from error
