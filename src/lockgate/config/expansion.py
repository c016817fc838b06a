"""Expansion: templates in a definition become what they stand for, before any form reads it.

What comes from a template keeps that file's lines, and what is given to it keeps its own, so that a fault is told where
it can be mended.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from lockgate.config.document import Elsewhere, Node, Scalar, Sequence, Table, join
from lockgate.config.form import At, Kind, Schema, listing, nearest
from lockgate.config.library import Library
from lockgate.config.template_file import PLACEHOLDER, Part, Template, unquoted
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import Digest

T = TypeVar("T")

TEMPLATE, WITH = "template", "with"

MERGED = frozenset({"env", "files"})
"""Tables of a component that are merged name by name with what stands beside `template`; any other field beside it
counts instead of the template's."""

COMMANDS = frozenset({"run", "entrypoint", "command"})
"""Command lines: cut into words before inputs are put in, so that what is given stays one word."""


@dataclass(frozen=True, slots=True)
class MadeFrom(Generic[T]):
    """A component or a check, which may be made from a template; that has happened when it is read."""

    kind: Kind[T]

    def read(self, at: At) -> T:
        return self.kind.read(at)

    def schema(self) -> Schema:
        whole = self.kind.schema()
        beside = whole.get("properties", {})
        template = {"type": "string", "description": "NAME@VERSION of a template that it is made from."}
        inputs = {"type": "object", "description": "What is given to the template: input -> value."}
        made = {"template": template, "with": inputs, **beside}
        use = {"type": "object", "properties": made, "required": ["template"], "additionalProperties": False}
        return {"anyOf": [whole, use]}


@dataclass(slots=True)
class Expansion:
    """Of one definition: what was used and what was wrong with it, as far as it has come."""

    where: str
    library: Library
    used: dict[str, Digest] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    """Components that lack what their template would give them, by path."""

    def of(self, root: Table) -> Table:
        """The document without templates. Whatever is wrong with their use is in :attr:`problems` then."""
        entries = dict(root.entries)
        components, verify = entries.get("components"), entries.get("verify")
        if isinstance(components, Table):
            made = {name: self._component(node, name) for name, node in components.entries.items()}
            entries["components"] = Table(made, components.line, components.key_lines, components.size)
        if isinstance(verify, Sequence):
            items = [one for i, item in enumerate(verify.items) for one in self._checks(item, f"verify[{i}]")]
            entries["verify"] = Sequence(tuple(items), verify.line, verify.size)
        return Table(entries, root.line, root.key_lines, root.size)

    def _component(self, node: Node, name: str) -> Node:
        if not isinstance(node, Table) or TEMPLATE not in node.entries:
            return node
        path = f"components.{name}"
        body = self._body(node, path, (Part.COMPONENT,))
        if not isinstance(body, Table):
            self.failed.add(path)
            body = Table({}, node.line)
        return _overlaid(body, node)

    def _checks(self, node: Node, path: str) -> tuple[Node, ...]:
        if not isinstance(node, Table) or TEMPLATE not in node.entries:
            return (node,)
        for key in set(node.entries) - {TEMPLATE, WITH}:
            self._note(node.key_lines[key], join(path, key), f"{key!r} has no place beside a template.", "Remove it.")
        body = self._body(node, path, (Part.CHECK, Part.TASK))
        return body.items if isinstance(body, Sequence) else () if body is None else (body,)

    def _body(self, node: Table, path: str, parts: tuple[Part, ...]) -> Node | None:
        """None: there is a fault, and it is noted."""
        at = At(node.entries[TEMPLATE], self.where, join(path, TEMPLATE), TEMPLATE, node.key_lines[TEMPLATE])
        try:
            template = self.library.get(at)
            if template.part not in parts:
                because = f"{template.label} is of a {template.part.value}, which cannot stand here."
                raise at.refused(because, f"Here belongs a template of a {parts[0].value}.")
            given = self._given(template, node, path)
        except Invalid as fault:
            self.problems += fault.problems
            return None
        self.used[template.label] = template.digest
        return filled(template, given)

    def _given(self, template: Template, node: Table, path: str) -> Mapping[str, Scalar]:
        """Raises :class:`Invalid` with every fault of what is given."""
        table = node.entries.get(WITH, Table({}, node.line))
        line = node.key_lines.get(WITH, node.key_lines[TEMPLATE])
        at = At(table, self.where, join(path, WITH), WITH, line)
        if not isinstance(table, Table):
            raise at.expected("a table, each line an input and its value", "Write `with: {name: value}`.")
        given = {child.key: child for child in at.inside(table)}
        faults = [_stranger(child, template) for name, child in given.items() if name not in template.inputs]
        values: dict[str, Scalar] = {}
        for name, wanted in template.inputs.items():
            try:
                if name in given:
                    values[name] = wanted.read(given[name])
                elif wanted.default is None:
                    raise at.refused(f"{template.label} needs the input {name!r}.", f"Add it: {wanted.about}".strip())
                else:
                    values[name] = replace(wanted.default, line=Elsewhere(wanted.default.line, template.where))
            except Invalid as fault:
                faults.append(fault)
        if faults:
            raise Invalid([problem for fault in faults for problem in fault.problems])
        return {name: replace(value, quoted=template.inputs[name].quoted) for name, value in values.items()}

    def _note(self, line: int, path: str, because: str, mend: str) -> None:
        self.problems.append(Problem(self.where, line, path, because, mend))


