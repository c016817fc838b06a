"""YAML text -> a tree of located nodes, in which a scalar is still the text that was written.

Types are given by the field a scalar stands in, not guessed from its looks, so ``version: 1.10`` stays ``1.10`` and
``country: no`` stays ``no``. The tree is built from parser events, not by recursion of the library, so that deep or
repeated structure (alias bombs) is refused by count before it costs anything.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from yaml import events

from lockgate.core.errors import Invalid, Problem

MAX_BYTES = 1024 * 1024
"""Of one file. Ours have hundreds of lines; more is a mistake or an attack."""
MAX_NODES = 20_000
"""Counted as read: each use of an alias counts everything behind it again."""
MAX_DEPTH = 30


@dataclass(frozen=True, slots=True)
class Scalar:
    """One written value. ``quoted``: it stood in quotes or as a block, so it can only be text."""

    text: str
    line: int
    quoted: bool = False
    size: int = 1

    @property
    def is_nothing(self) -> bool:
        """Nothing is written, or YAML's word for it."""
        return not self.quoted and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple["Node", ...]
    line: int
    size: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """Names -> values, each name once."""

    entries: Mapping[str, "Node"]
    line: int
    key_lines: Mapping[str, int] = field(default_factory=dict)
    """Line of each name."""
    size: int = 1


Node = Scalar | Sequence | Table


class Elsewhere(int):
    """The line of a node that stands in another file than the document it is now part of."""

    where: str

    def __new__(cls, line: int, where: str) -> "Elsewhere":
        made = super().__new__(cls, line)
        made.where = where
        return made


def settled(problem: Problem) -> Problem:
    """With the file that its line is of."""
    if isinstance(problem.line, Elsewhere):
        return replace(problem, where=problem.line.where, line=int(problem.line))
    return problem


def load_text(path: Path, where: str = "") -> str:
    """The file's text. Raises :class:`Invalid` when it is missing, too large or not UTF-8."""
    where = where or path.name
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        mend = "Run `lockgate init` to have one written, or name another folder."
        raise Invalid([Problem(where, None, "", f"there is no file {path}.", mend)]) from error
    except OSError as error:
        because = f"{path} cannot be read: {error.strerror}."
        raise Invalid([Problem(where, None, "", because, "Check what it is and its permissions.")]) from error
    return decode(data, where)


