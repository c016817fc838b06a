"""Evidence and failed requests in characters, as wide as a terminal is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lockgate.charts.canvas import Canvas, Span
from lockgate.charts.figures import duration
from lockgate.charts.picture import Curve, Panel, Picture
from lockgate.charts.ticks import Axis, of_time
from lockgate.charts.topics import errors, evidence, gaps
from lockgate.messages import AnalysisView

NARROWEST, WIDEST = 44, 110
"""Columns. With fewer, nothing is drawn; more are left free."""

FIELD = 16
"""Columns that curves have at least."""

ROWS = 6
"""Of a panel, unless told otherwise."""

SIGNS = {"roll-back": ("✘", "x"), "promote": ("✔", "+"), "hold": ("‖", "=")}

TONES = {"roll-back": "against", "promote": "good", "hold": ""}

RAISED = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"

LOWERED = str.maketrans(RAISED, "-0123456789")

FAINT, STRONG = "faint", "strong"

Row = list[Span]
"""One line of text. Tones besides those of curves: ``faint``, ``strong``, or none."""


@dataclass(frozen=True, slots=True)
class Strokes:
    """The characters of axes."""

    side: str
    corner: str
    floor: str
    tick: str
    limit: str


UNICODE = Strokes("┤", "└", "─", "┬", "╌")
ASCII = Strokes("|", "+", "-", "+", "-")


@dataclass(frozen=True, slots=True)
class Sheet:
    """How much room there is."""

    left: int
    """Columns before the curves."""
    columns: int
    """Of the curves."""
    right: int
    rows: int
    unicode: bool
    time: Axis

    @property
    def strokes(self) -> Strokes:
        return UNICODE if self.unicode else ASCII

    def column(self, seconds: float) -> int:
        return round(self.time.part(seconds) * (self.columns - 1))


def drawn(view: AnalysisView, width: int, rows: int = ROWS, unicode: bool = True) -> list[Row]:
    """The evidence against the canary and the errors of both releases, ``rows`` high each, at most ``width`` wide.

    Nothing where there is too little room, or nothing to be seen yet.
    """
    pictures = evidence(view), errors(view)
    if width < NARROWEST or rows < 2 or pictures[0].empty:
        return []
    panels = [
        replace(pictures[0].panels[0], name="Evidence that the canary is worse"),
        replace(pictures[1].panels[0], name=f"Failed requests, over {duration(view.series.span)} at a time"),
    ]
    panels = panels if unicode else [_in_ascii(panel) for panel in panels]
    sheet = _sheet(pictures[0], panels, min(width, WIDEST), rows, unicode)
    lines = [row for panel in panels for row in (*_panel(panel, sheet), [])]
    return [*_strip(pictures[0], sheet), *lines[:-1], *_floor(sheet)]


def _sheet(picture: Picture, panels: Sequence[Panel], width: int, rows: int, unicode: bool) -> Sheet:
    left = max(len(label) for panel in panels for _, label in panel.axis.ticks) + 3
    right = max([0, *(len(words) for panel in panels for words, _, _ in _labels(panel))]) + 1
    right = min(right, width - left - FIELD)
    columns = width - left - right
    return Sheet(left, columns, right, rows, unicode, of_time(picture.end, max(2, columns // 12)))


def _labels(panel: Panel) -> list[tuple[str, float, str]]:
    """Words, the value they stand beside, and their tone: the curves first."""
    found = [(f"{c.name} {c.told}".strip(), c.last[1], c.tone) for c in panel.curves if c.last]
    return [*found, *([(panel.limit.words, panel.limit.value, FAINT)] if panel.limit else [])]


def _panel(panel: Panel, sheet: Sheet) -> list[Row]:
    canvas = Canvas(sheet.columns, sheet.rows, sheet.unicode)
    for curve in reversed(panel.curves):
        _curve(canvas, sheet, panel.axis, curve)
    ticks = {_row(panel.axis, value, sheet): label for value, label in panel.axis.ticks}
    beside = _beside(panel, sheet)
    limit = _row(panel.axis, panel.limit.value, sheet) if panel.limit else -1
    lines: list[Row] = [[(panel.name[: sheet.left + sheet.columns + sheet.right], STRONG)]]
    for number in range(sheet.rows):
        ground = sheet.strokes.limit if number == limit else " "
        axis = ticks.get(number, "").rjust(sheet.left - 2) + " " + (sheet.strokes.side if number in ticks else " ")
        field = [(text, tone or FAINT) for text, tone in canvas.row(number, ground)]
        if panel.missing and number == sheet.rows // 2:
            field = [(panel.missing[: sheet.columns].center(sheet.columns), FAINT)]
        lines.append([(axis, FAINT), *field, *beside.get(number, [])])
    return lines


def _curve(canvas: Canvas, sheet: Sheet, axis: Axis, curve: Curve) -> None:
    dotted = curve.tone == "baseline"
    for run in gaps(curve.places):
        dots = [_dot(canvas, sheet, axis, place) for place in run]
        for one, other in pairwise([dots[0], *dots]):
            canvas.line(one, other, curve.tone, dotted)


def _dot(canvas: Canvas, sheet: Sheet, axis: Axis, place: tuple[float, float]) -> tuple[int, int]:
    x = round(sheet.time.part(place[0]) * (canvas.wide - 1))
    return x, round((1 - axis.part(place[1])) * (canvas.high - 1))


def _row(axis: Axis, value: float, sheet: Sheet) -> int:
    """The row that the dot of this value is in."""
    high = sheet.rows * (4 if sheet.unicode else 1)
    return round((1 - axis.part(value)) * (high - 1)) // (4 if sheet.unicode else 1)


def _beside(panel: Panel, sheet: Sheet) -> dict[int, Row]:
    """Labels to the right, each in the row of its value or in the nearest that is free."""
    taken: dict[int, Row] = {}
    for words, value, tone in _labels(panel):
        wanted = _row(panel.axis, value, sheet)
        free = [row for row in range(sheet.rows) if row not in taken]
        if free:
            nearest = min(free, key=lambda row: (abs(row - wanted), row))
            taken[nearest] = [(" ", ""), (words[: sheet.right - 1], tone)]
    return taken


def _strip(picture: Picture, sheet: Sheet) -> list[Row]:
    """Where stages begin, and what happened."""
    signs = [" "] * sheet.columns
    for band in picture.stages:
        begin, long = sheet.column(band.begin), len(band.words)
        if begin + long <= sheet.columns and not "".join(signs[max(0, begin - 1) : begin + long + 1]).strip():
            signs[begin : begin + long] = band.words
    rows: list[Row] = [[(" " * sheet.left + "".join(signs).rstrip(), FAINT)]]
    for mark in picture.marks:
        sign = SIGNS[mark.kind][0 if sheet.unicode else 1]
        at = sheet.left + sheet.column(mark.at)
        room = sheet.left + sheet.columns + sheet.right - at
        words = f"{sign} {mark.short}" if len(mark.short) + 2 <= room else f"{mark.short} {sign}"
        begin = at if words.startswith(sign) else at + 1 - len(words)
        rows.insert(len(rows) - 1, [(" " * begin, ""), (words, TONES[mark.kind])])
    return rows


def _floor(sheet: Sheet) -> list[Row]:
    floor, labels = [sheet.strokes.floor] * sheet.columns, [" "] * (sheet.columns + sheet.right)
    for at, label in sheet.time.ticks:
        column = sheet.column(at)
        floor[column] = sheet.strokes.tick
        begin = max(0, min(column - len(label) // 2, len(labels) - len(label)))
        labels[begin : begin + len(label)] = label
    indent = " " * (sheet.left - 1)
    return [
        [(indent + sheet.strokes.corner + "".join(floor), FAINT)],
        [(indent + " " + "".join(labels).rstrip(), FAINT)],
    ]


def _in_ascii(panel: Panel) -> Panel:
    """ASCII has no raised digits and no sign for at most."""
    ticks = tuple((value, _letters(label)) for value, label in panel.axis.ticks)
    curves = tuple(replace(curve, told=_letters(curve.told)) for curve in panel.curves)
    limit = replace(panel.limit, words=_letters(panel.limit.words)) if panel.limit else None
    return replace(panel, axis=replace(panel.axis, ticks=ticks), curves=curves, limit=limit)


def _letters(text: str) -> str:
    text = re.sub(f"[{RAISED}]+", lambda found: "^" + found[0].translate(LOWERED), text).replace("≤", "<=")
    return text.encode("ascii", "replace").decode()
