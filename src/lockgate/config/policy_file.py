"""``policies/NAME.yaml``: one policy with its tests. Its form, and where in the file a fault of its rule stands."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any, get_args, get_origin

from lockgate.config import document
from lockgate.config.document import Scalar, Table, lines_of, parse
from lockgate.config.form import (
    At,
    Choice,
    Field,
    Form,
    Named,
    Read,
    Schema,
    Several,
    in_order,
    listing,
    nearest,
    read_form,
)
from lockgate.config.scalars import NAME, Text, Whole, YesOrNo, duration, number, written
from lockgate.core import template
from lockgate.core.errors import Invalid, Problem
from lockgate.core.facts import Moment, Span, hints, moment_text, span_text, variables
from lockgate.core.gate import Answer
from lockgate.core.policy import (
    MAX_RULE,
    Mode,
    Otherwise,
    Parameter,
    ParameterKind,
    ParameterValue,
    Policy,
    PolicyTest,
    RuleProblem,
)

RESERVED = (
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
    "namespace", "null", "package", "return", "true", "var", "void", "while",
)  # fmt: skip
"""Words that mean something in rules, so no parameter can be called so."""

Written = str | tuple[str, ...]
"""A parameter's value as it stands in a file."""

_SPAN = duration("a duration", 0, 10 * 366 * 86400)
_WHOLE = Whole("a whole number", -(2**53), 2**53)
_NUMBER = number("a number", "1.5", 0, 1e15)


class Value:
    """A parameter's value: text, a number, true or false, a duration, or a list of texts."""

    def read(self, at: At) -> Written:
        if isinstance(at.node, document.Sequence):
            return Several("texts", Text()).read(at)
        return Text().read(at)

    def schema(self) -> Schema:
        plain = {"type": ["string", "number", "boolean"]}
        return {"anyOf": [plain, {"type": "array", "items": plain}]}


class Default:
    """The same where its type is decided: in the policy's own file."""

    def read(self, at: At) -> Parameter:
        value = Value().read(at)
        kind = ParameterKind.TEXTS if isinstance(value, tuple) else _kind_of(at.node)
        return Parameter(kind, typed(kind, value))

    def schema(self) -> Schema:
        return Value().schema()


def _kind_of(node: document.Node) -> ParameterKind:
    text = node.text if isinstance(node, Scalar) and not node.quoted else ""
    for pattern, kind in (
        (r"true|false", ParameterKind.YES_NO),
        (r"-?\d+", ParameterKind.WHOLE),
        (r"\d+\.\d+", ParameterKind.NUMBER),
        (r"\d+(\.\d+)?(ms|s|m|h)", ParameterKind.SPAN),
    ):
        if re.fullmatch(pattern, text):
            return kind
    return ParameterKind.TEXT


def typed(kind: ParameterKind, value: Written) -> ParameterValue:
    """Raises :class:`Invalid` saying what was expected."""
    if isinstance(value, tuple) is not (kind is ParameterKind.TEXTS):
        raise Invalid([Problem("", None, "", f"expected {kind.value}, got {value!r}.")])
    if isinstance(value, tuple):
        return value
    readers: Mapping[ParameterKind, Any] = {
        ParameterKind.WHOLE: _WHOLE, ParameterKind.NUMBER: _NUMBER, ParameterKind.YES_NO: YesOrNo(),
        ParameterKind.SPAN: _SPAN,
    }  # fmt: skip
    read: ParameterValue = readers[kind].read(At(Scalar(value, 0), "")) if kind in readers else value
    return read


_PARAMETER_NAME = Text(
    "the name of a parameter",
    rf"(?!(?:{'|'.join(RESERVED)})$)[a-z][a-z0-9_]{{0,39}}",
    f"They have lower-case letters, digits and _; rules keep these words for themselves: {listing(RESERVED)}.",
)
_VALUES = Named("a parameter", _PARAMETER_NAME, Value())


