"""Figures have three digits and a unit; axes have round ticks that hold all values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.charts import figures
from lockgate.charts.figures import digits, duration, e_value, finite, milliseconds, percent
from lockgate.charts.lettering import shortened, width, wrapped
from lockgate.charts.ticks import decades, from_zero, of_time
from lockgate.messages import QuantileView


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.0312, "0.0312"), (1.4249, "1.42"), (100.0, "100"), (123456.0, "123000"), (-2.5, "-2.5")],
)
def test_figures_have_three_digits_and_none_idle(value: float, text: str) -> None:
    assert digits(value) == text


def test_units_suit_the_size() -> None:
    assert [milliseconds(v) for v in (0.5, 240, 1234, 150_000)] == ["0.5 ms", "240 ms", "1.23 s", "2.5 min"]
    assert [duration(v) for v in (5, 60, 90, 720, 9000, 400_000)] == [
        "5 s",
        "1 min",
        "90 s",
        "12 min",
        "2.5 h",
        "4.63 d",
    ]
    assert (percent(0.014), percent(0.0), percent(1.0)) == ("1.4 %", "0 %", "100 %")
    assert [e_value(v) for v in (-9.0, -0.5, 2.0, 57.2)] == ["under 0.01", "0.32", "100", "10⁵⁷"]
    sure = [figures.latency(QuantileView(250.0, words)) for words in ("about", "at most", "more than")]
    assert sure == ["250 ms", "≤ 250 ms", "> 250 ms"]


@given(st.floats())
def test_nothing_that_is_no_number_is_told(value: float) -> None:
    known = finite(value)
    assert known is None or abs(known) <= figures.MOST
    for text in (digits(value), duration(known or 0.0), milliseconds(known or 0.0), e_value(known or 0.0)):
        assert "nan" not in text and "inf" not in text and len(text) <= 18


@given(st.lists(st.floats(0, 1e12), max_size=5), st.floats(0.001, 10))
def test_an_axis_from_zero_holds_all_values_between_round_ticks(values: list[float], least: float) -> None:
    axis = from_zero(values, digits, least)
    assert axis.low == 0 and axis.high >= max([least, *values]) * (1 - 1e-9)
    ticks = [value for value, _ in axis.ticks]
    assert 2 <= len(ticks) <= 6 and ticks == sorted(ticks) and ticks[-1] == pytest.approx(axis.high)
    assert f"{ticks[1]:e}"[0] in "125"


@given(st.lists(st.floats(-1e3, 1e3), max_size=5))
def test_an_axis_of_decades_has_one_among_its_ticks(values: list[float]) -> None:
    axis = decades(values, -2.0, 4.0)
    assert -2 <= axis.low <= 0 < axis.high <= 4
    assert (0.0, "1") in axis.ticks and len(axis.ticks) <= 7


@given(st.floats(0, 1e12), st.integers(2, 8))
def test_an_axis_of_time_has_few_ticks(seconds: float, most: int) -> None:
    axis = of_time(seconds, most)
    assert axis.ticks[0] == (0.0, "0") and len(axis.ticks) <= most + 1
    assert all(0 <= at <= axis.high * (1 + 1e-6) for at, _ in axis.ticks)


def test_time_is_told_in_units_people_use() -> None:
    assert [label for _, label in of_time(400, 3).ticks] == ["0", "3 min", "6 min"]
    assert [label for _, label in of_time(5400, 7).ticks] == [
        "0",
        "15 min",
        "30 min",
        "45 min",
        "60 min",
        "75 min",
        "90 min",
    ]
    assert [label for _, label in of_time(5, 3).ticks] == ["0", "2 s", "4 s"]
    assert [label for _, label in of_time(3 * 86_400, 3).ticks] == ["0", "1 d", "2 d", "3 d"]


@given(st.text(max_size=60), st.floats(0, 400), st.booleans())
def test_what_is_shortened_fits(text: str, room: float, bold: bool) -> None:
    kept = shortened(text, room, 12.0, bold)
    assert width(kept, 12.0, bold) <= room or kept == ""
    assert kept == text or kept in ("", "…") or text.startswith(kept[:-1])


@given(st.text("abc def", max_size=200), st.floats(20, 300), st.integers(1, 3))
def test_what_is_wrapped_fits(text: str, room: float, most: int) -> None:
    lines = wrapped(text, room, 12.0, most)
    assert len(lines) <= most and all(width(line, 12.0) <= room for line in lines)


def test_the_axis_has_an_end_even_for_no_time_at_all() -> None:
    assert of_time(0.0, 3).high == 1.0
    assert math.isclose(of_time(0.0, 3).part(0.5), 0.5)
