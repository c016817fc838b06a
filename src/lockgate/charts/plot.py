"""A picture as SVG: title, stages and moments above, panels below each other, one axis of time.

Every label has its room before anything is drawn: margins are as wide as what stands in them, and words that find no
room are shortened, or left to the text that comes with the picture.
"""

from dataclasses import dataclass

from lockgate.charts.drawing import Element, element, number, path
from lockgate.charts.lettering import shortened, width, wrapped
from lockgate.charts.picture import Curve, Mark, Panel, Picture
from lockgate.charts.style import STYLE
from lockgate.charts.ticks import Axis, of_time
from lockgate.charts.topics import gaps, steps

SIZE, TITLE = 12.0, 15.0
"""Of letters."""

LINE = 16.0
"""From one line of text to the next."""

PAD = 6.0
GAP = 14.0
FOOT = 24.0
PLOTS, NOTHING = 236.0, 60.0
"""Height of all panels together, with what stands between them; of a sentence instead of them."""

BETWEEN = 66.0
"""From one tick of the axis of time to the next, at least."""


@dataclass(frozen=True, slots=True)
class Format:
    """``width`` is that of the view box: the picture is legible from three quarters of it up."""

    name: str
    width: float
    about: int
    """Lines for how to read it."""
    stacked: bool
    """The label of a curve has its value below its name."""

    @property
    def apart(self) -> float:
        """From one label of a curve to the next."""
        return 2 * LINE if self.stacked else LINE - 1


WIDE = Format("wide", 600.0, 1, stacked=False)
SLIM = Format("slim", 340.0, 2, stacked=True)

FORMATS = {one.name: one for one in (WIDE, SLIM)}


@dataclass(frozen=True, slots=True)
class Frame:
    """Where things are."""

    form: Format
    left: float
    right: float
    top: float
    """Where the row of moments begins."""
    strip: float
    """Where the row of stages begins."""
    floor: float
    """Where the last panel ends."""
    height: float
    time: Axis

    def x(self, seconds: float) -> float:
        return self.left + (self.right - self.left) * self.time.part(seconds)


@dataclass(frozen=True, slots=True)
class Area:
    """The place of one panel's curves."""

    frame: Frame
    panel: Panel
    top: float
    bottom: float

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * self.panel.axis.part(value)

    def at(self, place: tuple[float, float]) -> tuple[float, float]:
        return self.frame.x(place[0]), self.y(place[1])


def svg(picture: Picture, form: Format = WIDE, alone: bool = True) -> str:
    """The picture. ``alone``: as a file of its own, with its style; else as part of a page that has the style."""
    frame = _framed(picture, form)
    name = f"{picture.name}-{form.name}"
    words = (element("title", picture.title, id=f"{name}-title"), element("desc", picture.told, id=f"{name}-desc"))
    style = (Element("style", (), (STYLE,)),) if alone else ()
    drawn = _nothing(picture, frame) if picture.empty else _drawn(picture, frame)
    paper = element("rect", kind="c-paper", width=form.width, height=frame.height)
    kept = (*words, *style, *((paper,) if alone else ()), *_heading(picture, form), *drawn)
    box = f"0 0 {number(form.width)} {number(frame.height)}"
    size = {"width": form.width, "height": frame.height} if alone else {}
    root = element("svg", *kept, kind=f"chart {form.name}", viewBox=box, **size, role="img")
    named = ("aria-labelledby", f"{name}-title"), ("aria-describedby", f"{name}-desc")
    return str(Element("svg", (("xmlns", "http://www.w3.org/2000/svg"), *root.attributes, *named), root.inside))


def _framed(picture: Picture, form: Format) -> Frame:
    ticks = [label for panel in picture.panels for _, label in panel.axis.ticks]
    left = max([30.0, *(width(label, SIZE) + 10 for label in ticks)])
    labels = [_label_width(curve, form) + 13 for panel in picture.panels for curve in panel.curves]
    right = form.width - min(max([24.0, *labels]), form.width * 0.4)
    top = PAD + TITLE + LINE * form.about + PAD
    strip = top + (LINE if picture.marks else 0.0)
    floor = strip + LINE + (NOTHING if picture.empty else PLOTS)
    time = of_time(picture.end, max(2, int((right - left) / BETWEEN)))
    return Frame(form, left, right, top, strip, floor, floor + FOOT, time)


def _label_width(curve: Curve, form: Format) -> float:
    name, value = width(curve.name, SIZE), width(curve.told, SIZE, bold=True)
    return max(name, value) if form.stacked else name + value + (width(" ", SIZE) if name else 0.0)


def _text(words: str, x: float, y: float, kind: str = "c-soft", anchor: str = "start") -> Element:
    return element("text", words, kind=kind, x=x, y=y, text_anchor=anchor)


