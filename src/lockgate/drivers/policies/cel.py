"""The process that works out rules: the only one that knows the library, and the only one that a rule can harm.

``python -m lockgate.drivers.policies.cel`` reads questions and writes answers, a JSON object a line, until its input
ends. Its memory and the processor time of each rule are limited by the kernel, so a rule that asks too much ends this
process and nothing else. What it does not answer, it does not allow.
"""

import json
import resource
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from datetime import UTC, timedelta
from functools import lru_cache
from typing import Any, get_args, get_origin

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_math, ext_strings
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, json_format, message_factory, timestamp_pb2

from lockgate.core.facts import UNKNOWABLE, Moment, Span, hints, variables

PACKAGE = "lockgate"
MEMORY = 1 << 30
"""Bytes of address space."""
SECONDS = 0.5
"""Of processor time, for one rule with its message."""
LONGEST_FILLED = 200
"""Characters that one pair of braces of a message may put in."""

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {str: _Field.TYPE_STRING, int: _Field.TYPE_INT64, float: _Field.TYPE_DOUBLE, bool: _Field.TYPE_BOOL}
_TYPES = {str: cel.Type.STRING, int: cel.Type.INT, float: cel.Type.DOUBLE, bool: cel.Type.BOOL}
_PARAMETERS = {
    "text": cel.Type.STRING,
    "a whole number": cel.Type.INT,
    "a number with a fraction": cel.Type.DOUBLE,
    "true or false": cel.Type.BOOL,
    "a duration": cel.Type.DURATION,
    "a list of texts": cel.Type.List(cel.Type.STRING),
}


APART = {path: path.split(".") for path in UNKNOWABLE if "." in path}
"""Fields that may be missing: a variable of their own each, since a message would have them empty."""


class Schema:
    """The facts' fields as descriptors, which is what makes the library check them."""

    def __init__(self) -> None:
        self._file = descriptor_pb2.FileDescriptorProto(name="facts.proto", package=PACKAGE, syntax="proto3")
        self._file.dependency.extend(["google/protobuf/timestamp.proto", "google/protobuf/duration.proto"])
        self.variables = {name: self._type(hint) for name, hint in variables().items()}
        self.variables |= {path: self._type(hints(variables()[above])[name]) for path, (above, name) in APART.items()}
        self.pool = descriptor_pool.DescriptorPool()
        for known in (timestamp_pb2, duration_pb2):
            self.pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
        self.pool.AddSerializedFile(self._file.SerializeToString())

    def value(self, hint: Any, told: Any) -> Any:
        """A variable's value from its JSON."""
        if get_origin(hint) is tuple:
            return [self.value(get_args(hint)[0], one) for one in told]
        if get_args(hint):
            return {name: self.value(get_args(hint)[1], one) for name, one in told.items()}
        if not isinstance(hint, type) or not is_dataclass(hint):
            return told
        kind = message_factory.GetMessageClass(self.pool.FindMessageTypeByName(f"{PACKAGE}.{hint.__name__}"))
        return json_format.ParseDict(told, kind())

    def _type(self, hint: Any) -> cel.Type:
        if get_origin(hint) is tuple:
            return cel.Type.List(self._type(get_args(hint)[0]))
        if get_args(hint):
            return cel.Type.Map(cel.Type.STRING, self._type(get_args(hint)[1]))
        return cel.Type(self._message(hint)) if is_dataclass(hint) else _TYPES[hint]

    def _message(self, kind: Any) -> str:
        """Its full name; described when it is met for the first time."""
        if not any(there.name == kind.__name__ for there in self._file.message_type):
            made = self._file.message_type.add(name=kind.__name__)
            for number, (name, hint) in enumerate(hints(kind).items(), 1):
                if not any(kind is variables()[above] and name == apart for above, apart in APART.values()):
                    self._field(made, name, number, hint)
        return f"{PACKAGE}.{kind.__name__}"

    def _field(self, made: Any, name: str, number: int, hint: Any) -> None:
        repeated, inner = bool(get_args(hint)), hint
        if get_origin(hint) is tuple:
            inner = get_args(hint)[0]
        elif repeated:
            entry = made.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
            entry.options.map_entry = True
            self._field(entry, "key", 1, str)
            self._field(entry, "value", 2, get_args(hint)[1])
            inner = f"{PACKAGE}.{made.name}.{entry.name}"
        field = made.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
        field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
        if inner in _SCALARS:
            field.type = _SCALARS[inner]
            return
        named = {Moment: "google.protobuf.Timestamp", Span: "google.protobuf.Duration"}
        field.type = _Field.TYPE_MESSAGE
        field.type_name = "." + (inner if isinstance(inner, str) else named.get(inner) or self._message(inner))


