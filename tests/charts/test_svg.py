"""Charts: as they were drawn before, and well-formed with every label inside, whatever is drawn.

LOCKGATE_GOLDEN=write draws them anew; look at them in a browser before you commit.
"""

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgate.charts.lettering import width
from lockgate.charts.listing import HEADINGS, listing
from lockgate.charts.plot import FORMATS, SLIM, WIDE, svg
from lockgate.charts.style import STYLE
from lockgate.charts.topics import CHARTS
from lockgate.messages import AnalysisView
from tests.charts import samples
from tests.charts.views import VIEWS

GOLDEN = Path(__file__).parent / "golden"

NS = "{http://www.w3.org/2000/svg}"

KEPT = [("bad", chart, "wide") for chart in CHARTS] + [("good", "evidence", "slim"), ("slow", "latency", "slim")]
KEPT += [("one", "errors", "wide"), ("nothing", "evidence", "slim")]


def drawn(shape: str, chart: str, form: str = "wide", alone: bool = True) -> str:
    return svg(CHARTS[chart](samples.SHAPES[shape]()), FORMATS[form], alone)


@pytest.mark.parametrize(("shape", "chart", "form"), KEPT)
def test_a_chart_is_drawn_as_it_was(shape: str, chart: str, form: str) -> None:
    path = GOLDEN / f"{shape}-{chart}-{form}.svg"
    text = drawn(shape, chart, form) + "\n"
    if os.environ.get("LOCKGATE_GOLDEN") == "write":
        path.write_text(text)
    assert path.read_text() == text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VIEWS, st.sampled_from(sorted(CHARTS)), st.sampled_from(sorted(FORMATS)), st.booleans())
def test_any_series_is_well_formed_and_every_label_is_inside(
    view: AnalysisView, chart: str, form: str, alone: bool
) -> None:
    text = svg(CHARTS[chart](view), FORMATS[form], alone)
    root = ET.fromstring(text)
    wide, high = (float(part) for part in (root.get("viewBox") or "").split()[2:])
    assert wide == FORMATS[form].width
    for begin, end, y, words in labels(root):
        assert begin >= -0.2 and end <= wide + 0.2, words
        assert 10 <= y <= high, words
    for numbers in places(root):
        assert "nan" not in numbers.lower() and "inf" not in numbers.lower()
        assert all(-0.1 <= float(n) <= max(wide, high) for n in re.findall(r"-?[\d.]+", numbers)), numbers


def labels(root: ET.Element) -> Iterator[tuple[float, float, float, str]]:
    """Where each line of text begins and ends, its height, and its words."""
    for text in root.iter(f"{NS}text"):
        x, y = float(text.get("x", "nan")), float(text.get("y", "nan"))
        kind = text.get("class", "")
        rows = [[text.text or ""]]
        for part in text:
            (rows[-1] if part.get("dy") is None else rows.append([]) or rows[-1]).append(part.text or "")
        size = 15.0 if "c-title" in kind else 12.0
        bold = "c-title" in kind or "c-value" in kind
        for number, row in enumerate(rows):
            # A label's value is the last of its parts, and bold.
            long = sum(width(w, size, bold or (i + number > 0)) for i, w in enumerate(row))
            begin = {"end": x - long, "middle": x - long / 2}.get(text.get("text-anchor", ""), x)
            yield begin, begin + long, y + 14 * number, "".join(row)


def places(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        names = ("d", "cx", "cy", "x", "y", "width", "height") if element.get("class") != "c-sign" else ()
        yield from (value for name in names if (value := element.get(name)) is not None)


@pytest.mark.parametrize("chart", sorted(CHARTS))
@pytest.mark.parametrize("form", sorted(FORMATS))
def test_a_chart_says_what_it_shows_to_those_who_do_not_see_it(chart: str, form: str) -> None:
    root = ET.fromstring(drawn("bad", chart, form))
    assert root.get("role") == "img"
    title, told = root.find(f"{NS}title"), root.find(f"{NS}desc")
    assert title is not None and told is not None
    assert (root.get("aria-labelledby"), root.get("aria-describedby")) == (title.get("id"), told.get("id"))
    assert "shop 2.1.0 (#3) beside shop 2.0.0 (#1)" in (told.text or "")


def test_what_is_told_has_the_figures() -> None:
    view = samples.bad()
    assert "roll back at 100" in CHARTS["evidence"](view).told
    assert re.search(r"canary [\d.]+ %, baseline [\d.]+ %", CHARTS["errors"](view).told)
    assert "canary 25 %" in CHARTS["traffic"](view).told


def test_no_reader_of_colours_is_needed() -> None:
    """Each curve has its name beside it, and what happened has a shape and a word."""
    root = ET.fromstring(drawn("bad", "errors"))
    words = ["".join(text.itertext()) for text in root.iter(f"{NS}text")]
    assert any(one.startswith("canary 1.") for one in words) and any(one.startswith("baseline 0.") for one in words)
    assert "roll back" in words
    assert any(path.get("class") == "c-sign" for path in root.iter(f"{NS}path"))


@pytest.mark.parametrize("chart", sorted(CHARTS))
def test_empty_and_one_look_say_so(chart: str) -> None:
    assert "Nothing has been seen of it yet." in drawn("nothing", chart)
    assert "c-line" not in drawn("nothing", chart, alone=False)
    one = ET.fromstring(drawn("one", chart))
    words = " ".join("".join(text.itertext()) for text in one.iter(f"{NS}text"))
    assert "One look so far." in words


def test_a_file_has_its_style_and_a_part_of_a_page_has_none() -> None:
    alone = ET.fromstring(drawn("one", "errors"))
    style = alone.find(f"{NS}style")
    assert style is not None and style.text == STYLE
    assert "<style" not in drawn("one", "errors", alone=False)
    assert "prefers-color-scheme:dark" in STYLE


def test_words_that_mean_something_in_xml_stay_words() -> None:
    view = replace(samples.one(), canary="<script>&\"'\x00\ud800")
    text = svg(CHARTS["evidence"](view))
    told = ET.fromstring(text).find(f"{NS}desc")
    assert told is not None and (told.text or "").startswith("<script>&\"'\ufffd\ufffd beside")


def test_ids_of_one_page_are_different() -> None:
    view = samples.bad()
    parts = [svg(make(view), form, alone=False) for make in CHARTS.values() for form in (WIDE, SLIM)]
    ids = re.findall(r' id="([^"]+)"', "".join(parts))
    assert len(ids) == 16 and len(set(ids)) == 16


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VIEWS, st.integers(1, 30))
def test_the_same_in_numbers_is_a_table_of_text(view: AnalysisView, most: int) -> None:
    rows = listing(view, most)
    assert len(rows) <= most and bool(rows) == bool(view.series.points)
    assert all(len(row) == len(HEADINGS) and all(row) for row in rows)
    assert not any("nan" in cell or "inf" in cell for row in rows for cell in row)


def test_the_table_ends_with_the_last_look_and_says_at_most_in_words() -> None:
    view = samples.slow()
    rows = listing(view)
    assert rows[-1][0] == "6.67 min" and rows[-1][1] == "5 %" and rows[0][1] == "1 % (not counted)"
    assert rows[-1][8] == "more than 10 s"