def _heading(picture: Picture, form: Format) -> list[Element]:
    room = form.width - 2 * PAD
    about = wrapped(f"{picture.about} {picture.note}".strip(), room, SIZE, form.about)
    lines = [_text(one, PAD, PAD + TITLE + LINE * (i + 1)) for i, one in enumerate(about)]
    return [_text(shortened(picture.title, room, TITLE, bold=True), PAD, PAD + TITLE - 3, "c-title"), *lines]


def _nothing(picture: Picture, frame: Frame) -> list[Element]:
    middle = (frame.strip + frame.floor) / 2
    base = path([(PAD, frame.floor), (frame.form.width - PAD, frame.floor)])
    words = shortened(picture.empty, frame.form.width - 2 * PAD, SIZE)
    return [element("path", kind="c-base", d=base), _text(words, frame.form.width / 2, middle, anchor="middle")]


def _drawn(picture: Picture, frame: Frame) -> list[Element]:
    areas = _areas(picture, frame)
    parts = [*_excluded(picture, frame, areas), *_moments(picture.marks, frame, areas)]
    parts += _stages(picture, frame, areas)
    for area in areas:
        parts += _panel(area)
    return [*parts, *_time(frame)]


def _areas(picture: Picture, frame: Frame) -> list[Area]:
    """Panels with a name have it above them."""
    count, begin = len(picture.panels), frame.strip + LINE
    each = (PLOTS - GAP * (count - 1)) / count
    areas = []
    for number_of, panel in enumerate(picture.panels):
        top = begin + number_of * (each + GAP)
        areas.append(Area(frame, panel, top + (LINE + 6 if panel.name else 4), top + each))
    return areas


# --- what lies behind the curves ---


def _excluded(picture: Picture, frame: Frame, areas: list[Area]) -> list[Element]:
    parts: list[Element] = []
    for band in picture.excluded:
        begin, end = frame.x(band.begin), frame.x(band.end)
        if end <= begin:
            continue
        for area in areas:
            place = {"x": begin, "y": area.top, "width": end - begin, "height": area.bottom - area.top}
            parts.append(element("rect", element("title", f"Not counted: {band.words}"), kind="c-out", **place))
        if width("not counted", SIZE) + 6 <= end - begin:
            parts.append(_text("not counted", (begin + end) / 2, areas[0].top + 12, anchor="middle"))
    return parts


def _stages(picture: Picture, frame: Frame, areas: list[Area]) -> list[Element]:
    """The canary's share, where its stage begins; a line down from there."""
    parts: list[Element] = []
    for number_of, band in enumerate(picture.stages):
        begin, end = frame.x(band.begin), frame.x(band.end)
        whole = f"canary at {band.words}"
        for words in (whole, band.words) if number_of == 0 else (band.words,):
            if width(words, SIZE) + 6 <= end - begin:
                parts.append(_text(words, begin + 3, frame.strip + 11, "c-soft c-over"))
                break
        if number_of:
            line = [(begin, frame.strip + 2), (begin, areas[-1].bottom)]
            parts.append(element("path", kind="c-stage", d=path(line)))
    return parts


def _time(frame: Frame) -> list[Element]:
    parts = []
    for at, label in frame.time.ticks:
        x, half = frame.x(at), width(label, SIZE) / 2
        parts.append(element("path", kind="c-base", d=path([(x, frame.floor), (x, frame.floor + 4)])))
        parts.append(_text(label, max(x, half + 1), frame.floor + 17, anchor="middle"))
    return parts


# --- a panel ---


def _panel(area: Area) -> list[Element]:
    frame, panel = area.frame, area.panel
    parts: list[Element] = []
    if panel.name:
        room = frame.form.width - 2 * PAD
        parts.append(_text(shortened(panel.name, room, SIZE), PAD, area.top - 10, "c-over"))
    for value, label in panel.axis.ticks:
        y = area.y(value)
        line = path([(frame.left, y), (frame.right, y)])
        parts.append(element("path", kind="c-grid" if y < area.bottom else "c-base", d=line))
        parts.append(_text(label, frame.left - 6, y + 4, anchor="end"))
    if panel.missing:
        words = shortened(panel.missing, frame.right - frame.left, SIZE)
        parts.append(_text(words, (frame.left + frame.right) / 2, (area.top + area.bottom) / 2, anchor="middle"))
    for curve in panel.curves[::-1]:
        parts += _curve(area, curve)
    return [*parts, *_limit(area), *_labels(area)]


