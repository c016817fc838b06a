"""Links lead somewhere, commands exist, and nothing names what may move: the hosts of public registries."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from lockgate.cli.main import application
from tests.docs.pages import PAGES, ROOT, blocks, typed

_TEXTS = {".md", ".py", ".yaml", ".json", ".html", ".js", ".txt"}

HOSTS = re.compile(r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|yarnpkg\.com|ghcr\.io|quay\.io)\b")


def anchors(page: Path) -> set[str]:
    """Of headings, as forges make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" not in target:
                yield page, target


@pytest.mark.parametrize(("page", "target"), sorted(set(links())), ids=lambda one: str(one).removeprefix(str(ROOT)))
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    place = (page.parent / path).resolve() if path else page
    assert place.exists()
    assert not anchor or anchor in anchors(place)


@pytest.mark.parametrize("page", [page for page in PAGES if page.suffix == ".md"], ids=lambda page: page.name)
def test_a_heading_stands_by_itself(page: Path) -> None:
    """Blank lines around it: otherwise some readers make it part of the list above."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    lines = ["", *text.splitlines(), ""]
    alone = [
        (above, below) == ("", "")
        for above, line, below in zip(lines[:-2], lines[1:-1], lines[2:], strict=True)
        if line.startswith("#")
    ]
    assert all(alone)


def test_every_page_can_be_reached_from_the_first() -> None:
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            todo += [(where.parent / to.partition("#")[0]).resolve() for where, to in links() if where == page]
    assert set(PAGES) - reached == set()


def commands() -> Iterator[tuple[str, str]]:
    """Every command line of lockgate that a page shows: where, and the words."""
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        for inline in re.findall(r"`(lockgate [a-z][^`\n]*)`", page.read_text(encoding="utf-8")):
            yield name, inline
    for block in blocks("console"):
        for step in typed(block):
            words = step.command.partition("  #")[0]
            if found := re.search(r"(?:^|\s)(lockgate [a-z].*)", words):
                yield str(block), found[1]


@pytest.mark.parametrize(("where", "line"), sorted(set(commands())))
def test_a_command_exists_and_has_those_options(where: str, line: str) -> None:
    app, words = application(), shlex.split(line)[1:]
    while words and words[0] in app.resolved_commands():
        app, words = app[words[0]], words[1:]
    below = {name for name in app.resolved_commands() if not name.startswith("-")}
    assert not below or not words or (app.default_command and words[0].startswith("-"))
    assert {word for word in words if word.startswith("--")} <= _options(app)


def _options(app: App) -> set[str]:
    return {name for argument in app.assemble_argument_collection() for name in argument.names}


def test_no_page_and_no_module_names_the_host_of_a_registry() -> None:
    folders = ("docs", "src", "tests", "scripts", "benchmarks")
    files = [path for name in folders for path in (ROOT / name).rglob("*") if path.suffix in _TEXTS]
    files += [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.lock")]
    found = [f"{path}: {match[0]}" for path in files if (match := HOSTS.search(path.read_text(errors="replace")))]
    assert [one for one in found if not one.startswith(__file__)] == []
