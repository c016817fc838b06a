"""Functions fit in one view and files in one sitting, modules are named for what they are, and the order to read them
in is complete."""

import ast
import re
from pathlib import Path
from statistics import median, quantiles

import pytest

HOUSE = Path(__file__).parents[2] / "src" / "lockgate"
FILES = sorted(HOUSE.rglob("*.py"))


def functions(path: Path) -> list[tuple[str, int]]:
    """Name and length in lines."""
    found = (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [
        (f"{path.relative_to(HOUSE)}:{n.lineno} {n.name}", (n.end_lineno or n.lineno) - n.lineno + 1) for n in found
    ]


def test_no_function_is_longer_than_60_lines_and_most_are_short() -> None:
    lengths = dict(f for path in FILES for f in functions(path))

    assert [name for name, lines in lengths.items() if lines > 60] == []
    assert median(lengths.values()) <= 8
    assert quantiles(lengths.values(), n=10)[-1] <= 30


def test_no_file_is_longer_than_500_lines() -> None:
    assert [str(path) for path in FILES if len(path.read_text().splitlines()) > 500] == []


def test_no_module_is_called_by_what_says_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}

    assert [str(path) for path in FILES if path.stem in nothing or path.parent.name in nothing] == []


def test_every_folder_of_modules_is_a_package_that_the_contracts_see() -> None:
    assert [str(folder) for folder in {path.parent for path in FILES} if not (folder / "__init__.py").exists()] == []


def test_every_module_says_what_it_is_in_at_most_twelve_lines() -> None:
    for path in FILES:
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring, f"{path} has no docstring"
        assert len(docstring.splitlines()) <= 12, f"{path} has a long one"


@pytest.mark.parametrize("package", ["core", "engine"])
def test_the_order_to_read_in_names_every_module_once(package: str) -> None:
    docstring = ast.get_docstring(ast.parse((HOUSE / package / "__init__.py").read_text())) or ""
    found = re.search(r"Read in this order: ([^.]+)\.", docstring)
    assert found, "it says: Read in this order: ..."
    named = re.split(r",\s+", found[1])

    assert sorted(named) == sorted(p.stem for p in (HOUSE / package).glob("*.py") if p.stem != "__init__")


@pytest.mark.parametrize("package", ["gates", "strategies"])
def test_a_gate_and_a_strategy_are_one_public_function(package: str) -> None:
    for path in (HOUSE / package).glob("[!_]*.py"):
        public = [
            n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef) and n.name[0] != "_"
        ]
        assert public == [{"gates": "evaluate", "strategies": "next_step"}[package]], path
