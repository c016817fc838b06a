"""The evidence of a canary that the engine has really watched, as the API gives it and as it is drawn."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import msgspec
import pytest
from tests.engine.test_canary_stories import TWO, failing, users

from lockgate.charts.plot import FORMATS, svg
from lockgate.charts.terminal import drawn
from lockgate.charts.topics import CHARTS
from lockgate.core.errors import NotFound
from lockgate.messages import AnalysisView
from lockgate.testing.rig import Rig

__all__ = ["users"]


def test_one_that_is_taken_back_shows_evidence_that_crosses_its_line(users: Rig) -> None:
    deployment = failing(users, 0.05)
    users.run(60)
    view = users.operations.analysis(deployment)
    assert view.advice == "roll-back" and view.stage is not None and (view.stage.number, view.stage.of) == (1, 2)
    last = view.series.points[-1]
    assert last.against is not None and last.threshold is not None and last.against >= last.threshold
    assert last.canary.error_share == pytest.approx(0.05, abs=0.03)
    assert last.canary.requests and last.baseline.requests and last.baseline.instances
    assert [mark.kind for mark in view.series.marks] == ["stage", "roll-back"]
    assert "roll back at 100" in CHARTS["evidence"](view).told


def test_one_that_is_let_through_shows_each_stage(users: Rig) -> None:
    deployment = failing(users, 0.001)
    users.run(35)
    view = users.operations.analysis(deployment)
    assert view.series.points[0].weight == 10.0
    assert {point.weight for point in view.series.points} == {10.0, 50.0}
    assert [mark.seconds > 0 for mark in view.series.marks if mark.kind == "stage"] == [False, True]


def test_where_a_person_was_waited_for_is_marked(users: Rig) -> None:
    held = replace(TWO, stages=(replace(TWO.stages[0], soak=5.0, hold=True), TWO.stages[1]))
    deployment = failing(users, 0.001, held)
    users.run(40)
    marks = users.operations.analysis(deployment).series.marks
    assert [(mark.seconds, mark.words) for mark in marks if mark.kind == "hold"] == [
        (5.0, "Stage 1 holds until somebody lets it go on.")
    ]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05])
def test_what_the_engine_watched_travels_and_is_drawn(users: Rig, share: float) -> None:
    deployment = failing(users, share)
    users.run(30)
    view = users.operations.analysis(deployment)
    assert msgspec.json.decode(msgspec.json.encode(view), type=AnalysisView) == view
    for make in CHARTS.values():
        for form in FORMATS.values():
            assert ET.fromstring(svg(make(view), form)).get("role") == "img"
    assert drawn(view, 80)


def test_what_is_no_canary_has_no_evidence(rig: Rig) -> None:
    deployment = rig.deploy(rig.release("1")).id
    rig.run(5)
    with pytest.raises(NotFound, match="no canary"):
        rig.operations.analysis(deployment)
