"""Alterations: a value of any class of ours, once for each way in which one thing in it can be another.

Made from the classes themselves, so a field that joins them is altered without anybody having to think of it.
"""

import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import Enum
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

Altered = Iterator[tuple[str, Any]]
"""Where, and the whole value with that one thing changed."""


def altered(value: Any, hint: Any = None) -> Altered:
    """Every alteration of the value. ``hint``: its type, where that is not its class."""
    hint = _bare(hint or type(value))
    if value is None:
        yield "", sample(hint)
    elif is_dataclass(value):
        yield from _in_fields(value)
    elif isinstance(value, Mapping):
        yield from _in_mapping(value, _arguments(hint, Mapping, value)[1])
    elif isinstance(value, (tuple, frozenset)):
        yield from _in_several(value, _arguments(hint, type(value), value)[0])
    elif (other := _another(value)) != value:
        yield "", other
    if value is not None and type(None) in get_args(hint):
        yield ".none", None


def sample(hint: Any, above: frozenset[Any] = frozenset()) -> Any:
    """A value of that type with something in all of its fields. ``above``: classes that it is inside of; one that may
    hold itself holds none here."""
    hint = _bare(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return sample(next(one for one in arguments if one is not type(None)), above)
    if origin in (tuple, frozenset):
        one = not above & set(arguments)
        return origin(sample(inner, above) for inner in arguments if inner is not ...) if one else origin()
    if origin is not None:
        return {sample(arguments[0], above): sample(arguments[1], above)} if not above & set(arguments) else {}
    if isinstance(hint, type) and is_dataclass(hint):
        hints, inside = get_type_hints(hint), above | {hint}
        return hint(**{one.name: sample(hints[one.name], inside) for one in fields(hint) if one.init})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return list(hint)[-1]
    return {str: "a", int: 7, float: 7.5, bool: True}.get(hint, "a")


def _in_fields(value: Any) -> Altered:
    hints = get_type_hints(type(value))
    for one in fields(value):
        if one.init and not one.metadata.get("aside") and (one.compare or _is_required(one)):
            for where, other in altered(getattr(value, one.name), hints[one.name]):
                yield f".{one.name}{where}", replace(value, **{one.name: other})


def _in_mapping(value: Mapping[Any, Any], inner: Any) -> Altered:
    for name in value:
        rest = {known: kept for known, kept in value.items() if known != name}
        yield f"[-{name}]", rest
        for where, other in altered(value[name], inner):
            yield f"[{name}]{where}", {**value, name: other}
    yield "[+]", {**value, "another": next(iter(value.values())) if value else sample(inner)}


def _in_several(value: Any, inner: Any) -> Altered:
    kind, known = type(value), list(value)
    yield "[+]", kind([*known, _another(known[-1]) if isinstance(value, frozenset) and known else sample(inner)])
    for place, one in enumerate(known):
        yield f"[-{place}]", kind([*known[:place], *known[place + 1 :]])
        for where, other in altered(one, inner):
            yield f"[{place}]{where}", kind([*known[:place], other, *known[place + 1 :]])
    if kind is tuple and len(set(map(repr, known))) > 1:
        yield "[order]", tuple(reversed(known))


def _another(value: Any) -> Any:
    """Of the same type; itself, where it has no other."""
    if isinstance(value, Enum):
        return next((one for one in type(value) if one is not value), value)
    if isinstance(value, bool):
        return not value
    return f"{value}x" if isinstance(value, str) else value + 1


def _bare(hint: Any) -> Any:
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    return hint


def _arguments(hint: Any, kind: Any, value: Any) -> tuple[Any, ...]:
    """Of the hint, or of the one among several that fits."""
    for one in (hint, *get_args(hint)):
        origin = get_origin(one)
        if isinstance(origin, type) and issubclass(origin, kind):
            return get_args(one)
    raise TypeError(f"{hint} says nothing of what is in {value!r}")


def _is_required(one: "Field[Any]") -> bool:
    return one.default is MISSING and one.default_factory is MISSING
