"""``templates/NAME.yaml``: a component, a check or a task that others use, with typed inputs. Its form and its value.

The body stays a document: it becomes part of the definition that uses it (:mod:`lockgate.config.expansion`) before the
ordinary forms read that, so a template can say whatever a definition can, and nothing else.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lockgate.config.document import Node, Scalar, Sequence, Table, lines_of, parse
from lockgate.config.form import At, Choice, Field, Form, Kind, Named, Schema, Several, in_order, listing, nearest
from lockgate.config.scalars import NAME, Text, Whole, YesOrNo, duration, number
from lockgate.config.words import COMMAND
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import Digest, digest_of_bytes

PLACEHOLDER = re.compile(r"\{\s*inputs\.([A-Za-z0-9_-]+)\s*\}")


class InputType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    DURATION = "duration"


_MOST = 10.0**12
_YEAR = 365 * 86400


@dataclass(frozen=True, slots=True)
class Input:
    """What whoever uses the template says."""

    name: str
    type: InputType = InputType.TEXT
    about: str = ""
    default: Scalar | None = None
    """None: it must be given."""
    pattern: str = ""
    options: tuple[str, ...] = ()
    example: Scalar | None = None
    required: bool | None = None

    @property
    def quoted(self) -> bool:
        """Numbers and truth are put in as such, anything else as text."""
        return self.type not in (InputType.NUMBER, InputType.BOOLEAN)

    def read(self, at: At) -> Scalar:
        """What is given for it, as it is put in. Raises :class:`Invalid`."""
        self._kind().read(at)
        assert isinstance(at.node, Scalar)
        return Scalar(at.node.text, at.line, self.quoted)

    def _kind(self) -> "Kind[object]":
        what = f"the input {self.name}"
        if self.type is InputType.NUMBER:
            return number(what, "10", 0, _MOST)
        if self.type is InputType.BOOLEAN:
            return YesOrNo()
        if self.type is InputType.DURATION:
            return duration(what, 0, _YEAR)
        if self.type is InputType.CHOICE:
            return Choice(what, {option: option for option in self.options})
        return Text(what, self.pattern, f"It must match {self.pattern}" if self.pattern else "")


class Part(StrEnum):
    """What a template is of."""

    COMPONENT = "component"
    CHECK = "check"
    TASK = "task"


@dataclass(frozen=True, slots=True)
class Template:
    """One version of it. ``body`` is a component's fields, or one check or several."""

    name: str
    version: int
    about: str
    inputs: Mapping[str, Input]
    part: Part
    body: Node
    where: str
    """Its file, for messages."""
    digest: Digest
    text: str = field(repr=False, default="")

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


class AsWritten:
    """A part of the document as it stands: the definition it becomes part of is read by its own form."""

    def read(self, at: At) -> Node:
        if isinstance(at.node, Scalar):
            raise at.expected("a table of fields")
        return at.node

    def schema(self) -> Schema:
        return {"type": ["object", "array"]}


class AnyScalar:
    """One value, whose type another field says."""

    def read(self, at: At) -> Scalar:
        if not isinstance(at.node, Scalar):
            raise at.expected("one value")
        return at.node

    def schema(self) -> Schema:
        return {"type": ["string", "number", "boolean"]}


class Pattern:
    """A regular expression."""

    def read(self, at: At) -> str:
        text = Text("a regular expression").read(at)
        try:
            re.compile(text)
        except re.error as error:
            raise at.refused(f"it is no regular expression: {error}.", "Mend it, or remove it.") from error
        return text

    def schema(self) -> Schema:
        return {"type": "string", "format": "regex"}


def _required(given: Input) -> Iterator[tuple[str, str, str]]:
    if given.required and given.default is not None:
        yield "required", "what must be given needs no default.", "Remove one of the two."
    if given.required is False and given.default is None:
        yield "required", "nothing says what it is when it is not given.", "Add a `default`."
    if (given.type is InputType.CHOICE) != bool(given.options):
        yield "options", "options belong to the type choice, and it needs some.", "Write `options: [first, second]`."
    if given.pattern and given.type is not InputType.TEXT:
        yield "pattern", f"a pattern is for text, and its type is {given.type.value}.", "Remove it."


_INPUT = Form(
    "an input",
    Input,
    (
        Field("type", Choice("a type", {kind.value: kind for kind in InputType}), "What may be given for it."),
        Field("about", Text(), "What it is, for whoever uses the template."),
        Field("default", AnyScalar(), "What it is when it is not given; without one, it must be."),
        Field("required", YesOrNo(), "It must be given; so is every input without a default."),
        Field("pattern", Pattern(), "Regular expression that a text must match from end to end."),
        Field("options", Several("words", Text(), least=1), "What may be given for a choice."),
        Field("example", AnyScalar(), "A value to try the template with."),
    ),
    named="name",
    also=_required,
)
_INPUT_NAME = Text("the name of an input", r"[A-Za-z0-9_-]{1,64}", "They have letters, digits, _ and -.")


