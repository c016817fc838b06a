"""Whatever happens to a good file, it is either read or refused with problems that have lines; nothing else is raised.
And whatever is read validates against the schema that editors use."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lockgate.config.document import Node, Scalar, Sequence, Table, parse
from lockgate.config.form import Read
from lockgate.config.schema import FileKind, schema
from lockgate.core.errors import Invalid
from tests.config.files import READERS, as_an_editor_sees

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
TEXTS = {kind: (REFERENCE / f"{kind.value}.yaml").read_text() for kind in FileKind}
TREES = {kind: parse(text, kind.value) for kind, text in TEXTS.items()}
VALIDATORS = {kind: Draft202012Validator(schema(kind)) for kind in FileKind}

PLAIN = (
    "", "~", "no", "true", "0", "1", "-1", "+5", "007", "1.10", "1e3", ".inf", "0x10", "999999999999999999999", "10s",
    "5 m", "256MiB", "25%", "8081", "0.0.0.0:1", "dev", "web", "web.x", "Web", "/", "/x", "../x", "pypi:x", "rolling",
    "canary", "process", "automatic", "queue", "TERM", "GET", "a b", "20000-20001", "2026-11-21", "*x", "&x", "x: y",
)  # fmt: skip
QUOTED = st.text(max_size=8) | st.sampled_from(
    ["{port}", "{{", "}", "{values.x}", "{files.x}", "{nope}", "'", "\\", *PLAIN]
)


def scalars() -> st.SearchStrategy[Node]:
    plain = st.sampled_from(PLAIN).map(lambda text: Scalar(text, 1))
    return plain | QUOTED.map(lambda text: Scalar(text, 1, quoted=True))


def nodes(kind: FileKind) -> st.SearchStrategy[Node]:
    names = st.sampled_from(sorted(names_in(TREES[kind]))) | st.sampled_from(PLAIN)
    parts = scalars() | st.sampled_from(parts_of(TREES[kind]))
    lists = st.lists(parts, max_size=3).map(lambda items: Sequence(tuple(items), 1))
    return parts | lists | st.dictionaries(names, parts, max_size=3).map(lambda entries: Table(entries, 1))


def parts_of(node: Node) -> list[Node]:
    children = node.entries.values() if isinstance(node, Table) else node.items if isinstance(node, Sequence) else ()
    return [node, *(part for child in children for part in parts_of(child))]


def names_in(node: Node) -> set[str]:
    return {name for part in parts_of(node) if isinstance(part, Table) for name in part.entries}


def mutated(node: Node, draw: Callable[[st.SearchStrategy[Any]], Any], kind: FileKind) -> Node:
    """One change somewhere below: a value replaced, removed, renamed or added."""
    if isinstance(node, Scalar) or draw(st.integers(0, 5)) == 0:
        return draw(nodes(kind))  # type: ignore[no-any-return]
    if isinstance(node, Sequence):
        place = draw(st.integers(0, len(node.items)))
        changed = [mutated(item, draw, kind) for item in node.items[place : place + 1]] or [draw(nodes(kind))]
        return Sequence((*node.items[:place], *changed, *node.items[place + 1 :]), 1)
    return changed_table(node, draw, kind)


def changed_table(node: Table, draw: Callable[[st.SearchStrategy[Any]], Any], kind: FileKind) -> Table:
    name = draw(st.sampled_from([*node.entries, "nonesuch"]))
    entries = dict(node.entries)
    child = entries.pop(name, Scalar("x", 1))
    how = draw(st.sampled_from(["inside", "inside", "inside", "remove", "rename"]))
    if how == "inside":
        entries[name] = mutated(child, draw, kind)
    elif how == "rename":
        entries[draw(st.sampled_from(sorted(names_in(TREES[kind]))) | st.sampled_from(PLAIN))] = child
    return Table(entries, 1)


def as_text(node: Node) -> str:
    """In flow style. Quoted text is JSON, but for characters beyond 16 bits, whose escapes differ in YAML."""
    if isinstance(node, Scalar):
        plain = not node.quoted and re.fullmatch(r"(?:[\w.+%~/-][\w .+%~/=:-]*)?", node.text) and ": " not in node.text
        return node.text if plain else quoted(node.text)
    if isinstance(node, Sequence):
        return "[" + ", ".join(as_text(item) or "~" for item in node.items) + "]"
    return "{" + ", ".join(f"{quoted(name)}: {as_text(child)}" for name, child in node.entries.items()) + "}"


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def outcome(kind: FileKind, text: str) -> Read[Any] | Invalid:
    try:
        return READERS[kind](text, "file.yaml")
    except Invalid as refused:
        lines = len(text.splitlines()) + 1
        assert refused.problems
        here = [problem for problem in refused.problems if problem.where == "file.yaml"]  # not in a shipped template
        assert all(problem.line is not None and 1 <= problem.line <= lines for problem in here), refused
        assert list(dict.fromkeys(refused.problems)) == list(refused.problems)
        return refused


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kind=st.sampled_from(list(FileKind)), data=st.data())
def test_a_file_of_any_other_structure_is_read_or_refused(kind: FileKind, data: st.DataObject) -> None:
    tree: Node = TREES[kind]
    for _ in range(data.draw(st.integers(0, 3))):
        tree = mutated(tree, data.draw, kind)
    text = as_text(tree)
    if isinstance(outcome(kind, text), Read):
        VALIDATORS[kind].validate(as_an_editor_sees(parse(text, "file.yaml")))


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(list(FileKind)),
    place=st.floats(0, 1),
    length=st.integers(0, 60),
    put=st.text(st.sampled_from("\n\t {}[]:,-&*!|>'\"%@`#?\\aé\x85\ufeff\x00"), max_size=5),
)
def test_any_text_is_read_or_refused(kind: FileKind, place: float, length: int, put: str) -> None:
    text = TEXTS[kind]
    start = int(place * len(text))
    outcome(kind, text[:start] + put + text[start + length :])


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(list(FileKind)), text=st.text(max_size=30))
def test_anything_at_all_is_read_or_refused(kind: FileKind, text: str) -> None:
    outcome(kind, text)
