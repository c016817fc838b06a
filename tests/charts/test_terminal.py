"""Charts in characters: never wider than the terminal, and of nothing but ASCII where that is all there is."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgate.charts.canvas import Canvas
from lockgate.charts.terminal import NARROWEST, Row, drawn
from lockgate.messages import AnalysisView, SeriesView, SideView
from tests.charts import samples
from tests.charts.views import VIEWS


def words(rows: list[Row]) -> list[str]:
    return ["".join(text for text, _ in row).rstrip() for row in rows]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VIEWS, st.integers(0, 150), st.integers(0, 9), st.booleans())
def test_any_series_fits_any_terminal(view: AnalysisView, width: int, rows: int, unicode: bool) -> None:
    lines = words(drawn(view, width, rows, unicode))
    assert all(len(one) <= width for one in lines)
    assert unicode or all(one.isascii() for one in lines)
    assert not any("nan" in one or "inf" in one for one in lines)
    assert not any(ord(letter) < 32 for one in lines for letter in one)


@pytest.mark.parametrize("width", [44, 60, 80, 110])
@pytest.mark.parametrize("unicode", [True, False])
def test_both_charts_are_there_at_every_width(width: int, unicode: bool) -> None:
    lines = words(drawn(samples.bad(), width, 6, unicode))
    assert any(one.startswith("Evidence that") for one in lines) and any(one.startswith("Failed") for one in lines)
    assert any("canary 1.91 %" in one for one in lines) and any("baseline 0.241 %" in one for one in lines)
    assert any("roll back at 100" in one for one in lines)
    assert any(one.strip() in ("roll back ✘", "✘ roll back", "x roll back", "roll back x") for one in lines)


@pytest.mark.parametrize(("width", "shape"), [(NARROWEST - 1, "bad"), (100, "nothing")])
def test_nothing_is_drawn_where_there_is_no_room_or_nothing_to_see(width: int, shape: str) -> None:
    assert drawn(samples.SHAPES[shape](), width) == []


def test_what_is_missing_is_said_where_it_would_be() -> None:
    point = samples.one().series.points[0]
    bare = replace(point, against=None, good=None, canary=SideView(0, 0, 1), baseline=SideView(0, 0, 1))
    view = replace(samples.one(), series=SeriesView(points=(bare,)))
    text = "\n".join(words(drawn(view, 80)))
    assert "Not judged yet." in text and "No requests yet." in text


def test_curves_have_their_tones_and_their_letters() -> None:
    spans = [span for row in drawn(samples.good(), 80, 6, unicode=False) for span in row]
    assert {letter for text, tone in spans if tone == "baseline" for letter in text.split(" ")[0]} >= {"o"}
    assert any(tone == "against" and "*" in text for text, tone in spans)
    assert any(tone == "good" and "promote" in text for text, tone in spans)


def test_raised_digits_become_a_power() -> None:
    view = samples.bad()
    lines = words(drawn(view, 80, 6, unicode=False))
    assert all(one.isascii() and "?" not in one for one in lines)


def test_a_line_is_dots_of_braille() -> None:
    canvas = Canvas(2, 1)
    canvas.line((0, 3), (3, 0), "canary")
    assert canvas.row(0) == [("⡠⠊", "canary")]
    canvas.dot(99, 99, "canary")
    assert canvas.row(0) == [("⡠⠊", "canary")]


def test_a_dotted_line_has_every_second_dot() -> None:
    canvas = Canvas(2, 1)
    canvas.line((0, 0), (3, 0), "baseline", dotted=True)
    assert canvas.row(0) == [("⠁⠁", "baseline")]


def test_without_unicode_each_curve_has_its_letter() -> None:
    canvas = Canvas(4, 2, unicode=False)
    canvas.line((0, 0), (3, 0), "baseline", dotted=True)
    canvas.line((0, 1), (1, 1), "canary")
    assert canvas.row(0) == [("oooo", "baseline")] and canvas.row(1, "-") == [("**", "canary"), ("--", "")]