def _curve(area: Area, curve: Curve) -> list[Element]:
    """The first is drawn last, on top: the canary."""
    parts: list[Element] = []
    for count, run in enumerate(gaps(curve.places)):
        corners = steps(run, 0.0 if count == 0 else run[0][0]) if curve.steps else run
        line = [area.at(corner) for corner in corners]
        if curve.filled:
            ends = [(line[0][0], area.bottom), *line, (line[-1][0], area.bottom)]
            parts.append(element("path", kind=f"c-area c-fill c-{curve.tone}", d=path(ends, closed=True)))
        if len(line) > 1:
            parts.append(element("path", kind=f"c-line c-{curve.tone}", d=path(line)))
        else:
            parts.append(_dot(line[0], curve.tone, 2.5))
    return [*parts, _dot(area.at(curve.last), curve.tone, 4.0)] if curve.last else parts


def _dot(place: tuple[float, float], tone: str, radius: float) -> Element:
    return element("circle", kind=f"c-dot c-fill c-{tone}", cx=place[0], cy=place[1], r=radius)


def _limit(area: Area) -> list[Element]:
    limit, frame = area.panel.limit, area.frame
    if limit is None:
        return []
    y = area.y(limit.value)
    words = shortened(limit.words, frame.right - frame.left - 8, SIZE)
    line = element("path", kind="c-limit", d=path([(frame.left, y), (frame.right, y)]))
    return [line, _text(words, frame.left + 4, y - 5 if y - area.top > 14 else y + 14, "c-over")]


def _labels(area: Area) -> list[Element]:
    """Each beside the end of its curve, moved as far as they do not meet."""
    ends = sorted((area.at(curve.last)[1], order, curve) for order, curve in enumerate(area.panel.curves) if curve.last)
    places = _apart([y for y, _, _ in ends], area.top, area.bottom, area.frame.form.apart)
    return [_named(curve, area.frame, y + 4) for y, (_, _, curve) in zip(places, ends, strict=True)]


def _apart(wanted: list[float], top: float, bottom: float, apart: float) -> list[float]:
    """Sorted places, so far apart that labels do not meet, between these bounds as far as they can be."""
    places: list[float] = []
    for y in wanted:
        places.append(max([y, top, *(place + apart for place in places[-1:])]))
    for index in range(len(places) - 1, -1, -1):
        highest = bottom if index == len(places) - 1 else places[index + 1] - apart
        places[index] = min(places[index], highest)
    return places


def _named(curve: Curve, frame: Frame, y: float) -> Element:
    x, room = frame.right + 9, frame.form.width - frame.right - 11
    value = shortened(curve.told, room, SIZE, bold=True)
    rest = room if frame.form.stacked else room - width(f" {value}", SIZE, bold=True)
    name = shortened(curve.name, rest, SIZE)
    kind = f"c-fill c-{curve.tone}"
    if name and frame.form.stacked:
        below = element("tspan", value, kind="c-value", x=x, dy=LINE - 2)
        return element("text", name, below, kind=kind, x=x, y=y - LINE / 2 + 1)
    parts = [f"{name} "] if name else []
    return element("text", *parts, element("tspan", value, kind="c-value"), kind=kind, x=x, y=y)


# --- moments ---

SIGNS = {
    "roll-back": ("c-against", "M-3 -3L3 3M3 -3L-3 3"),
    "promote": ("c-good", "M-3.5 0.5L-1 3L3.5 -3"),
    "hold": ("c-baseline", "M-2 -3L-2 3M2 -3L2 3"),
}
"""Told apart by their shapes, too."""


def _moments(marks: tuple[Mark, ...], frame: Frame, areas: list[Area]) -> list[Element]:
    """A line down through all panels, a sign above it, and its word where there is room for it."""
    parts: list[Element] = []
    taken = [(frame.x(mark.at) - 9, frame.x(mark.at) + 9) for mark in marks]
    for mark in sorted(marks, key=lambda one: one.kind == "hold"):
        x, y = frame.x(mark.at), frame.top + 7
        tone, sign = SIGNS[mark.kind]
        circle = element("circle", kind=f"c-fill {tone}", cx=x, cy=y, r=7.0)
        drawn = element("path", kind="c-sign", d=sign, transform=f"translate({number(x)} {number(y)})")
        line = element("path", kind="c-moment", d=path([(x, y + 7), (x, areas[-1].bottom)]))
        parts.append(element("g", element("title", mark.words), line, circle, drawn))
        begin, anchor = _beside(mark.short, x, frame)
        end = begin + width(mark.short, SIZE, bold=True)
        if begin > PAD and all(end < other or begin > last for other, last in taken):
            parts.append(_text(mark.short, begin if anchor == "start" else end, y + 4, "c-value", anchor))
            taken.append((begin, end))
    return parts


def _beside(words: str, x: float, frame: Frame) -> tuple[float, str]:
    """Where the word begins: behind the sign, or before it where the picture ends."""
    long = width(words, SIZE, bold=True)
    fits = x + 11 + long <= frame.right
    return (x + 11, "start") if fits else (x - 11 - long, "end")
