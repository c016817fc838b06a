"""Forms: what a place in a file may hold, declared once and used twice, to read it and to write its JSON Schema.

A :class:`Kind` reads one node into a core value, or raises :class:`Invalid`. Kinds that hold others go on after a
fault: they note it, take the default for that one field, and read the rest, so that a user sees all faults of a file
at once and the checks that look across fields still run.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from lockgate.config.document import Node, Scalar, Sequence, Table, describe, join, settled
from lockgate.core.errors import Invalid, Problem

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Read(Generic[T_co]):
    """A file's value, and the line of each of its fields by dotted path (``components.web.run``)."""

    value: T_co
    where: str
    lines: Mapping[str, int] = field(default_factory=dict)

    def line(self, path: str) -> int | None:
        """Of the field, or of the nearest one around it that is written."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path)

    def problem(self, path: str, because: str, mend: str) -> Problem:
        return settled(Problem(self.where, self.line(path), path, because, mend))


@dataclass(frozen=True, slots=True)
class At:
    """A node, and how we came to it."""

    node: Node
    where: str
    path: str = ""
    key: str = ""
    """The name it has in its table."""
    line: int = 1
    """Of its name, if it has one."""
    noted: list[Problem] = field(default_factory=list)
    """Faults of the whole file so far, shared by all its places."""

    def inside(self, table: Table) -> Iterable["At"]:
        """Every field of the table that is this node."""
        for name, node in table.entries.items():
            line = table.key_lines[name]
            yield At(node, self.where, join(self.path, name), name, line, self.noted)

    def items(self, sequence: Sequence) -> Iterable["At"]:
        for index, node in enumerate(sequence.items):
            yield At(node, self.where, f"{self.path}[{index}]", self.key, node.line, self.noted)

    def refused(self, because: str, mend: str = "") -> Invalid:
        """The fault, to raise."""
        return Invalid([Problem(self.where, self.line or None, self.path, because, mend)])

    def expected(self, what: str, mend: str = "") -> Invalid:
        return self.refused(f"expected {what}, got {describe(self.node)}.", mend)

    def note(self, fault: Invalid) -> None:
        self.noted.extend(fault.problems)


class Kind(Protocol[T_co]):
    """What a place may hold."""

    def read(self, at: At) -> T_co:
        """Raises :class:`Invalid`."""

    def schema(self) -> Schema:
        """JSON Schema that accepts at least what :meth:`read` accepts."""


def closest(word: str, known: Iterable[str]) -> str:
    """The known word most like this one, whatever its case, or nothing."""
    lowered = {k.lower(): k for k in known}
    found = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return lowered[found[0]] if found else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """``Did you mean 'replicas'?``, or nothing."""
    found = closest(word, known)
    return f"Did you mean {found!r}?" if found else ""


def listing(words: Iterable[str]) -> str:
    return ", ".join(words)


# --- containers ---


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form."""

    name: str
    kind: Kind[Any]
    about: str
    """One sentence for the schema and the editor."""
    required: bool = False
    to: str = ""
    """The value's own name for it, if that is another."""
    stand_in: Any = None
    """Of a required field: what is read on with when it is missing or faulty."""

    @property
    def target(self) -> str:
        return self.to or self.name


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """A table with known fields, built into a value. Fields not written are left to the value's own defaults."""

    what: str
    """``a component``"""
    build: Callable[..., T]
    fields: tuple[Field, ...]
    named: str = ""
    """The value's field that takes the table's own name."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """Names people write that are not ours -> a sentence."""
    later: frozenset[str] = frozenset()
    """Fields that a later version will have."""
    also: Callable[[T], Iterable[tuple[str, str, str]]] = lambda _: ()
    """Checks across the fields of one value: (field, because, mend) of each fault."""

    def read(self, at: At) -> T:
        if not isinstance(at.node, Table):
            example = f"{self.fields[0].name}: ..."
            raise at.expected(f"{self.what} (a table)", f"Write fields such as `{example}` below it.")
        given = {child.key: child for child in at.inside(at.node)}
        for name, child in given.items():
            if name not in {f.name for f in self.fields}:
                at.note(self._unknown(child))
        values = {f.target: value for f in self.fields for value in self._value(f, given.get(f.name), at)}
        if self.named:
            values[self.named] = at.key
        built = self.build(**values)
        for name, because, mend in self.also(built):
            at.note(given.get(name, at).refused(because, mend))
        return built

    def _value(self, wanted: Field, given: At | None, at: At) -> list[Any]:
        """The value in a list, or an empty list: leave it to the default."""
        try:
            if given is not None:
                return [wanted.kind.read(given)]
            if wanted.required:
                mend = f"Add a line `{wanted.name}: ...`: {_lowered(wanted.about)}"
                raise at.refused(f"{self.what} needs the field {wanted.name!r}.", mend)
        except Invalid as fault:
            at.note(fault)
        return [wanted.stand_in] if wanted.required else []

    def _unknown(self, at: At) -> Invalid:
        known = [f.name for f in self.fields]
        if at.key in self.later:
            return at.refused(f"{at.key!r} is not in this version of Lockgate.", "Remove it for now.")
        mend = self.hints.get(at.key) or nearest(at.key, known)
        return at.refused(f"{self.what} has no field {at.key!r}.", mend or f"Its fields are {listing(known)}.")

    def schema(self) -> Schema:
        shown = _defaults(self.build)
        extras = {f.name: {"description": f.about, **shown.get(f.target, {})} for f in self.fields}
        properties = {f.name: {**f.kind.schema(), **extras[f.name]} for f in self.fields}
        required = [f.name for f in self.fields if f.required]
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _defaults(build: object) -> dict[str, Schema]:
    """Simple defaults of a value's fields, for editors to show."""
    if not is_dataclass(build):
        return {}
    simple = {f.name: f.default.value if isinstance(f.default, Enum) else f.default for f in fields(build)}
    plain = (str, int, float)
    return {n: {"default": v} for n, v in simple.items() if v is not MISSING and isinstance(v, plain) and v != ""}


