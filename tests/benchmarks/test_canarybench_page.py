"""docs/canarybench.md is what the kept results say, and its figures are computed from them rightly."""

import json

import pytest
from benchmarks.canarybench import figures, report
from benchmarks.canarybench.__main__ import PAGE, RESULTS, again, read


def row(method: str, cell: str, failed: float, tuned: bool = False) -> dict[str, object]:
    bad = {release: [100, 50, failed, 2.0] for release in report.RELEASES}
    return {"study": "ramp", "cell": cell, "method": method, "tuned": tuned, "good": [200, 3, 0.0, None], "bad": bad}


def test_the_page_is_what_the_results_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == report.page(read()), "scripts/bench canarybench --page writes it again"


def test_the_results_are_one_object_a_line_of_a_full_run() -> None:
    rows = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    (run,) = [one for one in rows if one["study"] == "run"]
    assert run["good"] >= 2000
    assert len({one["cell"] for one in rows if one["study"] == "cells"}) == 24
    assert len({one["cell"] for one in rows if one["study"] == "dense"}) == 24


def test_ratios_are_geometric_means_over_places() -> None:
    rows = [row("a", "x", 10.0), row("a", "y", 20.0), row("b", "y", 20.0), row("b", "x", 40.0)]
    some = figures.results(rows, "ramp")
    ours, others = figures.of(some, "a", False), figures.of(some, "b", False)
    assert figures.times(ours, others, ["2"]) == pytest.approx(2.0)
    assert figures.better(ours, others, ["2", "5"]) == (0, 4)
    assert figures.better(others, ours, ["2"]) == (1, 2)
    assert figures.failed(ours, "5") == pytest.approx(200**0.5)
    assert figures.caught(ours, "2") == 0.5


def test_false_alarms_are_pooled_with_their_interval_and_the_worst_place() -> None:
    some = figures.results([row("a", "x", 1.0), {**row("a", "y", 1.0), "good": [200, 0, 0.0, None]}], "ramp")
    assert figures.false_alarms(some) == "0.8 % (0.2 % to 2.2 %); 1.5 %"


def test_a_goal_that_is_missed_is_called_so() -> None:
    rows = [row("a", "x", 10.0), row("b", "x", 25.0)]
    some = figures.results(rows, "ramp")
    assert report._against(some, "a", "b", False, ("2",), 2.0).startswith("met: 2.5x")
    assert report._against(some, "a", "b", False, ("2",), 3.0).startswith("missed: 2.5x")


def test_whoever_is_better_is_named() -> None:
    names = (f"{report.OURS}, 1 min", "Kayenta, 1 min", "Argo, careless, 1 min")
    rows = [
        row(names[0], "x", 50.0),
        row(names[1], "x", 20.0),
        {**row(names[2], "x", 1.0), "good": [200, 100, 0.0, None]},
    ]
    lines = list(report._losses(figures.results(rows, "ramp"), []))
    assert "- 2x: Kayenta, 1 min lets 20.0 requests fail, Lockgate 50.0." in lines
    assert not any("careless" in line for line in lines)


def test_one_study_can_be_made_again_and_takes_the_place_of_the_old_rows() -> None:
    kept: list[dict[str, object]] = [{"study": "latency"}, {"study": "cpu"}, {"study": "cpu"}, {"study": "run"}]
    rows = again(True, "cpu", kept)
    assert [one["study"] for one in rows] == ["latency", "cpu", "cpu", "cpu", "run"]
    assert all(float(str(one["core_share"])) > 0 for one in rows[1:4])


@pytest.mark.parametrize(("most", "said"), [(0.5, "met:"), (1.5, "met in part:")])
def test_one_core_is_enough_only_where_it_is(most: float, said: str) -> None:
    rows = [{"study": "cpu", "rate": rate, "core_share": share} for rate, share in ((100.0, 0.2), (1000.0, most))]
    assert report._core(rows).startswith(said)


@pytest.mark.parametrize(
    ("value", "said"), [(0.25, "0.25"), (3.04, "3.0"), (12.34, "12.3"), (123.4, "123"), (12345.0, "12 300")]
)
def test_numbers_have_three_digits(value: float, said: str) -> None:
    assert figures.number(value) == said
