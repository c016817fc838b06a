"""Command lines, the placeholders in them, and references to artifacts.

No shell ever reads a command line: it is cut into words as a shell would, and placeholders are filled in word by word.
A literal brace is doubled, as in ``{{"level": "info"}}``. The same holds for environment variables.
"""

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from lockgate.config.form import At, ByShape, Kind, Schema, Several, closest, listing
from lockgate.config.scalars import TEXT_TYPES, Text, written
from lockgate.core import template
from lockgate.core.artifact import ArtifactKind, Reference

_SHELL = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "&", "2>", "2>&1", "&>"})

RUN_PLACEHOLDERS = ("host", "port", "work", "artifact")
"""Filled in where an instance starts: its address, its working folder, and where its artifact lies."""
CHECK_PLACEHOLDERS = ("url",)
"""Filled in when a command check runs: the address to check."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One line, cut into words as a shell does, but run by none."""

    def read(self, at: At) -> tuple[str, ...]:
        text = written(at, "a command line").text
        try:
            words = shlex.split(text)
        except ValueError as error:
            mend = "Close the quote, or write the command as a list of words."
            raise at.refused(f"the command line does not end: {str(error).lower()}.", mend) from error
        operator = next((word for word in words if word in _SHELL), None)
        if operator is not None:
            mend = "Write the command as a list: [sh, -c, 'first && second']."
            raise at.refused(f"no shell runs this command, so {operator!r} would be passed on as a word.", mend)
        return _runnable(at, tuple(words))

    def schema(self) -> Schema:
        return {"type": TEXT_TYPES, "minLength": 1}


@dataclass(frozen=True, slots=True)
class CommandWords:
    """The words themselves."""

    def read(self, at: At) -> tuple[str, ...]:
        return _runnable(at, self._list().read(at))

    def schema(self) -> Schema:
        return self._list().schema()

    def _list(self) -> Several[str]:
        return Several("words", Text("a word of the command"), least=1)


def _runnable(at: At, words: tuple[str, ...]) -> tuple[str, ...]:
    if not words or not words[0]:
        raise at.expected("a command line", "Begin with the program to run.")
    if re.match(r"[A-Za-z_][A-Za-z0-9_]*=", words[0]):
        mend = "Write it under `env` beside `run`, or begin with the program env: `env NAME=value program`."
        raise at.refused(f"{words[0]!r} sets an environment variable, which only a shell does.", mend)
    return words


COMMAND: Kind[tuple[str, ...]] = ByShape(
    "a command line",
    scalar=CommandLine(),
    sequence=CommandWords(),
    mend="Put it in quotes if it begins with {; or write a list of words.",
)


def value_names(words: Iterable[str]) -> list[str]:
    """The NAMEs of every ``{values.NAME}``, each once."""
    names = (name for word in words for name in template.names(word) if name.startswith("values."))
    return list(dict.fromkeys(name.removeprefix("values.") for name in names))


@dataclass(frozen=True, slots=True)
class Names:
    """What may be filled in at one place."""

    plain: tuple[str, ...]
    """Names without a dot."""
    groups: Mapping[str, Collection[str]] = field(default_factory=dict)
    """``files`` -> the names there are for ``{files.NAME}``. ``values`` are not among them: an environment may give
    any."""
    values: Collection[str] = ()
    """For suggestions only."""
    strange: Mapping[str, str] = field(default_factory=dict)
    """Names that are filled in elsewhere -> why not here, and what to do."""

    @property
    def known(self) -> list[str]:
        inside = [f"{group}.{name}" for group, names in self.groups.items() for name in names]
        return [*self.plain, *(f"values.{value}" for value in self.values), *inside]

    @property
    def shown(self) -> str:
        return listing(f"{{{name}}}" for name in (*self.plain, "values.NAME", *(f"{g}.NAME" for g in self.groups)))


def placeholder_faults(words: Iterable[str], names: Names) -> Iterator[tuple[str, str]]:
    """(because, mend) for each placeholder that nothing fills in."""
    words = tuple(words)
    for name in dict.fromkeys(name for word in words for name in template.names(word)):
        yield from _placeholder_fault(name, names)
    for brace in dict.fromkeys(brace for word in words for brace in template.lone_braces(word)):
        yield f"it holds a single {brace}.", "Double it where a brace itself is meant: {{ or }}."


def _placeholder_fault(name: str, names: Names) -> Iterator[tuple[str, str]]:
    group, dot, inner = name.partition(".")
    if dot and group in names.groups:
        if inner not in names.groups[group]:
            there = listing(names.groups[group]) or "none"
            what = f"a {group.removesuffix('s')} that `{group}` does not have"
            yield f"{{{name}}} names {what}; it has: {there}.", _meant(name, names.known)
    elif name in names.strange:
        yield f"nothing fills in {{{name}}} here.", names.strange[name]
    elif name not in names.plain and not re.fullmatch(r"values\.[A-Za-z0-9_.-]+", name):
        mend = _meant(name, names.known) or "Double the braces where they are meant themselves: {{ }}."
        yield f"nothing fills in {{{name}}} here; there are {names.shown}.", mend


def _meant(name: str, known: Iterable[str]) -> str:
    found = closest(name, known)
    return f"Did you mean {{{found}}}?" if found else ""


_KNOWN = [kind.value for kind in ArtifactKind]
_KINDS = {
    "pip": "pypi", "pipy": "pypi", "python": "pypi", "node": "npm", "tar": "archive", "zip": "archive",
    "github": "git", "path": "file", "docker": "oci", "image": "oci", "container": "oci",
}  # fmt: skip
_REFERENCE = f"Write kind:name, such as pypi:datasette==0.65.5; the kinds are {listing(_KNOWN)}."


@dataclass(frozen=True, slots=True)
class ArtifactReference:
    """``kind:name``. ``bare_path``: a path without a kind is a local file."""

    bare_path: bool = False

    def read(self, at: At) -> Reference:
        example = "./data.db or archive:./site.tar.gz" if self.bare_path else "pypi:datasette==0.65.5"
        text = written(at, f"an artifact such as {example}").text.strip()
        if not text or any(ord(c) < 32 for c in text):
            raise at.expected(f"an artifact such as {example}")
        if self.bare_path and not re.match(r"[a-z]+:", text):
            return Reference(ArtifactKind.FILE, text)
        kind, _, name = text.partition(":")
        if kind in _KNOWN and name:
            return Reference.parse(text, where=at.where, line=at.line, field=at.path)
        because = f"{text!r} is not an artifact reference."
        raise at.refused(because, self._meant(kind, name, text) or _REFERENCE)

    def _meant(self, kind: str, name: str, text: str) -> str:
        if name and kind in ("http", "https"):
            return f"Did you mean 'archive:{text}'?"
        if name and kind in _KINDS:
            return f"Did you mean '{_KINDS[kind]}:{name.removeprefix('//')}'?"
        close = closest(kind, _KNOWN) if name else ""
        return f"Did you mean '{close}:{name}'?" if close else ""

    def schema(self) -> Schema:
        if self.bare_path:
            return {"type": TEXT_TYPES, "minLength": 1}
        kinds = "|".join(_KNOWN)
        return {"type": "string", "pattern": rf"^\s*({kinds}):.+"}