@dataclass(frozen=True, slots=True)
class Given:
    """Part of the facts' document. Every field is looked up, and its value read as what the field is."""

    def read(self, at: At) -> Mapping[str, Any]:
        told: Mapping[str, Any] = self._table(at, variables(), "the facts")
        return told

    def _table(self, at: At, known: Mapping[str, Any], what: str) -> dict[str, Any]:
        if not isinstance(at.node, Table):
            raise at.expected(f"{what} (a table)")
        told = {}
        for child in at.inside(at.node):
            try:
                if child.key not in known:
                    raise child.refused(f"{what} has no field {child.key!r}.", _near(child.key, known))
                told[child.key] = self._value(child, known[child.key])
            except Invalid as fault:
                at.note(fault)
        return told

    def _value(self, at: At, hint: Any) -> Any:
        if isinstance(hint, type) and is_dataclass(hint):
            return self._table(at, hints(hint), at.key)
        if get_origin(hint) is tuple:
            if not isinstance(at.node, document.Sequence):
                raise at.expected("a list")
            return [self._value(child, get_args(hint)[0]) for child in at.items(at.node)]
        if get_args(hint):
            if not isinstance(at.node, Table):
                raise at.expected("a table of names")
            return {child.key: self._value(child, get_args(hint)[1]) for child in at.inside(at.node)}
        return _scalar(at, hint)

    def schema(self) -> Schema:
        return {"type": "object"}


def _near(word: str, known: Mapping[str, Any]) -> str:
    return nearest(word, known) or f"There are: {listing(known)}."


def _scalar(at: At, hint: Any) -> Any:
    if hint is Moment:
        return _moment(at)
    if hint is Span:
        return span_text(_SPAN.read(at))
    reader: Any = {int: _WHOLE, float: _NUMBER, bool: YesOrNo()}.get(hint, Text())
    return reader.read(at)


