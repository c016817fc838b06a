"""The load generator counts what fails: a check that cannot fail is no check."""

import json
import time
from pathlib import Path

import pytest

from lockgate.core.errors import Invalid
from lockgate.testing.load import Kind, Load, Mix, Report, main
from lockgate.testing.origin import Origin

FEW = {"keepalive": 1, "fresh": 1, "post": 1, "slow": 1, "stream": 1, "think": 0.02, "rate": 50.0}
QUICK = Mix(**FEW, slow_path="/slow?0.1", stream_path="/stream?0.3", timeout=0.5)


def load_on(origin: Origin, enough: int, mix: Mix = QUICK) -> Report:
    load = Load(f"http://{origin.address}", mix).start()
    deadline = time.monotonic() + 20
    try:
        while load.requests < enough and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        report = load.stop()
    assert report.requests >= enough
    return report


def only(kind: Kind, **more: object) -> Mix:
    return Mix(**{**dict.fromkeys(FEW, 0), "rate": 50.0, "think": 0.02, "timeout": 0.5, kind.value: 1, **more})  # type: ignore[arg-type]


def test_good_answers_are_counted_by_kind_and_none_fails() -> None:
    with Origin("good") as origin:
        report = load_on(origin, 60)
    assert report.failed == 0 and report.reasons == ()
    assert set(report.by_kind) == {kind.value for kind in Kind}
    assert sum(report.by_kind.values()) == report.requests == origin.served
    assert report.by_status == {"200": report.requests}
    assert set(report.latency_ms) == set(report.by_kind)
    assert report.latency_ms["slow"].p50 >= 100


@pytest.mark.parametrize(
    ("misbehaviour", "status", "because"),
    [
        ("status", 500, "status 500"),
        ("reset", None, "waiting for the answer"),
        ("short", 200, "cut off"),
        ("silent", None, "time is over"),
    ],
)
@pytest.mark.parametrize("kind", [Kind.KEEPALIVE, Kind.FRESH, Kind.POST])
def test_every_bad_answer_is_a_failure(kind: Kind, misbehaviour: str, status: int | None, because: str) -> None:
    with Origin("bad") as origin:
        origin.misbehave = misbehaviour
        report = load_on(origin, 2, only(kind, timeout=0.2))
    assert report.failed == report.requests >= 2
    assert {(failure.kind, failure.status) for failure in report.reasons} == {(kind.value, status)}
    assert all(because in failure.because for failure in report.reasons)


def test_a_stream_that_is_cut_is_a_failure() -> None:
    with Origin("cut") as origin:
        origin.misbehave = "cut"
        report = load_on(origin, 2, only(Kind.STREAM))
    assert report.failed == report.requests
    assert "cut off" in report.reasons[0].because


def test_a_server_that_is_gone_is_a_failure() -> None:
    with Origin("gone") as origin:
        mix = only(Kind.KEEPALIVE)
        load = Load(f"http://{origin.address}", mix).start()
        while not load.requests:
            time.sleep(0.01)
        assert load.failed == 0
        origin.stop()
        while not load.failed:
            time.sleep(0.01)
        report = load.stop()
    assert 0 < report.failed < report.requests


def test_one_failure_among_many_is_seen() -> None:
    with Origin("mostly") as origin:
        load = Load(f"http://{origin.address}", only(Kind.KEEPALIVE, rate=200.0)).start()
        while load.requests < 20:
            time.sleep(0.005)
        origin.misbehave = "status"
        while not load.failed:
            time.sleep(0.001)
        origin.misbehave = ""
        seen = load.requests
        while load.requests < seen + 20:
            time.sleep(0.005)
        report = load.stop()
    assert 1 <= report.failed <= 5
    assert report.by_status["500"] == report.failed == len(report.reasons)


def test_the_first_reasons_are_kept_and_no_more() -> None:
    with Origin("bad") as origin:
        origin.misbehave = "status"
        report = load_on(origin, 40, only(Kind.FRESH, rate=400.0))
    assert len(report.reasons) == 20 < report.failed


def test_the_rate_is_bounded() -> None:
    with Origin("bounded") as origin:
        began = time.monotonic()
        report = load_on(origin, 30, only(Kind.KEEPALIVE, rate=60.0))
        taken = time.monotonic() - began
    assert report.requests <= taken * 60 + 2


def test_an_expected_status_is_no_failure() -> None:
    with Origin("five hundred") as origin:
        origin.misbehave = "status"
        report = load_on(origin, 5, only(Kind.KEEPALIVE, expect=frozenset({500})))
    assert report.failed == 0


def test_the_command_writes_its_report_and_fails_when_requests_did(tmp_path: Path) -> None:
    words = ["--seconds", "0.5", "--out", str(tmp_path / "report.json"), "--slow", "0", "--stream", "0"]
    with Origin("commanded") as origin:
        assert main(["--url", f"http://{origin.address}", *words]) == 0
        assert json.loads((tmp_path / "report.json").read_text())["failed"] == 0
        origin.misbehave = "status"
        assert main(["--url", f"http://{origin.address}", *words]) == 1
    assert json.loads((tmp_path / "report.json").read_text())["reasons"][0]["status"] == 500


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid, match="http://host:port"):
        Load("ftp://example")