def decode(data: bytes, where: str) -> str:
    """Bytes of a file as text. Raises :class:`Invalid` when they are too many or not UTF-8."""
    if len(data) > MAX_BYTES:
        raise Invalid([_too_large(where)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        because = f"byte {error.start + 1} (0x{data[error.start]:02x}) is not UTF-8."
        raise Invalid([Problem(where, line, "", because, "Save the file as UTF-8.")]) from error


def parse(text: str, where: str) -> Table:
    """The document. Raises :class:`Invalid` for whatever is not one plain YAML table, with every name written twice."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise Invalid([_too_large(where)])
    builder = _Builder(where, _events(text.removeprefix("\ufeff"), where))
    root = builder.document()
    if builder.problems:
        raise Invalid(list(dict.fromkeys(builder.problems)))
    if root is None or (isinstance(root, Scalar) and root.is_nothing):
        mend = "Run `lockgate init` in an empty folder to see what belongs in it."
        raise Invalid([Problem(where, 1, "", "the file is empty.", mend)])
    if not isinstance(root, Table):
        because = f"the file holds {describe(root)} where a table of fields was expected."
        raise Invalid([Problem(where, root.line, "", because, "Begin with lines such as `name: value`.")])
    return root


def lines_of(root: Table) -> dict[str, int]:
    """Dotted path of every field -> its line: ``components.web.run``, ``verify[0].http.status``."""
    found: dict[str, int] = {}

    def visit(node: Node, path: str) -> None:
        if isinstance(node, Table):
            for name, child in node.entries.items():
                inner = join(path, name)
                found[inner] = node.key_lines[name]
                visit(child, inner)
        elif isinstance(node, Sequence):
            for index, child in enumerate(node.items):
                inner = f"{path}[{index}]"
                found[inner] = child.line
                visit(child, inner)

    visit(root, "")
    return found


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def describe(node: Node) -> str:
    """What was given, in words."""
    if isinstance(node, Table):
        return "a table" if node.entries else "an empty table"
    if isinstance(node, Sequence):
        return "a list" if node.items else "an empty list"
    if node.is_nothing:
        return "nothing"
    shown = node.text if len(node.text) <= 60 else node.text[:57] + "..."
    return f"{shown!r}"


# --- from events to nodes ---


def _events(text: str, where: str) -> Iterator[events.Event]:
    """The parser's events, its complaints made into ours. In pure Python: every machine says the same."""
    line = 1
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = _line(event)
            yield event
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        because = f"it holds the character {_code_point(error.character)}, which YAML does not allow."
        raise Invalid([Problem(where, line, "", because, "Remove it.")]) from error
    except yaml.MarkedYAMLError as error:
        raise Invalid([_syntax_problem(error, where)]) from error
    except (ValueError, OverflowError) as error:  # \U escapes, which the scanner makes characters of unchecked
        because = "an escape here, or a little below, stands for no character."
        raise Invalid([Problem(where, line, "", because, "Check the escapes in double quotes.")]) from error


def _code_point(character: object) -> str:
    return f"U+{character if isinstance(character, int) else ord(str(character)):04X}"


_SYNTAX = (
    (r"'\\t' that cannot start any token", "a tab is used for indentation.", "YAML takes only spaces there."),
    (r"but got '\{'", "a { stands inside { }.", "Put the whole text that holds it in quotes."),
    (r"mapping values are not allowed", "a second `name: value` begins on this line, or the one before it is open.",
     "Put text that holds a colon and a space in quotes, and check the indentation."),
    (r"could not find expected ':'", "a name without a colon, or a text that goes on without indentation.",
     "Write `name: value`."),
    (r"expected '<document start>'", "text stands here that belongs to no field.",
     "Write `name: value`, or remove it."),
    (r"expected <block end>", "the indentation does not fit the lines above.",
     "Fields of one table begin in the same column."),
    (r"but got '\?'", "a ? stands inside { }.", "Put the text that holds it in quotes."),
    (r"expected ',' or '[}\]]'", "a { or [ is not closed here.",
     "Close it, or put the text that holds it in quotes."),
    (r"unexpected end of stream", "a quote is not closed.", "Add the closing quote."),
    (r"unknown escape character", "a backslash in double quotes begins an escape that YAML does not know.",
     "Use single quotes, or double the backslash."),
    (r"that cannot start any token", "a text begins with a character that has a meaning in YAML.",
     "Put the text in quotes."),
)  # fmt: skip


_NOT_CLOSED = re.compile(r"unexpected end of stream|expected ',' or '[}\]]', but got '<(stream|document) end>'")


def _syntax_problem(error: yaml.MarkedYAMLError, where: str) -> Problem:
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    # What is never closed is noticed at the end of the file; where it begins is where to look.
    marks = (error.context_mark, error.problem_mark) if _NOT_CLOSED.search(said) else (error.problem_mark,)
    line = next((mark.line + 1 for mark in (*marks, error.context_mark) if mark), None)
    for pattern, because, mend in _SYNTAX:
        if re.search(pattern, said):
            return Problem(where, line, "", because, mend)
    return Problem(where, line, "", f"it is not YAML: {said}.", "Check quotes, colons and indentation around here.")


class _Builder:
    """One pass over the events. Recursion is bounded by MAX_DEPTH, work by MAX_NODES."""

    def __init__(self, where: str, stream: Iterator[events.Event]) -> None:
        self.where = where
        self.problems: list[Problem] = []
        self._stream = stream
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def document(self) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in self._stream:
            if isinstance(event, events.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refused(event, "a second document begins here (---).", "Keep one per file.")
            elif isinstance(event, events.NodeEvent):
                root = self._node(event, 0)
        return root

    def _node(self, event: events.Event, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._refused(event, f"it is nested more than {MAX_DEPTH} levels deep.", "Flatten it.")
        if isinstance(event, events.AliasEvent):
            return self._alias(event)
        self._counted(event, 1)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._problem(event, f"the tag {tag} is not read here.", "Remove it: the field decides the type.")
        node = self._built(event, depth)
        if isinstance(event, events.NodeEvent) and event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _built(self, event: events.Event, depth: int) -> Node:
        if isinstance(event, events.MappingStartEvent):
            return self._table(event, depth)
        if isinstance(event, events.SequenceStartEvent):
            items = tuple(self._node(child, depth + 1) for child in self._children(events.SequenceEndEvent))
            return Sequence(items, _line(event), 1 + sum(item.size for item in items))
        return self._scalar(event)

    def _scalar(self, event: Any) -> Scalar:
        bad = next((c for c in event.value if c == "\0" or "\ud800" <= c <= "\udfff"), None)
        if bad is not None:
            self._problem(event, f"it holds the character {_code_point(bad)}.", "Remove it: no program can take it.")
        return Scalar(event.value, _line(event), quoted=event.style is not None)

    def _table(self, start: events.Event, depth: int) -> Table:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for event in self._children(events.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._stream), depth + 1)
            if not isinstance(key, Scalar):
                self._problem(event, f"{describe(key)} is used as a name.", "Write a plain word before the colon.")
            elif key.text in entries:
                because = f"{key.text!r} is written twice; the first is on line {lines[key.text]}."
                self._problem(event, because, "Keep one of them.")
            else:
                entries[key.text] = value
                lines[key.text] = _line(event)
        return Table(entries, _line(start), lines, 1 + sum(node.size + 1 for node in entries.values()))

    def _children(self, end: type[events.Event]) -> Iterator[events.Event]:
        for event in self._stream:
            if isinstance(event, end):
                return
            yield event

    def _alias(self, event: events.AliasEvent) -> Node:
        # An anchor is known once its node is complete, so a node cannot hold itself.
        node = self._anchors.get(event.anchor or "")
        if node is None:
            raise self._refused(event, f"*{event.anchor} names no anchor above it.", f"Mark one with &{event.anchor}.")
        self._counted(event, node.size)
        return node

    def _counted(self, event: events.Event, more: int) -> None:
        self._count += more
        if self._count > MAX_NODES:
            because = f"it holds more than {MAX_NODES} values, aliases counted each time they are used."
            raise self._refused(event, because, "Split it, or write out what is meant.")

    def _problem(self, event: events.Event, because: str, mend: str) -> None:
        self.problems.append(Problem(self.where, _line(event), "", because, mend))

    def _refused(self, event: events.Event, because: str, mend: str) -> Invalid:
        return Invalid([*self.problems, Problem(self.where, _line(event), "", because, mend)])


def _line(event: events.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _too_large(where: str) -> Problem:
    return Problem(where, None, "", f"it is larger than {MAX_BYTES // 1024} KiB.", "Keep data out of it.")