def _moment(at: At) -> str:
    """ISO 8601; without a zone it is UTC."""
    what = "an instant such as 2026-11-21T14:00:00Z"
    try:
        found = datetime.fromisoformat(written(at, what).text)
    except ValueError as error:
        raise at.expected(what) from error
    return moment_text((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


@dataclass(frozen=True, slots=True)
class _Case:
    """A test as it is written."""

    expect: Answer
    given: Mapping[str, Any]
    parameters: Mapping[str, Written]


def _case(
    expect: Answer, given: Mapping[str, Any] | None = None, parameters: Mapping[str, Written] | None = None
) -> _Case:
    return _Case(expect, given or {}, parameters or {})


_TEST = Form(
    "a test",
    _case,
    (
        Field("given", Given(), "The facts, as far as they differ from those of a sample deployment."),
        Field("with", _VALUES, "Parameters, as far as they differ from the policy's own.", to="parameters"),
        Field("expect", Choice("what is expected", {a.value: a for a in (Answer.PASS, Answer.DENY)}),
              "pass: the rule holds; deny: it does not.", required=True, stand_in=Answer.PASS),
    ),
    hints={"when": "Did you mean 'given'?", "then": "Did you mean 'expect'?", "facts": "Did you mean 'given'?"},
)  # fmt: skip

_RULE = Text("an expression", empty=False)
_MESSAGE = Text("a sentence", empty=False)

POLICY: Form[dict[str, Any]] = Form(
    "a policy",
    dict,
    (
        Field("name", NAME, "Its name, which is the file's."),
        Field("about", Text(), "What it is for, for people."),
        Field("rule", _RULE, "Holds when it gives true: an expression of CEL over the facts.", required=True,
              stand_in="true"),
        Field("message", _MESSAGE, "What is told when it does not hold; {expressions} are filled in.", required=True,
              stand_in="-"),
        Field("mode", Choice("a mode", {m.value: m for m in Mode}), "enforce, or advise: tell and hinder nothing."),
        Field("otherwise", Choice("what it does", {o.value: o for o in Otherwise}),
              "What an enforcing policy does that does not hold: deny, or wait until it does."),
        Field("with", Named("a parameter", _PARAMETER_NAME, Default()),
              "Parameters with their values: with.NAME in the rule. Environments may give others.", to="parameters"),
        Field("tests", Several("tests", _TEST), "Cases that `lockgate policy test` tries."),
    ),
    hints={
        "expression": "Did you mean 'rule'?", "description": "Did you mean 'about'?",
        "because": "Did you mean 'message'?",
        "severity": "Did you mean 'mode'?", "parameters": "Did you mean 'with'?", "cel": "Did you mean 'rule'?",
        "enforcement": "Did you mean 'mode'?",
    },
)  # fmt: skip


def read_policy(text: str, where: str, name: str) -> Read[Policy]:
    """``name``: the file's, which is the policy's. Raises :class:`Invalid` with every problem of the file, by line."""
    root = parse(text, where)
    at = At(root, where)
    told = read_form(POLICY, at)
    lines = lines_of(root)
    cases = told.pop("tests", ())
    policy = Policy(**{**told, "name": name}, source=where)
    read = Read(replace(policy, tests=_tests(policy, cases, at, lines)), where, lines)
    problems = [*at.noted, *_across(read, told.get("name", name))]
    if problems:
        raise Invalid(in_order(problems))
    return read


def _tests(policy: Policy, cases: Sequence[_Case], at: At, lines: Mapping[str, int]) -> tuple[PolicyTest, ...]:
    done = []
    for index, case in enumerate(cases):
        line = lines.get(f"tests[{index}]")
        try:
            parameters = given_parameters(policy, case.parameters)
            done.append(PolicyTest(case.given, case.expect, parameters, line))
        except Invalid as fault:
            at.noted.extend(replace(p, where=at.where, line=line, field=f"tests[{index}].with") for p in fault.problems)
    return tuple(done)


def given_parameters(policy: Policy, given: Mapping[str, Written]) -> Mapping[str, Parameter]:
    """The policy's, with those that are given otherwise. Raises :class:`Invalid`, without the place in the file."""
    done = dict(policy.parameters)
    for name, value in given.items():
        if name not in done:
            known = listing(policy.parameters) or "none"
            because = f"{policy.name} has no parameter {name!r}."
            raise Invalid([Problem("", None, name, because, nearest(name, done) or f"Its parameters are: {known}.")])
        try:
            done[name] = Parameter(done[name].kind, typed(done[name].kind, value))
        except Invalid as fault:
            raise Invalid([replace(problem, field=name) for problem in fault.problems]) from fault
    return done


def _across(read: Read[Policy], written_name: str) -> list[Problem]:
    policy, found = read.value, []
    if written_name != policy.name:
        because = f"the file is called {policy.name}, and the policy in it {written_name!r}."
        found.append(read.problem("name", because, "Give both the same name, or remove this line."))
    for part, text in (("rule", policy.rule), ("message", policy.message)):
        if len(text) > MAX_RULE:
            found.append(read.problem(part, f"it is {len(text)} characters long.", f"At most {MAX_RULE} are read."))
    for brace in template.lone_braces(policy.message):
        mend = "Write {{ or }} for the brace itself."
        found.append(read.problem("message", f"a {brace} has no other to go with it.", mend))
    return found


def placed(read: Read[Policy], text: str, problem: RuleProblem) -> Problem:
    """A fault of the rule, as one of the file. ``text``: the whole file."""
    line, because = read.line(problem.part), problem.because
    if problem.offset is not None:
        rule = read.value.rule if problem.part == "rule" else read.value.message
        line = _line_of(text, line or 1, rule, problem.offset)
        shown = " ".join(rule[problem.offset :].split())[:30]
        because = f"at character {problem.offset + 1}{f' ({shown})' if shown else ''}: {because}"
    return Problem(read.where, line, problem.part, because, problem.mend)


def _line_of(text: str, first: int, value: str, offset: int) -> int:
    """However YAML folds lines, it keeps words: the fault stands in the same word of the file as of the value."""
    left = max(sum(word.start() <= offset for word in re.finditer(r"\S+", value)), 1)
    for place, line in enumerate(text.splitlines()[first - 1 :], first):
        words = re.sub(r"^\s*\w+:\s*(?:[|>][-+\d]*\s*(?:#.*)?$)?", "", line) if place == first else line
        left -= len(words.split())
        if left <= 0:
            return place
    return first
