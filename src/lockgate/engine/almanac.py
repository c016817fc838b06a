"""Almanac: the timetable of each environment, laid out once a day and whenever its windows change; and what the gates
ask of it.
"""

import threading
from dataclasses import dataclass, field

from lockgate.core.admission import Admission
from lockgate.core.calendar import WindowExemption, WindowRule
from lockgate.core.environment import Environment
from lockgate.core.gate import Verdict
from lockgate.core.ids import Instant
from lockgate.core.moment import DAY
from lockgate.core.timetable import HORIZON, Timetable, expand
from lockgate.engine.gatehouse import Question
from lockgate.gates import schedule, window

BEHIND = 40.0 * DAY
"""Seconds of the past that are laid out, for who looks back."""


@dataclass(frozen=True, slots=True)
class _Laid:
    windows: tuple[WindowRule, ...]
    exempt: frozenset[WindowExemption]
    at: Instant
    timetable: Timetable

    def is_of(self, environment: Environment, now: Instant) -> bool:
        same = self.windows is environment.windows or self.windows == environment.windows
        return same and self.exempt == environment.exempt and abs(now - self.at) < DAY


@dataclass(frozen=True, slots=True)
class Almanac:
    """May be asked from any thread."""

    _laid: dict[str, _Laid] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def timetable(self, environment: Environment, now: Instant) -> Timetable:
        """Of the environment as it is written now."""
        known = self._laid.get(environment.name)
        if known is None or not known.is_of(environment, now):
            with self._lock:
                known = self._laid.get(environment.name)
                if known is None or not known.is_of(environment, now):
                    known = self._laid[environment.name] = _laid_out(environment, now)
        return known.timetable

    def standing(self, environment: Environment, now: Instant) -> Verdict:
        """For something ordinary."""
        return window.evaluate(window.Facts(environment.name, self.timetable(environment, now), environment.owner), now)

    def open_to(self, admission: Admission, now: Instant) -> Verdict:
        environment = admission.environment
        facts = window.Facts(
            environment=environment.name,
            timetable=self.timetable(environment, now),
            owner=environment.owner,
            rollback=admission.rollback,
            urgent=admission.urgent,
            reason=admission.reason,
            not_before=admission.not_before,
            broken_by=admission.actor if admission.break_glass else "",
        )
        return window.evaluate(facts, now)

    def on_schedule(self, admission: Admission, now: Instant) -> Verdict:
        zone = self.timetable(admission.environment, now).zone
        facts = schedule.Facts(admission.environment.name, admission.not_before, zone, admission.actor)
        return schedule.evaluate(facts, now)

    def questions(self) -> tuple[tuple[str, Question], ...]:
        """For the gatehouse."""
        return ((schedule.GATE, self.on_schedule), (window.GATE, self.open_to))


def _laid_out(environment: Environment, now: Instant) -> _Laid:
    table = expand(environment.windows, environment.exempt, now - BEHIND, now + HORIZON + 2 * DAY)
    return _Laid(environment.windows, environment.exempt, now, table)
