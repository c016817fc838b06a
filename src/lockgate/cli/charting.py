"""A canary's evidence on a terminal: what it says, and as charts in characters."""

import sys

from lockgate.charts.terminal import FAINT as FAINT_TONE
from lockgate.charts.terminal import ROWS, drawn
from lockgate.charts.terminal import STRONG as STRONG_TONE
from lockgate.cli.output import BAD, BLANK, BUSY, FAINT, GOOD, STRONG, Line, console, indented, line, on_terminal
from lockgate.messages import AnalysisView

COOL = "cyan"

STYLES = {
    "canary": BUSY,
    "baseline": COOL,
    "against": BAD,
    "good": GOOD,
    FAINT_TONE: FAINT,
    STRONG_TONE: STRONG,
}

INDENT = 2

IN_A_FILE = 100
"""Columns where nobody looks at a terminal."""

FEWEST = 3
"""Rows of a chart that is worth its place."""


def speaks_unicode() -> bool:
    """A person looks, and what is printed can be anything but ASCII."""
    encoding = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "")
    return on_terminal() and encoding.startswith("utf")


def room() -> int:
    """Columns for a chart that stays."""
    return console().width if on_terminal() else IN_A_FILE


def evidence_lines(view: AnalysisView, width: int, unicode: bool, rows: int = ROWS, indent: int = INDENT) -> list[Line]:
    """What the evidence says and what follows, and below it the charts, if there is room for them."""
    said = [sentence for sentence in (view.verdict, view.next) if sentence]
    charts = drawn(view, width - indent, rows, unicode) if rows >= FEWEST else []
    begin = " " * indent
    drawings = [line(begin, *((text, STYLES.get(tone, "")) for text, tone in row)) for row in charts]
    return [*indented(said, indent), *([BLANK] if drawings else []), *drawings]
