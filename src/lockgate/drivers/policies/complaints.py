"""What the library of rules complains, as problems in words of ours, each with its place in the text."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from lockgate.core import facts
from lockgate.core.policy import Policy, RuleProblem

MOST = 5
"""Problems told of one text: one mistake may make the library complain several times."""

_ONE = re.compile(r"ERROR: <input>:(?P<line>\d+):(?P<column>\d+): (?P<words>.*?)(?:\n \| |\Z)", re.DOTALL)
_FIELD = re.compile(r"undefined field '(\w+)' not found in struct '\w+\.(\w+)'")
_NAME = re.compile(r"undeclared reference to '([\w.]+)'")
_OVERLOAD = re.compile(r"found no matching overload for '(\S+)' applied to '(.*)'", re.DOTALL)
_LIMITS = {
    "recursion limit": "it is nested more than 32 levels deep.",
    "recursion depth": "it is nested more than 32 levels deep, or strings together too many parts.",
    "Iteration budget": "it goes round more than 10,000 times.",
    "MEMORY": "it asks for more memory than the 1 GiB that a rule may have.",
}
SIMPLER = "Write a simpler rule."


def problems_in(policy: Policy, part: str, text: str, said: str, start: int = 0) -> tuple[RuleProblem, ...]:
    """``start``: where in the part the text begins."""
    found = list(dict.fromkeys(_problems(policy, part, text, said, start)))
    return tuple(found[:MOST])


def over_limit(said: str) -> str:
    """The sentence, if a rule was stopped because it asked too much."""
    return next((words for sign, words in _LIMITS.items() if sign in said), "")


def fault_words(said: str) -> str:
    """Why a rule could not be worked out."""
    return over_limit(said) or re.sub(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$", "", said.splitlines()[0]).rstrip(".") + "."


def _problems(policy: Policy, part: str, text: str, said: str, start: int) -> Iterator[RuleProblem]:
    if said.startswith("RESULT "):
        kind = _kind(said.removeprefix("RESULT "))
        yield RuleProblem(part, f"it gives {kind}, and a rule gives true or false.", "Compare it with something.")
        return
    complaints = list(_ONE.finditer(said))
    for one in complaints:
        offset = _offset(text, int(one["line"]), int(one["column"]))
        because, mend = _told(one["words"].strip(), policy)
        yield RuleProblem(part, because, mend, start + offset)
    if not complaints:
        limit = over_limit(said)
        yield RuleProblem(part, limit or f"it cannot be understood: {fault_words(said)}", SIMPLER if limit else "")


def _offset(text: str, line: int, column: int) -> int:
    """Characters before the place; a dot stands for the name behind it."""
    before = sum(len(one) for one in text.splitlines(keepends=True)[: line - 1])
    at = min(before + column - 1, len(text))
    return at + 1 if text[at : at + 1] == "." else at


def _told(words: str, policy: Policy) -> tuple[str, str]:
    if found := _FIELD.search(words):
        kind = getattr(facts, found[2], None)
        known = facts.hints(kind) if isinstance(kind, type) and is_dataclass(kind) else {}
        return f"{_thing(found[2])} has no field {found[1]!r}.", _nearest(found[1], known)
    if found := _NAME.search(words):
        return _unknown_name(found[1], policy)
    if found := _OVERLOAD.search(words):
        return _mismatch(found[1], found[2])
    if "mismatched input '<EOF>'" in words:
        return "it ends where more was expected.", "Close what is open, or finish the comparison."
    return f"it is not an expression: {words.partition(' expecting ')[0].rstrip('.')}.", "Check quotes and brackets."


def _unknown_name(name: str, policy: Policy) -> tuple[str, str]:
    if name.startswith("with.") or name == "with":
        known = [f"with.{parameter}" for parameter in policy.parameters]
        return f"there is no parameter {name!r}.", _nearest(name, known) if known else "Add it to the policy's `with`."
    first = name.partition(".")[0]
    return f"there is nothing called {first!r}.", _nearest(first, facts.variables())


def _mismatch(operation: str, applied: str) -> tuple[str, str]:
    sign = operation.strip("_").replace("_", " ").strip() or operation
    kinds = " and ".join(_kind(kind) for kind in re.split(r",\s*(?![^(]*\))", applied.strip("()")))
    mend = "Convert one of them."
    if "double" in applied and re.search(r"\bu?int\b", applied):
        mend = "Write the whole number with a point: 3.0."
    return f"{sign!r} does not fit {kinds or 'nothing'}.", mend


def _kind(name: str) -> str:
    known = {
        "string": "text", "int": "a whole number", "double": "a number with a fraction", "bool": "true or false",
        "google.protobuf.timestamp": "an instant", "google.protobuf.duration": "a duration", "timestamp": "an instant",
        "duration": "a duration", "null_type": "null",
    }  # fmt: skip
    plain = name.strip().lower()
    if plain.startswith(("list", "map")):
        return "a list" if plain.startswith("list") else "a table"
    return known.get(plain) or _thing(name.rpartition(".")[2])


def _thing(struct: str) -> str:
    """``EnvironmentFacts`` -> ``an environment``."""
    word = struct.removesuffix("Facts").lower()
    return {"time": "time", "findings": "findings"}.get(word) or f"{'an' if word[:1] in 'aeiou' else 'a'} {word}"


def _nearest(word: str, known: Iterable[str] | Mapping[str, Any]) -> str:
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"Did you mean {found[0]!r}?" if found else f"There are: {', '.join(known)}."