@dataclass(frozen=True, slots=True)
class Named(Generic[T]):
    """A table of names the user chooses, each with a value of one kind."""

    what: str
    """``an environment variable``: what each name stands for."""
    name: Kind[str]
    each: Kind[T]
    least: int = 0
    example: str = "NAME: value"
    shown: bool = True
    """What stands there instead may be told."""

    def read(self, at: At) -> Mapping[str, T]:
        if not isinstance(at.node, Table):
            expected, mend = f"a table, each line {self.what} and its value", f"Write `{self.example}` below it."
            raise at.expected(expected, mend) if self.shown else at.refused(f"expected {expected}.", mend)
        if len(at.node.entries) < self.least:
            raise at.expected(f"at least {self.least} line, each {self.what}", "Add one.")
        done = {}
        for child in at.inside(at.node):
            try:
                self.name.read(
                    At(
                        Scalar(child.key, child.line, quoted=True),
                        at.where,
                        child.path,
                        child.key,
                        child.line,
                        at.noted,
                    )
                )
                done[child.key] = self.each.read(child)
            except Invalid as fault:
                at.note(fault)
        return done

    def schema(self) -> Schema:
        least = {"minProperties": self.least} if self.least else {}
        named = {"propertyNames": {"pattern": self.name.schema()["pattern"]}}
        return {"type": "object", "additionalProperties": self.each.schema(), **named, **least}


@dataclass(frozen=True, slots=True)
class Several(Generic[T]):
    """A list of values of one kind."""

    what: str
    """``paths``"""
    each: Kind[T]
    least: int = 0

    def read(self, at: At) -> tuple[T, ...]:
        if not isinstance(at.node, Sequence):
            raise at.expected(f"a list of {self.what}", f"Write it as `{at.key}: [first, second]`.")
        if len(at.node.items) < self.least:
            raise at.expected(f"a list of {self.what} that is not empty")
        done = []
        for child in at.items(at.node):
            try:
                done.append(self.each.read(child))
            except Invalid as fault:
                at.note(fault)
        return tuple(done)

    def schema(self) -> Schema:
        return {"type": "array", "items": self.each.schema(), **({"minItems": self.least} if self.least else {})}