def _stranger(at: At, template: Template) -> Invalid:
    mend = nearest(at.key, template.inputs) or f"Its inputs are: {listing(template.inputs) or 'none'}."
    return at.refused(f"{template.label} has no input {at.key!r}.", mend)


def _overlaid(body: Table, own: Table) -> Table:
    """What stands beside the template counts instead of what it says."""
    entries, lines = dict(body.entries), dict(body.key_lines)
    for name, node in own.entries.items():
        if name in (TEMPLATE, WITH):
            continue
        there = entries.get(name)
        if name in MERGED and isinstance(there, Table) and isinstance(node, Table):
            both = {**there.key_lines, **node.key_lines}
            node = Table({**there.entries, **node.entries}, node.line, both)
        entries[name], lines[name] = node, own.key_lines[name]
    return Table(entries, own.line, lines)


# --- filling in ---


def filled(template: Template, given: Mapping[str, Scalar]) -> Node:
    """The body with what is given, in one pass: what is put in is not looked at again."""
    return _filled(template.body, given, template.where, "")


def _filled(node: Node, given: Mapping[str, Scalar], where: str, key: str) -> Node:
    line = Elsewhere(node.line, where)
    if isinstance(node, Scalar):
        return _scalar(node, given, line, key)
    if isinstance(node, Sequence):
        return Sequence(tuple(_filled(item, given, where, "") for item in node.items), line, node.size)
    if (name := unquoted(node)) is not None:
        return given[name]
    names = {name: _text(name, given) for name in node.entries}
    entries = {names[name]: _filled(child, given, where, name) for name, child in node.entries.items()}
    lines = {names[name]: Elsewhere(number, where) for name, number in node.key_lines.items()}
    put = {name: child.line for name, child in entries.items() if any(child is value for value in given.values())}
    return Table(entries, line, {**lines, **put}, node.size)


def _scalar(node: Scalar, given: Mapping[str, Scalar], line: int, key: str) -> Node:
    whole = PLACEHOLDER.fullmatch(node.text)
    if whole and key not in COMMANDS:
        return given[whole[1]]
    if key in COMMANDS and PLACEHOLDER.search(node.text):
        words = _words(node.text)
        if words is not None:
            return Sequence(tuple(Scalar(_text(word, given), line, quoted=True) for word in words), line)
    return replace(node, text=_text(node.text, given), line=line)


def _words(text: str) -> list[str] | None:
    """None: it does not end, of which the form complains. An input is one word, whatever spaces are in its braces."""
    try:
        return shlex.split(PLACEHOLDER.sub(lambda found: f"{{inputs.{found[1]}}}", text))
    except ValueError:
        return None


def _text(text: str, given: Mapping[str, Scalar]) -> str:
    return PLACEHOLDER.sub(lambda found: given[found[1]].text, text)
