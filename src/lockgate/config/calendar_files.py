"""The calendar files that environments name, read beside ``environments.yaml``.

A file that cannot be read freezes the environments that use it, and no others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockgate.config.document import load_text
from lockgate.config.ics import read_ics
from lockgate.core.calendar import Occasion, WindowRule
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.errors import Invalid, Problem


@dataclass(slots=True)
class CalendarFiles:
    """Those of one reading of the environments' file. ``folder``: where relative names start."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    _read: dict[tuple[str, str], tuple[Occasion, ...] | Invalid] = field(default_factory=dict)

    def put_into(self, catalogue: Catalogue) -> Catalogue:
        """The catalogue with what happens in them."""
        return replace(catalogue, environments=self._all(catalogue.environments))

    def _all(self, environments: Mapping[str, Environment]) -> Mapping[str, Environment]:
        return {
            name: replace(one, windows=tuple(self._rule(rule) for rule in one.windows)) if one.windows else one
            for name, one in environments.items()
        }

    def _rule(self, rule: WindowRule) -> WindowRule:
        if not rule.file:
            return rule
        key = (rule.file, rule.zone)
        if key not in self._read:
            self._read[key] = self._fresh(rule)
        found = self._read[key]
        if isinstance(found, Invalid):
            return replace(rule, fault=found.problems[0].sentence())
        return replace(rule, occasions=found, zone=rule.zone or _shown_in(found), fault="")

    def _fresh(self, rule: WindowRule) -> tuple[Occasion, ...] | Invalid:
        path = self.folder / rule.file
        try:
            if path.exists() and not path.is_file():  # opening a pipe would wait for ever
                raise Invalid([Problem(rule.file, None, "", f"{path} is not a file.", "Name an .ics file.")])
            if not path.exists():
                because = f"there is no file {path}."
                raise Invalid([Problem(rule.file, None, "", because, "Its name is relative to environments.yaml.")])
            return read_ics(load_text(path, rule.file), rule.file, rule.zone)
        except (Invalid, OSError) as fault:
            problems = fault.problems if isinstance(fault, Invalid) else (_unreadable(rule, fault),)
            self.problems += problems
            return Invalid(problems)


def _unreadable(rule: WindowRule, error: OSError) -> Problem:
    return Problem(rule.file, None, "", f"it cannot be read: {error.strerror}.", "Check its name and permissions.")


def _shown_in(occasions: Iterable[Occasion]) -> str:
    return next((one.zone for one in occasions if one.zone != "UTC"), "")
