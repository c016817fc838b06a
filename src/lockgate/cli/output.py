"""How things are printed: lines of styled words.

A command makes lines once; a file gets their words, a terminal their colours as well, and a program gets JSON
instead. So what a person reads can be tested as text, and rich is imported only where there is somebody to see it.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON value instead of text.")]

GOOD, BAD, BUSY, FAINT, STRONG = "green", "bold red", "yellow", "dim", "bold"

NARROW = 30
"""Columns that the end of a line needs at least to go on beside what stands before it."""

BELOW = 6
"""Columns from the left where it goes on otherwise."""

Span = tuple[str, str]
"""Words and their style; an empty style is plain."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line. Where a terminal is too narrow for it, it goes on ``hang`` columns from the left."""

    spans: tuple[Span, ...]
    hang: int = 0

    @property
    def words(self) -> str:
        """What a program printed may be part of a sentence, and has lines of its own: they hang, too."""
        return "".join(text for text, _ in self.spans).rstrip().replace("\n", "\n" + " " * self.hang)

    @property
    def width(self) -> int:
        return sum(len(text) for text, _ in self.spans)

    def padded(self, width: int) -> "Line":
        return Line((*self.spans, (" " * (width - self.width), "")), self.hang)


BLANK = Line(())

Row = list[Line | str]
"""Cells of a table."""


def line(*parts: str | Span, hang: int = 0) -> Line:
    return Line(tuple((part, "") if isinstance(part, str) else part for part in parts), hang)


def headline(text: str) -> Line:
    return line((text, STRONG))


def indented(sentences: Iterable[str], by: int = 2) -> list[Line]:
    """A sentence that is itself indented, as a detail of the one before, stays so where it goes on."""
    return [
        line(" " * by, text, hang=by + len(text) - len(text.lstrip()))
        for sentence in sentences
        for text in sentence.expandtabs(4).splitlines()
    ]


def first_line(text: str) -> str:
    """Of a sentence with the last lines of a log behind it; the whole is told by ``explain``."""
    first, more, _ = text.partition("\n")
    return f"{first.rstrip()} …" if more else first


def table(headings: Sequence[str], rows: Sequence[Row], indent: int = 0, gap: int = 2) -> list[Line]:
    """Columns as wide as their widest cell; the last one may be longer than the screen and then hangs."""
    cells = [[line((heading, FAINT)) for heading in headings]] if any(headings) else []
    cells += [[cell if isinstance(cell, Line) else line(first_line(cell)) for cell in row] for row in rows]
    if not cells:
        return []
    widths = [max(row[column].width for row in cells) for column in range(len(cells[0]))]
    hang = indent + sum(widths[:-1]) + gap * (len(widths) - 1)
    return [_joined(row, widths, indent, gap, hang) for row in cells]


def _joined(row: Sequence[Line], widths: Sequence[int], indent: int, gap: int, hang: int) -> Line:
    spans: list[Span] = [(" " * indent, "")]
    for cell, width in zip(row[:-1], widths, strict=False):
        spans += [*cell.padded(width).spans, (" " * gap, "")]
    return Line((*spans, *row[-1].spans), hang)


# --- times ---


def now() -> float:
    return time.time()


def elapsed(seconds: float) -> str:
    """``3.2 s``, ``45 s``, ``12 min``, ``5 h``, ``3 days``: no more than a person reads."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"


def ago(seconds: float) -> str:
    """Age of something, in whole seconds at the least."""
    return f"{elapsed(seconds) if seconds >= 9.95 else f'{max(0.0, seconds):.0f} s'} ago"


def clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def moment(at: float) -> str:
    """On this machine's clock, with the day and its zone."""
    return time.strftime("%a %Y-%m-%d %H:%M %Z", time.localtime(at))


def day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


# --- where to ---


def on_terminal() -> bool:
    """A person looks at standard output, and it can do more than print lines."""
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def console(width: int | None = None) -> "Console":
    """rich honours NO_COLOR by itself."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=width, force_terminal=True if on_terminal() else None)


def text_of(one: Line) -> "Text":
    """The line for rich."""
    from rich.text import Text

    return Text.assemble(*one.spans)


def fitted(one: Line, to: "Console") -> "list[Text]":
    """The line as one or more that fit the console; what comes later hangs."""
    text = text_of(one)
    text.rstrip()
    if text.cell_len <= to.width and "\n" not in text.plain:
        return [text]
    first, rest = text.divide([one.hang])
    if to.width - one.hang < NARROW:  # no room beside the columns: below them, then
        first.rstrip()
        return [first, *_padded(list(rest.wrap(to, to.width - BELOW)), BELOW)]
    wrapped = list(rest.wrap(to, to.width - one.hang))
    return [first.append_text(wrapped[0]), *_padded(wrapped[1:], one.hang)]


def _padded(texts: "list[Text]", columns: int) -> "list[Text]":
    for text in texts:
        text.rstrip()
        text.pad_left(columns)
    return texts


def put(lines: Iterable[Line]) -> None:
    """Prints them on standard output, at once, also into a pipe."""
    if not on_terminal():
        print("\n".join(one.words for one in lines), flush=True)
        return
    screen = console()
    for one in lines:
        draw(one, screen)


def draw(one: Line, screen: "Console") -> None:
    for text in fitted(one, screen):
        screen.print(text, no_wrap=True, overflow="ignore", crop=False)


def put_json(value: object) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode(), flush=True)


def show(value: object, json: bool, lines: Callable[[], Iterable[Line]]) -> None:
    """The value as JSON for a program, or as lines for a person."""
    if json:
        put_json(value)
    else:
        put(lines())


def put_json_line(value: object) -> None:
    """One of several values, each on a line of its own."""
    import msgspec

    print(msgspec.json.encode(value).decode(), flush=True)