@dataclass(frozen=True, slots=True)
class ByShape(Generic[T]):
    """A short form and a long one: one kind for a plain value, others for a table or a list."""

    what: str
    scalar: Kind[T] | None = None
    table: Kind[T] | None = None
    sequence: Kind[T] | None = None
    mend: str = ""

    def read(self, at: At) -> T:
        kind = self.scalar
        if isinstance(at.node, Table):
            kind = self.table
        elif isinstance(at.node, Sequence):
            kind = self.sequence
        if kind is None:
            raise at.expected(self.what, self.mend)
        return kind.read(at)

    def schema(self) -> Schema:
        return {"anyOf": [kind.schema() for kind in (self.scalar, self.table, self.sequence) if kind is not None]}


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One of several words; as a table, exactly one of them as the only name, with its settings behind it."""

    what: str
    """``a strategy``"""
    words: Mapping[str, T]
    """Written alone -> value. May be empty."""
    settings: Mapping[str, Kind[T]] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    """Words people write that are not ours -> a sentence saying why."""
    later: frozenset[str] = frozenset()
    """Words that a later version will have."""

    @property
    def known(self) -> list[str]:
        return list(dict.fromkeys([*self.words, *self.settings]))

    def read(self, at: At) -> T:
        if isinstance(at.node, Table) and self.settings:
            return self._with_settings(at, at.node)
        if not isinstance(at.node, Scalar) or at.node.is_nothing or not self.words:
            raise at.expected(f"{self.what} ({listing(self.known)})", self._form())
        if at.node.text not in self.words:
            raise self._unknown(at, at.node.text)
        return self.words[at.node.text]

    def _with_settings(self, at: At, table: Table) -> T:
        children = list(at.inside(table))
        if len(children) != 1:
            names = listing(table.entries) or "nothing"
            raise at.refused(f"expected exactly one of {listing(self.settings)}, got {names}.", self._form())
        child = children[0]
        if child.key not in self.settings:
            raise self._unknown(child, child.key)
        if isinstance(child.node, Scalar) and child.node.is_nothing and child.key in self.words:
            return self.words[child.key]
        return self.settings[child.key].read(child)

    def _unknown(self, at: At, word: str) -> Invalid:
        known = listing(self.known)
        if word in self.later:
            return at.refused(f"{word!r} is not in this version of Lockgate.", f"There are: {known}.")
        mend = self.hints.get(word) or nearest(word, self.known)
        return at.refused(f"{word!r} is not {self.what}; there are: {known}.", mend or f"Write one of: {known}.")

    def _form(self) -> str:
        if not self.settings:
            return f"Write one of: {listing(self.known)}."
        name = next(iter(self.settings))
        return f"Write `{name}` with its settings behind it" + (" or one of the words alone." if self.words else ".")

    def schema(self) -> Schema:
        word: Schema = {"enum": list(self.words)}
        if not self.settings:
            return word
        tables: Schema = {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "properties": {n: self._settings_schema(n, kind) for n, kind in self.settings.items()},
        }
        return {"anyOf": [word, tables]} if self.words else tables

    def _settings_schema(self, name: str, kind: Kind[T]) -> Schema:
        """Nothing behind the name is as good as the word alone."""
        return {"anyOf": [kind.schema(), {"type": "null"}]} if name in self.words else kind.schema()


def read_form(form: Kind[T], at: At) -> T:
    """The value as far as it could be read. Raises :class:`Invalid` when nothing could, with all that was noted."""
    try:
        return form.read(at)
    except Invalid as fault:
        raise Invalid(in_order([*at.noted, *fault.problems])) from fault


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """By line, each said once."""
    return sorted(dict.fromkeys(map(settled, problems)), key=lambda p: p.line or 0)
