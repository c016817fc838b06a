"""Moments: ``prod@2026-11-20T12:00Z`` or ``prod@2h`` -> an environment, and when. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import Instant

_AGO = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Moment:
    """An environment now, or at a time that is past."""

    environment: str
    at: Instant | None = None
    """None: now."""

    @property
    def name(self) -> str:
        """For sentences."""
        if self.at is None:
            return self.environment
        return f"{self.environment} at {datetime.fromtimestamp(self.at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def moment(text: str, now: Instant, field: str) -> Moment:
    """``prod``, ``prod@2h`` (so long ago; s, m, h, d), ``prod@2026-11-20`` or with a time of day (UTC where no zone is
    written). Raises :class:`Invalid`."""
    environment, separator, when = text.partition("@")
    if not environment:
        mend = "Write an environment (prod, prod@2h), or a release's id."
        raise Invalid([Problem("request", None, field, "it names nothing to compare.", mend)])
    if not separator:
        return Moment(environment)
    at = _instant(when, now)
    if at is None:
        because = f"{when!r} is no time."
        raise Invalid([Problem("request", None, field, because, "Write 2h, or 2026-11-20T12:00Z.")])
    if at > now:
        raise Invalid([Problem("request", None, field, f"{when} is yet to come.", "Name a time that is past.")])
    return Moment(environment, at)


def _instant(text: str, now: Instant) -> Instant | None:
    ago = _AGO.fullmatch(text)
    if ago:
        return now - int(ago["number"]) * _SECONDS[ago["unit"]]
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