@dataclass(frozen=True, slots=True)
class _Raw:
    template: str
    version: int
    about: str = ""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    component: Node | None = None
    check: Node | None = None
    task: Node | None = None

    def parts(self) -> dict[Part, Node]:
        found = {Part.COMPONENT: self.component, Part.CHECK: self.check, Part.TASK: self.task}
        return {part: node for part, node in found.items() if node is not None}


def _one_part(raw: _Raw) -> Iterator[tuple[str, str, str]]:
    if len(raw.parts()) != 1:
        yield "template", "a template is of one component, one check or one task.", "Write exactly one of them."


TEMPLATE = Form(
    "a template",
    _Raw,
    (
        Field("template", NAME, "Its name.", required=True, stand_in="unnamed"),
        Field("version", Whole("version", 1, 9999), "1, 2, 3 ...; what has been used is not changed but numbered anew.",
              required=True, stand_in=1),
        Field("about", Text(), "What it is for."),
        Field("inputs", Named("an input", _INPUT_NAME, _INPUT), "What whoever uses it says, each by its name."),
        Field("component", AsWritten(), "A component's fields, with {inputs.NAME} where an input belongs."),
        Field("check", AsWritten(), "One check or a list of them, as below `verify`."),
        Field("task", AsWritten(), "A command to run: `command`, a line or a list of words, and maybe `timeout`."),
    ),
    hints={"name": "Did you mean 'template'?", "parameters": "Did you mean 'inputs'?",
           "run": "It is a field of `task`."},
    also=_one_part,
)  # fmt: skip


def read_template(text: str, where: str) -> Template:
    """Raises :class:`Invalid` with every problem of the file."""
    root = parse(text, where)
    at = At(root, where)
    try:
        raw = TEMPLATE.read(at)
    except Invalid as fault:
        raise Invalid(in_order([*at.noted, *fault.problems])) from fault
    problems = [*at.noted, *_input_faults(raw, where, lines_of(root))]
    if problems:
        raise Invalid(in_order(problems))
    ((part, body),) = raw.parts().items()
    if part is Part.TASK:
        body = _task(body, where)
    digest = digest_of_bytes(text.encode())
    return Template(raw.template, raw.version, raw.about, raw.inputs, part, body, where, digest, text)


def _task(body: Node, where: str) -> Node:
    """As the check that runs the command."""
    if not isinstance(body, Table) or "command" not in body.entries or set(body.entries) - {"command", "timeout"}:
        because = "a task is a table with `command` and maybe `timeout`."
        raise Invalid([Problem(where, body.line, "task", because, "Write `task: {command: [program, word]}`.")])
    entries = {"run" if name == "command" else name: node for name, node in body.entries.items()}
    lines = {"run" if name == "command" else name: line for name, line in body.key_lines.items()}
    COMMAND.read(At(entries["run"], where, "task.command", "command", lines["run"]))
    return Table({"command": Table(entries, body.line, lines)}, body.line, {"command": body.line})


def _input_faults(raw: _Raw, where: str, lines: Mapping[str, int]) -> Iterator[Problem]:
    """Inputs that are named and not there, or there and not named; defaults that their own type refuses."""
    used = dict(_placeholders([*raw.parts().values()]))
    for name, line in used.items():
        if name not in raw.inputs:
            because = f"{{inputs.{name}}} names an input that there is not; there are: {listing(raw.inputs) or 'none'}."
            yield Problem(where, line, "", because, nearest(name, raw.inputs) or "Add it to `inputs`.")
    for name, given in raw.inputs.items():
        for what, scalar in (("default", given.default), ("example", given.example)):
            if scalar is not None:
                yield from _misfit(given, scalar, where, f"inputs.{name}.{what}")
        if name not in used and raw.parts():
            because = f"nothing uses the input {name!r}."
            yield Problem(
                where,
                lines[f"inputs.{name}"],
                f"inputs.{name}",
                because,
                f"Write {{inputs.{name}}} somewhere, or remove it.",
            )


def _misfit(given: Input, scalar: Scalar, where: str, path: str) -> Iterator[Problem]:
    try:
        given.read(At(scalar, where, path, given.name, scalar.line))
    except Invalid as fault:
        yield from fault.problems


def _placeholders(nodes: list[Node]) -> Iterator[tuple[str, int]]:
    """Each with a line."""
    for node in nodes:
        if isinstance(node, Scalar):
            yield from ((name, node.line) for name in PLACEHOLDER.findall(node.text))
        elif isinstance(node, Sequence):
            yield from _placeholders([*node.items])
        elif (alone := unquoted(node)) is not None:
            yield alone, node.line
        else:
            for key, child in node.entries.items():
                yield from ((name, node.key_lines.get(key, node.line)) for name in PLACEHOLDER.findall(key))
                yield from _placeholders([child])


def unquoted(node: Table) -> str | None:
    """The input of ``{inputs.NAME}`` without quotes around it, which is a table to YAML."""
    if len(node.entries) != 1:
        return None
    ((key, child),) = node.entries.items()
    name = key.removeprefix("inputs.")
    return name if name != key and isinstance(child, Scalar) and child.is_nothing else None
