"""One row of the route table, and what its function is given: the table is the API, its tests and its reference.

A row's function is synchronous (it runs in a worker thread), takes a :class:`Call` and gives an :class:`Answer`.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lockgate.core.errors import Invalid, Problem
from lockgate.core.people import NOBODY, Caller
from lockgate.ports import Incoming
from lockgate.server.operations import OperationsLike
from lockgate.server.token import Access

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query string."""

    name: str
    """``after.`` with a dot at its end stands for every name that begins so."""
    about: str
    kind: type[str] | type[int] = str
    default: str | int = ""
    most: int | None = None
    """Of a number; the least is 0."""
    choices: frozenset[str] = frozenset()
    """If there are any, the parameter may be given several times or as a list with commas."""
    one_of: tuple[str, ...] = ()
    """If there are any, it is given once and is one of them."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query string, checked against the parameters its row knows."""

    single: Mapping[str, str | int] = field(default_factory=dict)
    several: Mapping[str, frozenset[str]] = field(default_factory=dict)
    prefixed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return str(self.single[name])

    def number(self, name: str) -> int:
        return int(self.single[name])


@dataclass(frozen=True, slots=True)
class Call:
    """A request, understood."""

    operations: OperationsLike
    access: Access
    path: Mapping[str, str] = field(default_factory=dict)
    query: Query = Query()
    message: object = None
    caller: Caller = NOBODY
    incoming: Incoming | None = None
    """The body of a row that takes documents."""
    actor: str = ""
    """Who asks, where no message says it."""

    @property
    def upload(self) -> Incoming:
        """The document that was sent; a row that reads it takes documents."""
        if self.incoming is None:
            raise TypeError("the row takes no documents")
        return self.incoming

    def read(self, kind: type[T]) -> T:
        """The message; its row names the kind, so another one is a mistake of ours."""
        if not isinstance(self.message, kind):
            raise TypeError(f"the row gives {type(self.message).__name__}, its function reads {kind.__name__}")
        return self.message


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as an answer, instead of JSON."""

    svg: str


@dataclass(frozen=True, slots=True)
class File:
    """A text of another kind as an answer, instead of JSON."""

    text: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Lines:
    """An answer of any length, sent as it is made. One that breaks off is seen by whoever reads it."""

    chunks: Iterator[bytes]
    media_type: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back. ``None`` is sent as no body at all."""

    view: object
    status: int = 200


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row."""

    method: str
    path: str
    about: str
    answer: Callable[[Call], Answer]
    gives: str
    """The answer's message type, as the reference shows it."""
    takes: type[Any] | None = None
    query: tuple[Parameter, ...] = ()
    statuses: tuple[int, ...] = (200,)
    """Of success."""
    streams: bool = False
    """With ``Accept: text/event-stream`` it is an event stream."""
    uploads: bool = False
    """The body is a document, whatever its content type."""


def read_query(pairs: Iterable[tuple[str, str]], parameters: tuple[Parameter, ...]) -> Query:
    """Raises :class:`Invalid` naming every parameter that is unknown, given twice, or of the wrong kind."""
    pairs = list(pairs)
    known = {p.name: p for p in parameters}
    single: dict[str, str | int] = {p.name: p.default for p in parameters}
    several = {p.name: frozenset[str]() for p in parameters if p.choices}
    prefixed: dict[str, dict[str, int]] = {p.name: {} for p in parameters if p.name.endswith(".")}
    problems: list[Problem] = []
    for name, value in pairs:
        prefix = next((p for p in prefixed if name.startswith(p) and name != p), "")
        parameter = known.get(prefix or name)
        try:
            if parameter is None or name in prefixed:
                problems.append(unknown(name, known, "parameter"))
            elif prefix:
                prefixed[prefix][name.removeprefix(prefix)] = _number(value, parameter.most)
            elif parameter.choices:
                several[name] |= _chosen(value, parameter.choices)
            elif [n for n, _ in pairs].count(name) > 1:
                problems.append(Problem("request", None, name, "it is given more than once.", "Give it once."))
            else:
                single[name] = _number(value, parameter.most) if parameter.kind is int else _text(value, parameter)
        except ValueError as error:
            problems.append(Problem("request", None, name, str(error)))
    if problems:
        raise Invalid(list(dict.fromkeys(problems)))
    return Query(single, several, prefixed)


def unknown(name: str, known: Iterable[str], what: str) -> Problem:
    """The problem of a name that means nothing here, with the nearest one that does."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    mend = f"Did you mean {near[0]}?" if near else f"Those there are: {', '.join(known) or 'none'}."
    return Problem("request", None, name[:100], f"there is no such {what}.", mend)


def _number(value: str, most: int | None) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise ValueError(f"it must be a whole number, 0 or more; it is {value[:100]!r}.")
    number = int(value)
    if most is not None and number > most:
        raise ValueError(f"it must be {most} or less; it is {number}.")
    return number


def _text(value: str, parameter: Parameter) -> str:
    if parameter.one_of and value not in parameter.one_of:
        raise ValueError(f"it must be one of {', '.join(parameter.one_of)}; it is {value[:100]!r}.")
    return value


def _chosen(value: str, choices: frozenset[str]) -> frozenset[str]:
    chosen = frozenset(part for part in value.split(",") if part)
    wrong = sorted(chosen - choices)
    if wrong:
        raise ValueError(f"it must be of {', '.join(sorted(choices))}; it is {wrong[0][:100]!r}.")
    return chosen
