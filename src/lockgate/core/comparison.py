"""Comparison: two snapshots -> how they differ, as sentences. Of two environments, two moments of one, two releases.

What is not known is never the same: it is told as what cannot be compared, and why.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a difference is of; in the order in which they are told."""

    RELEASE = "release"
    CONFIGURATION = "configuration"
    SECRET = "secret"
    CAPABILITY = "capability"
    RULE = "rule"
    OBSERVED = "observed"
    ABOUT = "about"
    """Words for people: owner, purpose, users, endpoints, tier."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It cannot be told."""

    because: str
    mark: str = ""
    """Two with the same mark stand for the same thing, whatever it is."""


Setting = str | tuple[str, ...] | Unknown
"""A text, a list of which the order does not matter, or nothing that is known."""

Settings = Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is to know of one side."""

    name: str
    """For sentences: ``prod``, ``prod at 2026-11-20 12:00:00 UTC``, ``shop 2.1 (#3)``."""
    parts: Mapping[Kind, Settings | Unknown] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same on both sides, or may not be."""

    kind: Kind
    subject: str
    left: str
    """Empty: there is none."""
    right: str
    sentence: str
    known: bool = True
    """False: whether it differs cannot be told."""


def compare(left: Snapshot, right: Snapshot) -> tuple[Difference, ...]:
    """By kind, and by subject within one. Both sides are told in the same words, so ``compare(b, a)`` is the same with
    left and right exchanged."""
    return tuple(difference for kind in Kind for difference in _of_kind(kind, left, right))


def _of_kind(kind: Kind, left: Snapshot, right: Snapshot) -> Iterator[Difference]:
    one, other = left.parts.get(kind, {}), right.parts.get(kind, {})
    for side, name in ((one, left.name), (other, right.name)):
        if isinstance(side, Unknown):
            sentence = f"{_ALL[kind]} {name} cannot be compared: {side.because}"
            yield Difference(kind, "", _shown(one), _shown(other), sentence, known=False)
            return
    assert not isinstance(one, Unknown) and not isinstance(other, Unknown)
    for subject in sorted({*one, *other}):
        here, there = one.get(subject), other.get(subject)
        if not _same(here, there):
            yield _difference(kind, subject, (here, left.name), (there, right.name))


_ALL = {
    Kind.RELEASE: "The releases of",
    Kind.CONFIGURATION: "The configuration of",
    Kind.SECRET: "The secrets of",
    Kind.CAPABILITY: "The capabilities of",
    Kind.RULE: "The rules of",
    Kind.OBSERVED: "What runs in",
    Kind.ABOUT: "What people are told of",
}

Side = tuple[Setting | None, str]
"""What it is there, and the name of the side."""


def _same(one: Setting | None, other: Setting | None) -> bool:
    if isinstance(one, Unknown) or isinstance(other, Unknown):
        marks = [side.mark for side in (one, other) if isinstance(side, Unknown)]
        return len(marks) == 2 and marks[0] == marks[1] != ""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return sorted(one) == sorted(other)
    return one == other


def _difference(kind: Kind, subject: str, left: Side, right: Side) -> Difference:
    known = not (isinstance(left[0], Unknown) or isinstance(right[0], Unknown)) or None in (left[0], right[0])
    sentence = _sentence(kind, subject, left, right) if known else _untold(kind, subject, left, right)
    return Difference(kind, subject, _shown(left[0]), _shown(right[0]), sentence, known)


def _sentence(kind: Kind, subject: str, left: Side, right: Side) -> str:
    title = _TITLES.get(kind, "{}").format(subject)
    if left[0] is None or right[0] is None:
        found, name = right if left[0] is None else left
        value = "" if kind is Kind.CAPABILITY or isinstance(found, Unknown) else f": {_shown(found)}"
        return f"{title}: only in {name}{value}."
    if isinstance(left[0], tuple) and isinstance(right[0], tuple):
        return f"{title}: {'; '.join([*_extra(left, right), *_extra(right, left)])}."
    return f"{title}: {_shown(left[0])} in {left[1]}, {_shown(right[0])} in {right[1]}."


_TITLES = {Kind.SECRET: "The secret {}", Kind.CAPABILITY: "The capability {}"}


def _extra(mine: Side, other: Side) -> Iterator[str]:
    """Entries that the side has and the other lacks, each told once."""
    entries, lacking = (side if isinstance(side, tuple) else () for side in (mine[0], other[0]))
    more = sorted(entry for entry in set(entries) if entries.count(entry) > lacking.count(entry))
    return (f"only {mine[1]} has {entry}" for entry in more)


def _untold(kind: Kind, subject: str, left: Side, right: Side) -> str:
    title = _TITLES.get(kind, "{}").format(subject)
    return f"{title} cannot be compared: {_known(left)}, {_known(right)}."


def _known(side: Side) -> str:
    found, name = side
    told = f"unknown ({found.because})" if isinstance(found, Unknown) else _shown(found)
    return f"in {name} it is {told}"


def _shown(setting: Setting | Settings | None) -> str:
    if isinstance(setting, Unknown):
        return "unknown"
    if isinstance(setting, tuple):
        return ", ".join(setting)
    return setting if isinstance(setting, str) else ""


def summary(left: Snapshot, right: Snapshot, found: tuple[Difference, ...]) -> str:
    """The first sentence."""
    if not found:
        return f"{left.name} and {right.name} are the same."
    counts = {kind: sum(one.kind is kind and one.known for one in found) for kind in Kind}
    parts = [f"{count} of {_NOUNS[kind]}" for kind, count in counts.items() if count]
    unknown = sum(not one.known for one in found)
    also = f"{unknown} cannot be compared" if unknown else ""
    if not parts:
        return f"No difference between {left.name} and {right.name} is known, but {also}."
    number = sum(counts.values())
    things = "1 thing" if number == 1 else f"{number} things"
    rest = f"; {also}" if also else ""
    return f"{left.name} and {right.name} differ in {things}: {', '.join(parts)}{rest}."


_NOUNS = {
    Kind.RELEASE: "releases",
    Kind.CONFIGURATION: "configuration",
    Kind.SECRET: "secrets",
    Kind.CAPABILITY: "capabilities",
    Kind.RULE: "rules",
    Kind.OBSERVED: "what runs",
    Kind.ABOUT: "what people are told",
}


# --- from values to settings ---


def flattened(value: Any, path: str = "") -> dict[str, Setting]:
    """A value as JSON has it -> dotted path -> text. Lists are lists of texts; what is empty or null is left out."""
    found: dict[str, Setting] = {}
    _flatten(value, path, found)
    return found


def _flatten(value: Any, path: str, found: dict[str, Setting]) -> None:
    if type(value) is dict:
        if len(value) == 2 and value.keys() == {"host", "port"}:
            found[path] = f"{value['host']}:{value['port']}"
            return
        for name, inner in value.items():
            _flatten(inner, f"{path}.{name}" if path else str(name), found)
    elif isinstance(value, (list, tuple)):
        if value:
            found[path] = tuple(flow(item) for item in value)
    elif value is not None and value != "":
        found[path] = flow(value)


def flow(value: Any) -> str:
    """On one line, as YAML would have it between braces."""
    if type(value) is str:
        return value
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
