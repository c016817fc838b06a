"""Windows: what lies between two looks is what happened between them, never less than nothing, and told from what only
looks like it."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.analysis.windows import Cut, Look, Totals, Youth, cut, increase, minute, together
from lockgate.core.ids import RevisionId
from lockgate.core.traffic import ALL, Sample
from lockgate.core.window import Minute, Ratio, Reading, Side
from lockgate.decoding import decoded

NOBODY = Youth()
C1, C2, B1, B2 = (f"127.0.0.1:{port}" for port in (9001, 9002, 9101, 9102))


def sample(
    requests: int = 0, errors: int = 0, *, endpoints: Mapping[str, Ratio] | None = None, epoch: str = "e", slow: int = 0
) -> Sample:
    latency = {100.0: requests - slow, math.inf: requests} if requests else {}
    return Sample(epoch, requests, {"2xx": requests - errors, "5xx": errors}, latency, endpoints or {})


def look(at: float, canary: Sample, baseline: Sample, ours: tuple[str, ...] = (C1,)) -> Look:
    return Look(at, Totals(canary, frozenset(), ours), Totals(baseline, frozenset(), (B1, B2)))


def quiet(at: float) -> Look:
    return look(at, sample(), sample())


def with_readings(one: Look, canary: Mapping[str, Reading], baseline: Mapping[str, Reading]) -> Look:
    return replace(one, canary=replace(one.canary, readings=canary), baseline=replace(one.baseline, readings=baseline))


counts = st.integers(0, 1000)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    good, bad, cut_off = draw(counts), draw(counts), draw(counts)
    slow = draw(st.integers(0, good))
    endpoints = {
        e: Ratio(draw(st.integers(0, 9)), draw(st.integers(9, 99))) for e in draw(st.sets(st.sampled_from([C1, C2])))
    }
    classes = {"2xx": good, "5xx": bad, "cut": cut_off}
    latency = {100.0: good - slow, math.inf: good} if draw(st.booleans()) else {}
    return Sample(draw(st.sampled_from(["e", "f"])), good + bad, classes, latency, endpoints)


@given(samples(), samples(), samples(), samples(), st.floats(0, 120), st.integers(0, ALL))
def test_whatever_was_counted_nothing_is_negative_and_no_more_is_wrong_than_there_was(
    c1: Sample, b1: Sample, c2: Sample, b2: Sample, age: float, weight: int
) -> None:
    found = cut(look(100, c1, b1, (C1, C2)), look(105, c2, b2, (C1, C2)), weight, Youth({C1: 100 - age}, 60))
    for side in (found.canary, found.baseline):
        assert 0 <= side.errors <= side.requests
        assert all(count >= 0 for count in side.latency.values())
    assert 0 <= found.weight <= ALL


def test_a_window_is_what_happened_between_two_looks() -> None:
    before = look(100, sample(100, 1), sample(900, 10))
    after = look(105, sample(160, 3, slow=10), sample(1500, 16, slow=20))
    found = cut(before, after, 1000, NOBODY)
    assert found == Cut(
        Side(60, 2, {100.0: 50, math.inf: 60}, instances=1),
        Side(600, 6, {100.0: 580, math.inf: 600}, instances=2),
        1000,
    )


def test_windows_side_by_side_are_as_one_long_window() -> None:
    looks = [look(100 + 5 * n, sample(50 * n, n), sample(400 * n, 3 * n)) for n in range(4)]
    parts = [cut(a, b, 500, NOBODY) for a, b in itertools.pairwise(looks)]
    whole = cut(looks[0], looks[-1], 500, NOBODY)
    assert whole.canary.requests == sum(part.canary.requests for part in parts) == 150
    assert whole.baseline.errors == sum(part.baseline.errors for part in parts) == 9


def test_answers_that_break_off_are_errors() -> None:
    broken = Sample("e", 10, {"2xx": 8, "5xx": 2, "cut": 3}, {})
    assert cut(quiet(1), look(2, broken, sample(9)), 1, NOBODY).canary == Side(10, 5, instances=1)


def test_an_answer_that_breaks_off_after_its_window_does_not_make_more_errors_than_requests() -> None:
    begun, broken = Sample("e", 1, {"2xx": 1}, {}), Sample("e", 1, {"2xx": 1, "cut": 1}, {})
    found = cut(look(1, begun, sample()), look(2, broken, sample()), 1, NOBODY)
    assert (found.canary.requests, found.canary.errors) == (0, 0)


@pytest.mark.parametrize("side", ["canary", "baseline"])
def test_a_router_that_has_started_again_is_told(side: str) -> None:
    after = look(105, sample(5), sample(5))
    after = replace(after, **{side: replace(getattr(after, side), sample=sample(500, epoch="another"))})
    found = cut(look(100, sample(5), sample(5)), after, 500, NOBODY)
    assert f"counts of the {side}" in found.excluded and "started again" in found.excluded
    assert (found.canary.requests, found.baseline.requests) == (0, 0)


def test_counters_that_went_back_are_told() -> None:
    for after in (sample(4), Sample("e", 5, {"2xx": 5}, {}), sample(5, endpoints={C1: Ratio(0, 1)})):
        before = sample(5, 1, endpoints={C1: Ratio(0, 2)})
        found = cut(look(1, before, sample()), look(2, after, sample()), 1, NOBODY)
        assert "went back" in found.excluded
    assert "back" in cut(look(1, sample(5), sample()), quiet(2), 1, NOBODY).excluded


def test_other_revisions_and_a_clock_that_stands_are_told() -> None:
    before, after = quiet(100), quiet(105)
    other = replace(after, baseline=replace(after.baseline, revisions=frozenset({RevisionId("b")})))
    assert "baseline" in cut(before, other, 1, NOBODY).excluded
    assert "clock" in cut(before, quiet(100), 1, NOBODY).excluded


def test_a_revision_that_nobody_had_asked_before_is_counted_from_nothing() -> None:
    first = together({RevisionId("old"): sample(9)}, [RevisionId("new")])
    assert first == Sample("e", 0, {}, {}, {})
    then = together({RevisionId("old"): sample(9), RevisionId("new"): sample(3, 1)}, [RevisionId("new")])
    assert cut(look(1, first, sample(9)), look(2, then, sample(9)), 1, NOBODY).canary.errors == 1
    assert together({}, [RevisionId("new")]).epoch == ""


def test_several_revisions_count_as_one_side() -> None:
    given_ = {RevisionId("a"): sample(10, 1, endpoints={C1: Ratio(1, 10)}), RevisionId("b"): sample(5)}
    both = together(given_, list(given_))
    assert (both.requests, both.errors, both.latency_ms[math.inf]) == (15, 1, 15)
    assert both.endpoints == {C1: Ratio(1, 10)}


# --- warming up ---


def warm(canary_bad: int) -> tuple[Look, Look]:
    """Ten requests each for two instances of the canary, one of them young; eighty for those of the baseline."""
    ours = (C1, C2)
    before = look(100, sample(endpoints={C1: Ratio(0, 0), C2: Ratio(0, 0)}), sample(), ours)
    canary = sample(20, canary_bad, endpoints={C1: Ratio(0, 10), C2: Ratio(canary_bad, 10)})
    baseline = sample(80, 1, endpoints={B1: Ratio(0, 40), B2: Ratio(1, 40)})
    return before, look(105, canary, baseline, ours)


def test_an_instance_that_warms_up_is_not_counted() -> None:
    before, after = warm(10)
    found = cut(before, after, 2000, Youth({C2: 60.0}, 60.0))
    assert not found.excluded
    assert found.canary == Side(10, 0, instances=2)
    assert found.baseline == Side(80, 1, instances=2)
    assert found.weight == round(ALL * 0.1 / 0.9)


def test_an_instance_is_warm_when_its_time_was_over_at_the_beginning() -> None:
    before, after = warm(10)
    found = cut(before, after, 2000, Youth({C2: 40.0}, 60.0))
    assert (found.canary.requests, found.canary.errors, found.weight) == (20, 10, 2000)
    assert found.canary.latency


def test_a_canary_that_warms_up_altogether_is_not_counted_but_shown() -> None:
    before, after = warm(10)
    found = cut(before, after, 2000, Youth({C1: 90.0, C2: 90.0}, 60.0))
    assert "Every instance of the canary" in found.excluded
    assert found.canary.requests == 20


def test_a_young_instance_that_joins_in_between_cannot_be_told() -> None:
    before, after = warm(0)
    alone = replace(before, canary=replace(before.canary, endpoints=(C1,)))
    assert "joined or left" in cut(alone, after, 2000, Youth({C2: 100.0}, 60.0)).excluded


def test_a_router_that_does_not_count_by_address_cannot_tell_them() -> None:
    before, after = look(100, sample(), sample(), (C1, C2)), look(105, sample(9), sample(9), (C1, C2))
    assert "does not tell" in cut(before, after, 2000, Youth({C2: 100.0}, 60.0)).excluded


def test_an_instance_that_warms_up_elsewhere_does_not_matter() -> None:
    before, after = warm(10)
    assert cut(before, after, 2000, Youth({"127.0.0.1:1": 100.0}, 60.0)).canary.requests == 20


# --- metrics ---


def readings(*totals: tuple[int, int] | None, at: float = 0.0) -> Reading:
    return Reading(at, {f"i{n}": Ratio(*one) for n, one in enumerate(totals) if one})


def test_a_metric_grows_by_what_each_who_counts_has_added() -> None:
    before, after = readings((1, 10), (5, 50), at=100), readings((2, 20), (5, 80), at=105)
    assert increase(before, after) == Ratio(1, 40)


def test_who_begins_again_counts_from_nothing_and_who_is_new_from_the_next_time() -> None:
    before = readings((7, 70), (5, 50), None, (1, 1), at=100)
    after = readings((1, 10), (5, 80), (100, 100), None, at=105)
    assert increase(before, after) == Ratio(1, 40)


def test_no_data_is_not_zero() -> None:
    assert increase(Reading(1), Reading(2)) is None
    assert increase(readings((1, 2), at=1), Reading(2)) is None
    assert increase(readings((1, 2), at=1), readings((1, 2), at=2)) == Ratio(0, 0)
    assert increase(readings((1, 2), at=2), readings((1, 2), at=2)) is None


def test_a_metric_is_in_a_window_when_both_sides_have_it() -> None:
    old = {"orders": readings((0, 0), at=100), "memory": Reading(100, value=4.0), "lost": readings((0, 0), at=100)}
    new = {"orders": readings((1, 9), at=105), "memory": Reading(105, value=5.0), "lost": Reading(105)}
    before, after = with_readings(quiet(100), old, old), with_readings(quiet(105), new, {**new, "extra": new["memory"]})
    found = cut(before, after, 1, NOBODY)
    assert found.canary.counts == found.baseline.counts == {"orders": Ratio(1, 9)}
    assert found.canary.gauges == {"memory": 5.0}
    alone = cut(before, with_readings(quiet(105), new, {}), 1, NOBODY)
    assert not (alone.canary.counts or alone.canary.gauges)


def test_metrics_leave_out_who_warms_up_where_they_tell_who_it_is() -> None:
    before, after = warm(0)
    told = [
        {"m": Reading(at, {C1: Ratio(n, 9 * n), C2: Ratio(5 * n, 9 * n)}, value=1.0)} for at, n in ((100, 1), (105, 2))
    ]
    theirs = [{"m": Reading(at, {B1: Ratio(0, n)}, value=1.0)} for at, n in ((100, 1), (105, 2))]
    untold = [{"m": Reading(at, {"": Ratio(n, 9 * n)})} for at, n in ((100, 1), (105, 2))]
    youth = Youth({C2: 90.0}, 60.0)
    found = cut(with_readings(before, told[0], theirs[0]), with_readings(after, told[1], theirs[1]), 2000, youth)
    assert (found.canary.counts, found.baseline.counts) == ({"m": Ratio(1, 9)}, {"m": Ratio(0, 1)})
    assert not (found.canary.gauges or found.canary.latency)
    found = cut(with_readings(before, untold[0], theirs[0]), with_readings(after, untold[1], theirs[1]), 2000, youth)
    assert not (found.canary.counts or found.baseline.counts)


# --- what is kept ---


def test_a_minute_says_what_each_instance_had() -> None:
    before = sample(10, endpoints={C1: Ratio(1, 10)})
    after = sample(35, 2, slow=5, endpoints={C1: Ratio(2, 20), C2: Ratio(1, 15), B1: Ratio(0, 0)})
    found = minute(before, after, 160.0)
    assert found == Minute(160.0, {C1: Ratio(1, 10), C2: Ratio(1, 15)}, {100.0: 20, math.inf: 25})
    assert minute(after, before, 160.0) is None
    assert minute(before, replace(after, epoch="f"), 160.0) is None


def test_a_look_survives_the_row() -> None:
    one = with_readings(warm(3)[1], {"m": readings((1, 2), at=5)}, {})
    assert decoded(msgspec.json.encode(one), Look) == one
