"""The JSON Schemas say what the reader does: same fields, and whatever is read validates."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lockgate.config.document import Node, Scalar, Sequence, Table, lines_of, parse
from lockgate.config.schema import FileKind, rendered, schema, shipped
from tests.config.files import READERS, as_an_editor_sees

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("kind", list(FileKind))
def test_the_shipped_schema_is_the_readers(kind: FileKind) -> None:
    assert shipped(kind).read_text(encoding="utf-8") == rendered(kind), "run scripts/schemas"


@pytest.mark.parametrize("kind", list(FileKind))
def test_the_schema_is_one(kind: FileKind) -> None:
    Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("kind", list(FileKind))
def test_the_annotated_file_validates(kind: FileKind) -> None:
    root = parse((REFERENCE / f"{kind.value}.yaml").read_text(), kind.value)
    Draft202012Validator(schema(kind)).validate(as_an_editor_sees(root))


@pytest.mark.parametrize("kind", list(FileKind))
def test_the_annotated_file_shows_every_field(kind: FileKind) -> None:
    root = parse((REFERENCE / f"{kind.value}.yaml").read_text(), kind.value)
    text = (REFERENCE / f"{kind.value}.yaml").read_text()
    written = {path.rpartition(".")[2].partition("[")[0] for path in lines_of(root)}
    whole = schema(kind)
    if kind is FileKind.ENVIRONMENTS:
        # A strategy is shown in the application's file.
        levels = whole["properties"]
        for level in (levels["environments"], levels["tiers"]):
            level["additionalProperties"]["properties"]["strategy"] = {}
        levels["organisation"]["properties"]["strategy"] = {}
    known = set(field_names(whole))
    # A strategy is written once, so the settings of the others stand in the comment above it.
    assert {name for name in known - written if f"{name}:" not in text} == set()


@pytest.mark.parametrize("kind", list(FileKind))
def test_the_reader_knows_no_field_that_the_schema_lacks(kind: FileKind) -> None:
    """Whatever is written in the annotated file and is not a name of the user's is a field of the schema."""
    root = parse((REFERENCE / f"{kind.value}.yaml").read_text(), kind.value)
    validator = Draft202012Validator(schema(kind))
    for path, spoilt in with_one_field_renamed(root):
        editors = as_an_editor_sees(spoilt)
        if list(validator.iter_errors(editors)):
            with pytest.raises(Exception, match="nonesuch"):
                READERS[kind](json.dumps(editors, ensure_ascii=False), path)


def field_names(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from part.get("properties", {})
        for inner in part.values():
            yield from field_names(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from field_names(inner)


def with_one_field_renamed(root: Table, path: str = "") -> Iterator[tuple[str, Table]]:
    for name, child in root.entries.items():
        rest = {other: node for other, node in root.entries.items() if other != name}
        yield f"{path}.{name}", Table({**rest, "nonesuch": child}, 1)
        for inner, spoilt in spoilt_below(child, f"{path}.{name}"):
            yield inner, Table({**root.entries, name: spoilt}, 1)


def spoilt_below(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Table):
        yield from with_one_field_renamed(node, path)
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            for inner, spoilt in spoilt_below(item, f"{path}[{index}]"):
                yield inner, Sequence((*node.items[:index], spoilt, *node.items[index + 1 :]), 1)


def test_an_editor_sees_the_types_of_yaml_1_2() -> None:
    assert as_an_editor_sees(Scalar("1.10", 1)) == 1.1
    assert as_an_editor_sees(Scalar("no", 1)) == "no"
    assert as_an_editor_sees(Scalar("1", 1, quoted=True)) == "1"
