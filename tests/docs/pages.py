"""The documentation as data: pages, fenced blocks, commands with their output."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])

_FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Typed:
    """A command line as it is typed, and what the page says that it prints; ``…`` stands for any lines."""

    command: str
    printed: tuple[str, ...]


def blocks(*languages: str, pages: list[Path] | None = None) -> Iterator[Block]:
    for page in PAGES if pages is None else pages:
        text = page.read_text(encoding="utf-8")
        for found in _FENCE.finditer(text):
            if found["language"] in languages:
                yield Block(page, text.count("\n", 0, found.start()) + 2, found["language"], found["text"])


def typed(block: Block) -> Iterator[Typed]:
    """Of a ``console`` block."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, *printed = part.splitlines()
        yield Typed(command, tuple(printed))
