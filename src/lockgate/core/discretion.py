"""Discretion: a value with something taken out of every text in it that is meant for people. Pure.

Names stay as they are: whoever calls an application as a password is called would lose sight of it otherwise. So do
digests, ids and states, by which programs go on.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from lockgate.core.errors import Invalid, LockgateError, Problem

T = TypeVar("T")

Mask = Callable[[str], str]

NAMES = frozenset(
    {"id", "name", "application", "environment", "component", "cell", "release", "release_label", "label", "version"}
    | {"kind", "state", "want", "standing", "condition", "answer", "gate", "step", "target", "plan", "digest", "code"}
    | {"deployment", "instance", "revision", "endpoint", "store", "after", "fingerprint", "key", "type", "promote"}
    | {"progress", "previous"}
)
"""Fields whose text is no sentence."""


_TOLD = ("lockgate.messages", "lockgate.core", "lockgate.ports")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def masked(value: T, mask: Mask) -> T:
    """The same value where nothing is found, which is nearly always: then it is only read."""
    texts = "\n".join(_texts(value))
    return value if mask(texts) == texts else _masked(value, mask)


def hushed(error: LockgateError, mask: Mask) -> None:
    """The error itself then says it without."""
    error.because, error.mend = mask(error.because), mask(error.mend)
    error.args = tuple(mask(part) if isinstance(part, str) else part for part in error.args)
    if isinstance(error, Invalid):
        error.problems = tuple(_problem(problem, mask) for problem in error.problems)


def _problem(problem: Problem, mask: Mask) -> Problem:
    return replace(problem, field=mask(problem.field), because=mask(problem.because), mend=mask(problem.mend))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Enum):
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (tuple, list, set, frozenset)):
        for part in value:
            yield from _texts(part)
    elif _is_told(value):
        for name in _spoken(value):
            yield from _texts(getattr(value, name))


def _is_told(value: object) -> bool:
    """A value, and no part of the machinery."""
    return is_dataclass(value) and type(value).__module__.startswith(_TOLD)


def _spoken(value: Any) -> Iterator[str]:
    """Names of the fields that are looked into."""
    for one in fields(value):
        if one.init and not (one.name in NAMES and isinstance(getattr(value, one.name), str)):
            yield one.name


def _masked(value: Any, mask: Mask) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return value if _DIGEST.fullmatch(value) else mask(value)
    if isinstance(value, Mapping):
        return {name: _masked(part, mask) for name, part in value.items()}
    if isinstance(value, (tuple, list, set, frozenset)):
        return type(value)(_masked(part, mask) for part in value)
    if _is_told(value):
        return replace(value, **{name: _masked(getattr(value, name), mask) for name in _spoken(value)})
    return value
