"""A series tells of the windows what they hold, in as many points as can be told apart."""

import math
from dataclasses import replace

from lockgate.charts.series import series, view_of
from lockgate.core.window import Advice, Judgement, Side, Window
from lockgate.messages import MarkView
from tests.charts import samples


def window(number: int, stage: int = 0, excluded: str = "", canary: Side | None = None) -> Window:
    start = 1000.0 + 5 * (number - 1)
    side = canary or Side(10, 1, {10.0: 5, math.inf: 10}, instances=1)
    baseline = Side(100, 2, {10.0: 80, math.inf: 100}, instances=3)
    return Window(number, start, start + 5, stage, 100 * (stage + 1), side, baseline, excluded=excluded)


def judgement(against: float, advice: Advice = Advice.GO_ON) -> Judgement:
    return Judgement(advice, f"It says {advice.value}.", against, 4.6, 0.5, 3.0)


def test_each_window_is_a_point_with_what_it_was_judged() -> None:
    found = series([window(1), window(2)], [judgement(0.1), judgement(0.2)])
    assert found.started_at == 1000.0
    assert [(p.seconds, p.against, p.threshold, p.good, p.needed) for p in found.points] == [
        (5.0, 0.1, 4.6, 0.5, 3.0),
        (10.0, 0.2, 4.6, 0.5, 3.0),
    ]
    assert [(p.weight, p.canary.instances, p.baseline.instances) for p in found.points] == [(1.0, 1, 3), (1.0, 1, 3)]


def test_shares_and_latencies_look_back_over_the_span() -> None:
    bad = Side(10, 10, {10.0: 0, math.inf: 10})
    found = series([window(i, canary=bad if i > 12 else None) for i in range(1, 25)], [])
    assert found.span == 60.0
    assert [p.canary.error_share for p in found.points[11:14]] == [0.1, (11 + 10) / 120, (10 + 20) / 120]
    assert found.points[-1].canary.error_share == 1.0
    assert (found.points[0].canary.errors, found.points[-1].canary.errors) == (1, 10)


def test_no_requests_are_no_share_and_windows_not_judged_have_no_evidence() -> None:
    found = series([window(1, canary=Side())], [])
    point = found.points[0]
    assert (point.canary.error_share, point.canary.p50, point.against, point.threshold) == (None, None, None, None)
    assert series([], []).points == () and series([], []).started_at is None


def test_evidence_that_is_no_number_is_none() -> None:
    judged = [judgement(math.nan), judgement(-math.inf)]
    assert [p.against for p in series([window(1), window(2)], judged).points] == [None, None]


def test_many_windows_become_few_points_and_no_request_is_lost() -> None:
    windows = [window(i + 1, stage=min(i // 500, 2)) for i in range(1440)]
    found = series(windows, [judgement(i / 1000) for i in range(1440)], most=100)
    assert len(found.points) <= 103
    assert sum(p.canary.requests for p in found.points) == 14_400
    assert sum(p.baseline.errors for p in found.points) == 2880
    assert found.points[-1].seconds == 7200.0 and found.points[-1].against == 1.439
    ends = [max(p.seconds for p in found.points if p.stage == stage) for stage in (0, 1, 2)]
    assert ends == [2500.0, 5000.0, 7200.0]


def test_windows_that_do_not_count_are_not_mixed_with_those_that_do() -> None:
    windows = [window(i + 1, excluded="it warms up" if i < 3 else "") for i in range(40)]
    found = series(windows, [], most=4)
    assert [p.excluded for p in found.points[:2]] == ["it warms up", ""]
    assert found.points[0].seconds == 15.0


def test_marks_are_where_stages_begin_and_where_the_advice_began_to_stand() -> None:
    advices = [Advice.GO_ON, Advice.PROMOTE, Advice.GO_ON, Advice.ROLL_BACK, Advice.ROLL_BACK]
    windows = [window(i + 1, stage=i // 2) for i in range(5)]
    hold = MarkView(12.0, "hold", "It waits for a person.")
    found = series(windows, [judgement(0.0, advice) for advice in advices], [hold])
    assert [(mark.kind, mark.seconds) for mark in found.marks] == [
        ("stage", 0.0),
        ("stage", 10.0),
        ("hold", 12.0),
        ("stage", 20.0),
        ("roll-back", 20.0),
    ]
    assert found.marks[0].words == "The canary gets 1 % of the traffic."
    assert found.marks[-1].words == "It says roll-back."


def test_the_view_tells_the_last_judgement_and_the_stage() -> None:
    windows = samples.windows_of(lasts=400.0)
    judgements = samples.judged(windows)
    view = view_of(samples.rollout(), windows, judgements, "It gets 25 % next.")
    assert (view.deployment, view.component, view.advice) == ("dep-7", "web", "go-on")
    assert view.verdict == judgements[-1].because and view.next == "It gets 25 % next."
    assert view.stage is not None
    assert (view.stage.number, view.stage.of, view.stage.weight, view.stage.soak) == (2, 4, 5.0, 600.0)
    assert view.stage.since == samples.START + 300.0
    assert [(term.metric, term.good is None) for term in view.terms] == [("errors", False), ("latency", True)]


def test_a_view_before_the_first_look_says_so() -> None:
    view = view_of(samples.rollout(), [], [])
    assert view.stage is None and view.terms == () and "Nothing has been judged" in view.verdict


def test_a_distrusted_count_is_told() -> None:
    view = view_of(samples.rollout(), [window(1)], [replace(judgement(0.0), trusted=False)])
    assert not view.trusted