class Judge:
    """Compiles each rule once, and works it out on one document after another."""

    def __init__(self) -> None:
        self._schema = Schema()
        self._extensions = [ext_strings.ExtStrings(), ext_math.ExtMath(), ext_bindings.ExtBindings()]
        self._env = lru_cache(maxsize=64)(self._new_env)
        self._compiled = lru_cache(maxsize=2000)(self._compile)

    def document(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """The variables. One that is not told is not there, and what asks for it fails."""
        found = {}
        for path, (above, name) in APART.items():
            if name in told.get(above, {}):
                found[path] = told[above].pop(name)
        return {n: self._schema.value(hint, told[n]) for n, hint in variables().items() if n in told} | found

    def check(self, asked: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
        """What the library says against each part, and what comes of trying it."""
        kinds = _kinds(asked)
        found = []
        for at, text in enumerate([asked["rule"], *asked["fills"]]):
            said = self._complaint(text, kinds)
            if not said and not at:
                kind = self._compiled(text, kinds).return_type()
                said = "" if kind in (cel.Type.BOOL, cel.Type.DYN) else f"RESULT {kind.name()}"
            found += [[at, said]] if said else []
        return {"found": found, "tried": "" if found else self.judge(asked, facts).get("fault", "")}

    def judge(self, asked: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
        """Only the value true of the type bool holds: errors come back as values, and as texts that are true."""
        kinds = _kinds(asked)
        data = {**facts, **{f"with.{name}": _parameter(p) for name, p in asked["parameters"].items()}}
        try:
            found = self._compiled(asked["rule"], kinds).eval(data=data)
        except (RuntimeError, MemoryError, ValueError, TypeError) as error:
            return {"holds": False, "fault": _words(error)}
        if found.type() == cel.Type.BOOL:
            holds = found.value() is True
            return {"holds": holds, "filled": [] if holds else [self._filled(f, kinds, data) for f in asked["fills"]]}
        fault = str(found.plain_value()) if found.type() == cel.Type.ERROR else f"it gives {found.type().name()}"
        return {"holds": False, "fault": fault[:LONGEST_FILLED]}

    def _filled(self, text: str, kinds: tuple[tuple[str, str], ...], data: Mapping[str, Any]) -> str:
        try:
            found = self._compiled(text, kinds).eval(data=data)
        except (RuntimeError, MemoryError, ValueError, TypeError):
            return "(unknown)"
        return "(unknown)" if found.type() == cel.Type.ERROR else _shown(found.plain_value())[:LONGEST_FILLED]

    def _complaint(self, text: str, kinds: tuple[tuple[str, str], ...]) -> str:
        try:
            self._compiled(text, kinds)
        except (RuntimeError, MemoryError, ValueError) as error:
            return _words(error)
        return ""

    def _new_env(self, kinds: tuple[tuple[str, str], ...]) -> cel.Env:
        given = {f"with.{name}": _PARAMETERS[kind] for name, kind in kinds}
        known = {**self._schema.variables, **given}
        return cel.NewEnv(descriptor_pool=self._schema.pool, variables=known, extensions=self._extensions)

    def _compile(self, text: str, kinds: tuple[tuple[str, str], ...]) -> cel.Expression:
        return self._env(kinds).compile(text)


def _kinds(asked: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, parameter["kind"]) for name, parameter in sorted(asked["parameters"].items()))


def _parameter(told: Mapping[str, Any]) -> Any:
    return timedelta(seconds=told["value"]) if told["kind"] == "a duration" else told["value"]


def _words(error: BaseException) -> str:
    return "MEMORY" if isinstance(error, MemoryError) else str(error) or type(error).__name__


def _shown(value: Any) -> str:
    """A value for people. Numbers that are whole have no point."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(_shown, value[:50]))
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, timedelta):
        return _span(value.total_seconds())
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if hasattr(value, "astimezone") else str(value)


def _span(seconds: float) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit or (seconds and seconds % unit == 0):
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:g} s"


def _answers(judge: Judge, line: bytes) -> Iterator[dict[str, Any]]:
    question = json.loads(line)
    try:
        facts = judge.document(question["facts"])
    except (json_format.ParseError, ValueError, TypeError) as error:
        yield from ({"fault": f"the facts cannot be read: {error}"[:LONGEST_FILLED]} for _ in question["asked"])
        return
    work = judge.check if question["do"] == "check" else judge.judge
    for asked in question["asked"]:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        answer = work(asked, facts)
        signal.setitimer(signal.ITIMER_PROF, 0)
        yield answer


def main() -> None:
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(limit, (most, most))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    judge, out = Judge(), sys.stdout.buffer
    out.write(b'{"ready": true}\n')
    out.flush()
    for line in sys.stdin.buffer:
        for answer in _answers(judge, line):
            out.write(json.dumps(answer).encode() + b"\n")
            if b'"careful": true' in line[:20]:
                out.flush()
        out.flush()


if __name__ == "__main__":
    main()
