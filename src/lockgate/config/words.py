"""Command lines, the placeholders in them, and references to artifacts.

No shell ever reads a command line: it is cut into words as a shell would, and placeholders are filled in word by word.
A literal brace is doubled, as in ``{{"level": "info"}}``.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lockgate.config.form import At, ByShape, Kind, Schema, Several, closest, listing, nearest
from lockgate.config.scalars import TEXT_TYPES, Text, written
from lockgate.core.artifact import ArtifactKind, Reference
from lockgate.core.errors import Invalid

_SHELL = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "&", "2>", "2>&1", "&>"})
_PIECES = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|(?P<lone>[{}])")

RUN_PLACEHOLDERS = ("host", "port", "work")
"""Filled in where an instance starts: its address, and its working folder."""
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


def placeholders(text: str) -> Iterator[tuple[str, bool]]:
    """Every ``{name}`` in the text, in order, as (name, True); a brace that is neither part of one nor doubled as
    (brace, False)."""
    for piece in _PIECES.finditer(text):
        if piece["lone"]:
            yield piece["lone"], False
        elif piece["name"] is not None:
            yield piece["name"], True


def value_names(words: Iterable[str]) -> list[str]:
    """The NAMEs of every ``{values.NAME}``, each once."""
    names = (name for word in words for name, whole in placeholders(word) if whole)
    return list(dict.fromkeys(name.removeprefix("values.") for name in names if name.startswith("values.")))


def placeholder_faults(
    words: Iterable[str], plain: tuple[str, ...], files: Iterable[str] | None, values: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """(because, mend) for each placeholder that nothing fills in. ``plain``: names without a dot that are known here;
    ``files``: names for ``{files.NAME}``, None where there are none; ``values``: for suggestions only, since an
    environment may give more."""
    known_files = None if files is None else tuple(files)
    known = [*plain, *(f"values.{v}" for v in values), *(f"files.{f}" for f in known_files or ())]
    general = ["values.NAME"] if known_files is None else ["values.NAME", "files.NAME"]
    shown = listing(f"{{{name}}}" for name in (*plain, *general))
    for name, whole in dict.fromkeys(found for word in words for found in placeholders(word)):
        if not whole:
            yield f"it holds a single {name}.", "Double it where a brace itself is meant: {{ or }}."
        elif known_files is not None and name.startswith("files."):
            file = name.removeprefix("files.")
            if file not in known_files:
                there = listing(known_files) or "none"
                yield f"{{{name}}} names a file that `files` does not have; it has: {there}.", _meant(name, known)
        elif name not in plain and not re.fullmatch(r"values\.[A-Za-z0-9_.-]+", name):
            mend = _meant(name, known) or "Double the braces where they are meant themselves: {{ }}."
            yield f"nothing fills in {{{name}}} here; there are {shown}.", mend


def _meant(name: str, known: Iterable[str]) -> str:
    found = closest(name, known)
    return f"Did you mean {{{found}}}?" if found else ""


_KINDS = {
    "pip": "pypi", "python": "pypi", "node": "npm", "docker": "oci", "image": "oci", "tar": "archive", "zip": "archive",
    "github": "git", "path": "file", "http": "archive", "https": "archive",
}  # fmt: skip


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
        try:
            return Reference.parse(text, where=at.where, line=at.line, field=at.path)
        except Invalid as fault:
            raise self._suggesting(at, text, fault) from fault

    def _suggesting(self, at: At, text: str, fault: Invalid) -> Invalid:
        kind, _, name = text.partition(":")
        meant = _KINDS.get(kind, "")
        problem = fault.problems[0]
        if meant and name:
            whole = f"archive:{text}" if kind in ("http", "https") else f"{meant}:{name}"
            return at.refused(problem.because, f"Did you mean {whole!r}?")
        return at.refused(problem.because, f"{nearest(kind, list(ArtifactKind))} {problem.mend}".strip())

    def schema(self) -> Schema:
        if self.bare_path:
            return {"type": TEXT_TYPES, "minLength": 1}
        kinds = "|".join(kind.value for kind in ArtifactKind)
        return {"type": "string", "pattern": rf"^\s*({kinds}):.+"}
