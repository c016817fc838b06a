"""Origin: which level of the environments' file says what an environment has, and what was said above it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one field of an environment is written."""

    level: str
    """``environment prod``, ``tier production``, ``organisation``, ``cell north``."""
    file: str
    line: int
    text: str
    """What is written there, on one line."""
    overridden: tuple["Origin", ...] = ()
    """What does not count because of it, the nearest first."""


def told(path: str, origin: Origin, beside: Sequence[str] = ()) -> str:
    """The sentence: what it is, who says so, and what others say that does not count. ``beside``: more of that."""
    said = f"{path} is {origin.text}: written in {origin.level} ({origin.file}:{origin.line})"
    others = ", ".join((*(f"{one.level} says {one.text} (line {one.line})" for one in origin.overridden), *beside))
    return f"{said}; {others}." if others else f"{said}."


def below(path: str, origins: Mapping[str, Origin]) -> Mapping[str, Origin]:
    """The origin of the field, of every part of it, or of the nearest field around it that has one."""
    if path in origins:
        return {path: origins[path]}
    parts = {name: found for name, found in origins.items() if name.startswith((f"{path}.", f"{path}["))}
    if parts:
        return parts
    around = path[: max(path.rfind("."), path.rfind("["), 0)]
    return below(around, origins) if around else {}
