"""Difference: in what two plans differ, place by place, as sentences. Secrets are told by where they are kept."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lockgate.core.ids import canonical, plain
from lockgate.core.plan import Plan

ABSENT = object()
"""Nothing is there: not even null."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place. ``before`` and ``after`` are JSON; empty: nothing is there."""

    path: str
    """``components.web.spec.env.LIMIT``"""
    before: str
    after: str

    def sentence(self, before: str = "was recorded", after: str = "would be now") -> str:
        if not self.before:
            return f"{self.path} {after} {self.after}; there was none."
        if not self.after:
            return f"{self.path} {before} as {self.before}; there would be none now."
        return f"{self.path} {before} as {self.before} and {after} {self.after}."


def differences(before: Plan, after: Plan) -> tuple[Difference, ...]:
    """Empty if and only if both have the same digest."""
    return tuple(_walk("", _named(before), _named(after)))


def between(before: Any, after: Any) -> tuple[Difference, ...]:
    """Of two values of JSON's types."""
    return tuple(_walk("", before, after))


def _named(plan: Plan) -> dict[str, Any]:
    """As JSON, with components and cells under their names: their places in a list are no name."""
    value: dict[str, Any] = plain(plan)
    parts = [component.key.part for component in plan.components]
    value["components"] = dict(zip(parts, value["components"], strict=True))
    value["order of components"] = parts
    if "cells" in value:
        names = [cell.name for cell in plan.cells]
        value["cells"] = dict(zip(names, value["cells"], strict=True))
        value["order of cells"] = names
    return value


def _walk(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from _walk(_joined(path, name), before.get(name, ABSENT), after.get(name, ABSENT))
    elif isinstance(before, list) and isinstance(after, list) and _long(before, after):
        for place in range(max(len(before), len(after))):
            yield from _walk(f"{path}[{place}]", _at(before, place), _at(after, place))
    elif _text(before) != _text(after):
        yield Difference(path, _text(before), _text(after))


def _long(before: list[Any], after: list[Any]) -> bool:
    """Lists of objects are compared one by one; lists of words, such as a command, are told whole."""
    return any(isinstance(one, Mapping) for one in (*before, *after))


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else ABSENT


def _joined(path: str, name: str) -> str:
    """A name that is none, such as one with a dot, is quoted."""
    shown = name if name.replace("_", "").replace("-", "").replace(" ", "").replace("/", "").isalnum() else repr(name)
    return f"{path}.{shown}" if path else shown


def _text(value: Any) -> str:
    return "" if value is ABSENT else canonical(value).decode()
