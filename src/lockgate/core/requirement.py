"""Requirement: what must run beside a release, as a range of versions. ``>=2.0 <3``: every comparison must hold.

Versions are dotted numbers, ``2``, ``2.0`` and ``v2.0.0`` the same one; what stands behind a ``+`` says how it was
built and is passed over. Anything else (``2.0rc1``, a commit, a date with letters) has no place in that order.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne

Numbers = tuple[int, ...]

_NUMBERS = r"[0-9]{1,12}(?:\.[0-9]{1,12}){0,7}"
_VERSION = re.compile(rf"v?({_NUMBERS})(?:\+[A-Za-z0-9.-]+)?")
_CLAUSE = re.compile(rf"(>=|<=|==|!=|>|<)\s*v?({_NUMBERS})")
_OPERATORS: dict[str, Callable[[Numbers, Numbers], bool]] = {
    ">=": ge, "<=": le, "==": eq, "!=": ne, ">": gt, "<": lt,
}  # fmt: skip

RANGE_FORM = 'Write comparisons with dotted numbers, as ">=2.0 <3".'


@dataclass(frozen=True, slots=True)
class VersionRange:
    """``text`` as it was written."""

    text: str
    clauses: tuple[tuple[str, Numbers], ...]

    def holds(self, version: Numbers) -> bool:
        """Whether the version is in it."""
        return all(_OPERATORS[sign](version, bound) for sign, bound in self.clauses)


def numbers_of(version: str) -> Numbers | None:
    """What versions are compared by; None: it cannot be compared."""
    found = _VERSION.fullmatch(version.strip())
    return None if found is None else _without_zeros(found[1])


def range_of(text: str) -> VersionRange | None:
    """None: it cannot be read."""
    clauses: list[tuple[str, Numbers]] = []
    rest = text.strip()
    while rest:
        found = _CLAUSE.match(rest)
        if found is None:
            return None
        clauses.append((found[1], _without_zeros(found[2])))
        behind = rest[found.end() :]
        rest = behind.lstrip(" ,")
        if rest and rest == behind:
            return None
    return VersionRange(text.strip(), tuple(clauses)) if clauses else None


def fault_of(wanted: str, version: str) -> str:
    """Why the version is not in the range, as the end of a sentence about it; empty: it is."""
    meant, numbers = range_of(wanted), numbers_of(version)
    if meant is None:
        return f"cannot be compared with {wanted!r}, which is no range of versions"
    if numbers is None:
        return f"cannot be compared with {meant.text}, because {version!r} is not made of dotted numbers"
    return "" if meant.holds(numbers) else f"is not {meant.text}"


def _without_zeros(text: str) -> Numbers:
    """2.0 and 2 are one version."""
    numbers = [int(part) for part in text.split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
