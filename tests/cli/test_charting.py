"""A canary's evidence on the command line: on a terminal, in a file, and of what is no canary."""

import io
import sys

import pytest

from lockgate.cli import watching
from lockgate.cli.charting import evidence_lines, speaks_unicode
from lockgate.messages import Fault
from tests.charts import samples
from tests.cli import canned
from tests.cli.conftest import Run
from tests.cli.double import Double, Received
from tests.cli.test_watching import ends_after

ANALYSIS = ("GET", "/v1/deployments/dep-7/analysis")

BRAILLE = {chr(code) for code in range(0x2801, 0x2900)}


def test_explain_tells_the_evidence_in_a_file_in_ascii(run: Run, double: Double) -> None:
    view = samples.bad()
    double.answers[ANALYSIS] = view
    ran = run("explain", "dep-7")
    told = ran.out.partition("What users get from it\n")[2].partition("\nGates\n")[0]
    assert ran.code == 0 and view.verdict in told and view.next in told
    assert "Evidence that the canary is worse" in told and "canary 1.91 %" in told
    assert told.isascii() and "\x1b" not in told


@pytest.mark.parametrize("no_color", [False, True])
def test_explain_draws_on_a_terminal(run: Run, double: Double, monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "90")
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    double.answers[ANALYSIS] = samples.bad()
    out = run("explain", "dep-7").out
    assert set(out) & BRAILLE
    assert ("\x1b[33m" in out) is not no_color


def test_what_is_no_canary_is_explained_as_before(run: Run, double: Double) -> None:
    without = run("explain", "dep-7").out
    assert "What users get" not in without and double.received[-1].path.endswith("/analysis")
    double.answers[ANALYSIS] = Fault("Not found", 404, "dep-7 is no canary.", "not-found")
    assert run("explain", "dep-7").out == without


def test_explain_for_a_program_asks_for_no_evidence(run: Run, double: Double) -> None:
    double.answers[ANALYSIS] = samples.bad()
    assert run("explain", "dep-7", "--json").code == 0
    assert not any(one.path.endswith("/analysis") for one in double.received)


def test_watching_on_a_terminal_draws_the_evidence_anew(
    run: Run, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "50")
    monkeypatch.setattr(watching, "LOOK", 0.15)
    monkeypatch.setattr(watching, "MEASURED", 0.0)
    found = iter([samples.one(), samples.slow(), samples.good()])
    last = samples.bad()
    double.answers[ANALYSIS] = lambda _: next(found, last)
    ends_after(double, 8)
    out = run("watch", "dep-7").out
    assert samples.one().verdict in out and last.verdict in out
    assert "Evidence that the canary is worse" in out and set(out) & BRAILLE
    assert not set(out.rpartition("\x1b[2K")[2]) & BRAILLE


def test_watching_into_a_file_asks_for_no_evidence_and_prints_the_timeline_alone(run: Run, double: Double) -> None:
    double.answers[ANALYSIS] = samples.bad()
    ends_after(double, 3)
    out = run("watch", "dep-7").out
    assert not any(one.path.endswith("/analysis") for one in double.received)
    assert "Evidence" not in out and not set(out) & BRAILLE


def test_a_server_that_refuses_the_evidence_does_not_end_the_watching(
    run: Run, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(watching, "LOOK", 0.05)

    def broken(_: Received) -> object:
        return Fault("Internal", 500, "Lockgate itself failed.", "internal")

    double.answers[ANALYSIS] = broken
    ends_after(double, 3)
    assert run("watch", "dep-7").code == 0


def test_the_evidence_is_asked_for_every_so_often_and_not_at_each_look(double: Double, run: Run) -> None:
    onlooker = watching.Onlooker(watching.Client(), "dep-7", pictured=True)
    double.answers["GET", "/v1/deployments/dep-7"] = canned.RUNNING
    double.answers[ANALYSIS] = samples.one()
    for _ in range(5):
        sight = onlooker.look()
    assert sight.analysis is not None
    assert sum(one.path.endswith("/analysis") for one in double.received) == 1


@pytest.mark.parametrize(
    ("encoding", "forced", "unicode"), [("utf-8", "1", True), ("ascii", "1", False), ("utf-8", "", False)]
)
def test_only_a_terminal_of_unicode_gets_more_than_ascii(
    monkeypatch: pytest.MonkeyPatch, encoding: str, forced: str, unicode: bool
) -> None:
    monkeypatch.setenv("FORCE_COLOR", forced)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert speaks_unicode() is unicode


def test_charts_that_would_be_too_low_are_left_out() -> None:
    view = samples.bad()
    lines = [one.words for one in evidence_lines(view, 80, unicode=False, rows=2)]
    assert lines == [f"  {view.verdict}", f"  {view.next}"]
