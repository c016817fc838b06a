"""docs/architecture.md draws the house as it stands."""

from pathlib import Path

from lockgate import __file__ as package
from tests.docs.pages import DOCS, blocks

ROOT = Path(package).parent
NOT_DRAWN = {"__init__", "__main__"}


def drawn() -> list[str]:
    """Paths of modules, from the indented tree: ``core/ids``."""
    (tree,) = blocks("tree", pages=[DOCS / "architecture.md"])
    above: list[str] = []
    found = []
    for line in tree.text.splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        above[depth:] = [name]
        if not name.endswith("/"):
            found.append("".join(above))
    return found


def standing() -> set[str]:
    modules = (path.relative_to(ROOT).with_suffix("") for path in ROOT.rglob("*.py"))
    return {module.as_posix() for module in modules if module.name not in NOT_DRAWN}


def test_every_module_is_on_the_map_once() -> None:
    names = drawn()
    assert len(names) == len(set(names))
    assert standing() - set(names) == set(), "modules that the tree in docs/architecture.md does not have"


def test_the_map_shows_nothing_that_is_not_there() -> None:
    assert set(drawn()) - standing() == set()


def test_every_line_says_what_it_is() -> None:
    (tree,) = blocks("tree", pages=[DOCS / "architecture.md"])
    assert [line for line in tree.text.splitlines() if len(line.split()) < 2 and "versions/" not in line] == []
