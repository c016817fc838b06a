"""Following a deployment: what stays, what is drawn over, and a server that goes away meanwhile."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.cli import watching
from lockgate.cli.main import main
from lockgate.cli.watching import Onlooker
from lockgate.client import Client
from lockgate.core.errors import Unavailable
from tests.cli import canned
from tests.cli.conftest import Run
from tests.cli.double import Double, Received, serving


def ends_after(double: Double, looks: int) -> None:
    """The deployment has ended, with one more event, at that look."""
    left = iter([canned.RUNNING] * looks)

    def look(_: Received) -> object:
        view = next(left, canned.SUCCEEDED)
        if view is canned.SUCCEEDED and canned.LAST_EVENT not in double.events:
            double.events.append(canned.LAST_EVENT)
        return view

    double.answers["GET", "/v1/deployments/dep-7"] = look


def test_every_event_is_told_once_and_the_last_one_too(run: Run, double: Double) -> None:
    ends_after(double, 3)
    ran = run("watch", "dep-7")
    assert ran.code == 0
    for event in (*canned.EVENTS, canned.LAST_EVENT):
        assert ran.out.count(event.because) == 1, event.because
    assert ran.out.splitlines()[-3:] == [
        "✔ catalogue 0.65.2 (#3) runs in staging after 12 s.",
        "  It answers at http://127.0.0.1:8082/",
        "  Next: lockgate promote --to prod",
    ]


def test_a_terminal_gets_a_picture_of_now_that_does_not_stay(
    run: Run, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(watching, "LOOK", 0.15)
    ends_after(double, 4)
    ran = run("watch", "dep-7")
    assert ran.code == 0
    assert "██████████··········" in ran.out
    assert "● web 0" in ran.out.replace("\x1b[32m", "").replace("\x1b[0m", "")
    erase_line = "\x1b[2K"
    assert erase_line in ran.out
    assert "██████████··········" not in ran.out.rpartition(erase_line)[2]
    assert "runs in staging" in ran.out.rpartition(erase_line)[2]


def test_no_color_is_honoured(run: Run, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    out = run("status").out
    assert "\x1b[3" not in out
    assert "● 0.65.2 (#3)" in out


def test_a_server_that_comes_back_is_seen_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is killed, and another one listens elsewhere with the same data folder."""
    codes: list[int] = []
    watcher = threading.Thread(target=lambda: codes.append(main(["watch", "dep-7"])))
    first = Double(answers={("GET", "/v1/deployments/dep-7"): canned.RUNNING})
    with serving(first, home):
        watcher.start()
        wait_until(lambda: any(one.path == "/v1/status" for one in first.received))
    onlooker_saw = len(first.received)
    second = Double(events=[*canned.EVENTS, canned.LAST_EVENT])
    wait_until(lambda: "server away" in read(capsys))
    with serving(second, home):
        watcher.join(timeout=20)
    assert codes == [0]
    assert onlooker_saw > 0
    told = read(capsys)
    assert told.count("server away") == 1
    assert told.count(canned.EVENTS[0].because) == 1
    assert "✔ catalogue 0.65.2 (#3) runs in staging" in told


_read: dict[int, str] = {}


def read(capsys: pytest.CaptureFixture[str]) -> str:
    """All that was printed in this test so far."""
    _read[id(capsys)] = _read.get(id(capsys), "") + capsys.readouterr().out
    return _read[id(capsys)]


def test_a_server_that_stays_away_ends_the_watching(
    double: Double, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    double.answers["GET", "/v1/deployments/dep-7"] = canned.RUNNING
    onlooker = Onlooker(Client.of(home), "dep-7")
    onlooker.look()
    onlooker.look()
    (home / "server.json").unlink()
    assert onlooker.look().away
    assert onlooker.look().news == ()
    monkeypatch.setattr(watching, "PATIENCE", -1.0)
    with pytest.raises(Unavailable, match="away for"):
        onlooker.look()


def test_an_interrupted_watch_says_that_the_deployment_goes_on(double: Double) -> None:
    double.answers["GET", "/v1/deployments/dep-7"] = canned.RUNNING
    words = [sys.executable, "-c", "import sys; from lockgate.cli.main import main; sys.exit(main())", "watch", "dep-7"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watcher:
        wait_until(lambda: sum(one.path == "/v1/status" for one in double.received) > 1)
        watcher.send_signal(signal.SIGINT)
        out, err = watcher.communicate(timeout=20)
    assert (watcher.returncode, err) == (130, "")
    assert out.endswith("dep-7 goes on. Look again with: lockgate watch dep-7\n")


def test_watching_what_is_not_there_is_refused_at_once(run: Run, double: Double) -> None:
    ran = run("watch", "dep-99")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: There is no /v1/deployments/dep-99.\n"


def test_the_verdict_does_not_need_what_comes_next(run: Run, double: Double) -> None:
    double.answers["GET", "/v1/environments"] = replace(canned.EXPLANATION)  # not understood
    ran = run("watch", "dep-7")
    assert ran.code == 0
    assert ran.out.endswith("runs in staging after 12 s.\n")


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it has not happened in time"
        time.sleep(0.02)
