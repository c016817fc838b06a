"""A command as a source of metrics."""

import json
import os
import shlex
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lockgate.core.canary import Metric, MetricKind
from lockgate.core.errors import ComponentMissing, Invalid, Unavailable
from lockgate.core.secret import Secret
from lockgate.core.window import Ratio, Reading
from lockgate.drivers.metrics.command import CommandMetrics
from lockgate.testing.contracts.metrics import MetricSourceContract, labels
from lockgate.testing.fakes import FakeMetrics
from lockgate.testing.waiting import wait_until


def secrets(environment: str, name: str) -> Secret:
    return Secret(f"{environment}-{name}")


@dataclass
class Site:
    """The command prints a file of the side."""

    folder: Path
    source: CommandMetrics = field(default_factory=lambda: CommandMetrics(secrets))

    def metric(self, kind: MetricKind) -> Metric:
        return metric(f"cat {self.folder}/{{side}}.json", kind)

    def say(self, side: str, **figures: float | None) -> None:
        told = {n: v if v - v == 0 else str(v) for n, v in figures.items() if v is not None}
        (self.folder / f"{side}.json").write_text(json.dumps(told))

    def silent(self, kind: MetricKind) -> Metric:
        return metric("sleep 1000", kind, timeout="0.2")

    def wrong(self) -> Metric:
        return Metric("orders", "command", MetricKind.GAUGE)

    def now(self) -> float:
        return time.time()


def metric(run: str, kind: MetricKind = MetricKind.COUNTER, **settings: str) -> Metric:
    return Metric("orders", "command", kind, {"run": run, **settings})


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def read(of: Metric, **more: str) -> Reading:
    return CommandMetrics(secrets).read(of, {**labels("canary"), **more}, 1.0)


class TestCommand(MetricSourceContract):
    @pytest.fixture
    def site(self, tmp_path: Path) -> Site:
        return Site(tmp_path)


def test_just_a_number_is_a_level() -> None:
    assert read(metric("echo 1.5", MetricKind.GAUGE)).value == 1.5
    each = read(metric(shlex.join(["echo", '{"value": {"a": 1.5, "b": 2.5}}']), MetricKind.GAUGE))
    assert (each.value, each.values) == (2.0, {"a": 1.5, "b": 2.5})
    wrong = read(metric(shlex.join(["echo", '{"value": {"a": 1.5, "b": null}}']), MetricKind.GAUGE))
    assert wrong.value is None and not wrong.values and " b " in wrong.because


def test_a_label_is_one_word_and_no_shell_sees_it() -> None:
    code = "import sys, json; print(json.dumps({'bad': 0, 'all': len(sys.argv)}))"
    run = python(code) + " {revision} '$HOME;x' *"
    assert read(metric(run), revision="a b; exit 3").totals == {"": Ratio(0, 4)}


def test_it_finds_labels_and_token_and_nothing_else_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    code = "import os, json; print(json.dumps({'value': sorted(os.environ) and len(os.listdir('.'))}))"
    assert read(metric(python(code), MetricKind.GAUGE)).value == 0
    code = """if True:
        import os
        assert os.environ["LOCKGATE_TOKEN"] == "prod-key" and os.environ["LOCKGATE_SIDE"] == "canary"
        assert "OURS" not in os.environ
        print(7)"""
    assert read(metric(python(code), MetricKind.GAUGE, token="key")).value == 7


def test_one_that_fails_is_told_in_its_own_words() -> None:
    with pytest.raises(Unavailable, match=r"orders.*ended with 3: out of order"):
        read(metric(python("import sys; print('out of order', file=sys.stderr); sys.exit(3)")))


def test_one_that_is_not_there_is_told() -> None:
    with pytest.raises(ComponentMissing, match="no-such-program"):
        read(metric("no-such-program --x"))
    with pytest.raises(ComponentMissing, match="/etc/passwd"):
        read(metric("/etc/passwd"))


@pytest.mark.parametrize("run", ["'open", "'' x"])
def test_words_that_are_no_command_are_refused(run: str) -> None:
    with pytest.raises((Invalid, ComponentMissing)):
        read(metric(run))


def test_one_that_prints_without_end_is_ended() -> None:
    with pytest.raises(Unavailable, match="prints more than"):
        read(metric("yes", timeout="60"))


def test_what_is_no_json_is_told() -> None:
    with pytest.raises(Unavailable, match="not JSON: hello"):
        read(metric("echo hello"))


@pytest.mark.parametrize("printed", ["null", "[1]", "true", "{}"])
def test_what_is_no_figure_is_no_data(printed: str) -> None:
    found = read(metric(shlex.join(["echo", printed]), MetricKind.GAUGE))
    assert found.value is None and found.because


def test_what_it_has_started_ends_with_it(tmp_path: Path) -> None:
    code = """if True:
        import subprocess, sys
        child = subprocess.Popen(["sleep", "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        open(sys.argv[1], "w").write(str(child.pid))
        print(1)"""
    assert read(metric(python(code) + f" {tmp_path}/pid", MetricKind.GAUGE)).value == 1
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z" and os.getpid() != pid


@dataclass
class FakeSite:
    source: FakeMetrics = field(default_factory=FakeMetrics)

    def metric(self, kind: MetricKind) -> Metric:
        return Metric("orders", "fake", kind)

    def now(self) -> float:
        return 5.0


def test_a_fake_says_what_it_was_told() -> None:
    site = FakeSite()
    site.source.told = {("orders", "canary"): Reading(1.0, value=2.0), ("orders", "baseline"): Unavailable("gone")}
    assert site.source.read(site.metric(MetricKind.GAUGE), labels("canary"), 5.0) == Reading(5.0, value=2.0)
    with pytest.raises(Unavailable):
        site.source.read(site.metric(MetricKind.GAUGE), labels("baseline"), 5.0)
    assert site.source.read(Metric("other", "fake", MetricKind.GAUGE), labels("canary"), 5.0).because
