"""The commands about trains and tasks, against a server of canned answers."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.cli.status import status_lines
from lockgate.cli.tasks import list_lines as task_list
from lockgate.cli.tasks import task_lines
from lockgate.cli.trains import list_lines, timeline_lines, train_lines
from lockgate.messages.trains import ItemView, StepView, TaskView, TrainView
from tests.cli import canned
from tests.cli.conftest import Run
from tests.cli.double import Double

NOW = 1_800_014_400.0
TASK = TaskView(
    "friday/announce", "friday", "announce", "prod", "waiting", "support has not done it yet.", "support", "Tell them.",
    (ItemView("mail", "alice", NOW - 60), ItemView("page")), NOW + 60, may=True,
)  # fmt: skip
TRAIN = TrainView(
    "friday", 1, "prod", "running", "announce: support has not done it yet.", "stop", "", "ann", NOW - 99, "alice",
    NOW - 90,
    steps=(
        StepView("announce", "task", "waiting", "prod", "support has not done it yet.", "support", began_at=NOW - 90,
                 took=90.0, task=TASK),
        StepView("api", "deploy", "pending", "prod", "It comes after announce.", "", ("announce",), "api",
                 release_label="api 2.0 (#1)"),
        StepView("settle", "hold", "succeeded", "prod", "Its time has passed.", "alice", began_at=NOW - 80,
                 ended_at=NOW - 70, took=10.0, seconds=10.0),
    ),
)  # fmt: skip


def words(lines) -> list[str]:  # type: ignore[no-untyped-def]
    return [one.words for one in lines]


def test_a_train_is_shown_with_who_when_how_long_and_why() -> None:
    told = words(train_lines(TRAIN, NOW))
    assert told[0] == "friday → prod  running" and "started by alice" in told[2]
    rows = [row.split() for row in told[5:]]
    assert rows[0][:8] == ["…", "announce", "task,", "1", "of", "2", "ticked", "support"]
    assert told[5].endswith("90 s  waiting: support has not done it yet.")
    assert told[6].endswith("pending: It comes after announce.") and "api 2.0 (#1)" in told[6]
    assert "hold for 10 s" in told[7]


def test_a_timeline_and_the_lists() -> None:
    event = replace(canned.EVENTS[0], kind="task.done", at=NOW)
    assert "task.done" in words(timeline_lines((event,)))[2]
    assert words(list_lines(())) == [
        "There are no trains. Make one with: lockgate train create NAME --to ENV api@latest web@latest"
    ]
    assert words(list_lines((TRAIN,)))[1].split()[:6] == ["friday", "prod", "running", "1", "of", "3"]
    assert words(task_list(())) == ["Nothing is left for anybody to do."]
    assert words(task_list((TASK,)))[1].split()[:4] == ["friday/announce", "prod", "support", "yes"]


def test_a_task_is_shown_with_its_checklist_and_what_comes_next() -> None:
    told = words(task_lines(TASK, NOW))
    assert told[0] == "friday/announce in prod  … waiting"
    assert "  ✔ 1. mail  alice, 60 s ago" in told and "  · 2. page" in told
    assert told[-1] == "  Next: lockgate task tick friday/announce NUMBER"


def test_a_train_of_words_is_asked_for(run: Run, double: Double) -> None:
    double.answers[("POST", "/v1/trains")] = TRAIN
    double.answers[("POST", "/v1/trains/friday/start")] = TRAIN
    done = run(
        "train", "create", "friday", "--to", "prod", "api@2.0", "web", "--on-failure", "roll_back_all", "--start"
    )
    assert done.code == 0, done.err
    made = next(one for one in double.received if one.path == "/v1/trains").body
    assert (made["name"], made["environment"], made["on_failure"]) == ("friday", "prod", "roll_back_all")
    assert [(s["kind"], s["application"], s["release"]) for s in made["steps"]] == [
        ("deploy", "api", "2.0"), ("deploy", "web", "latest")
    ]  # fmt: skip
    assert double.last().path == "/v1/trains/friday/start"


def test_a_train_of_a_file_is_asked_for_or_its_faults_told(run: Run, double: Double, tmp_path: Path) -> None:
    double.answers[("POST", "/v1/trains")] = TRAIN
    file = tmp_path / "train.yaml"
    file.write_text("train: friday\nto: prod\nsteps: [{task: announce, assignee: support}]\n")
    assert run("train", "create", "--file", str(file), "--to", "dev", "--json").code == 0
    assert (double.last().body["name"], double.last().body["environment"]) == ("friday", "dev")
    file.write_text("train: friday\nto: prod\nsteps: [{task: announce}]\n")
    bad = run("train", "create", "--file", str(file))
    assert bad.code == 2 and "train.yaml:3" in bad.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("api@2", "--to", "prod"), "a train has a name"),
        (("friday", "api@2"), "it is not said where the train goes"),
        (("--file", "nothing.yaml"), "nothing.yaml cannot be read"),
    ],
)
def test_what_is_missing_is_told(run: Run, words: tuple[str, ...], said: str) -> None:
    done = run("train", "create", *words)
    assert done.code == 2 and said in done.err


def test_tasks_are_ticked_done_and_rejected(run: Run, double: Double) -> None:
    for what in ("tick", "done", "reject"):
        double.answers[("POST", f"/v1/tasks/friday/announce/{what}")] = TASK
    double.answers[("GET", "/v1/tasks/friday/announce")] = TASK
    assert run("task", "tick", "friday/announce", "2", "--undo").code == 0
    assert (double.last().body["item"], double.last().body["undo"]) == (2, True)
    assert run("task", "done", "friday/announce", "--comment", "sent").code == 0
    assert double.last().body["comment"] == "sent"
    assert run("task", "reject", "friday/announce", "--reason", "away").code == 0
    shown = run("task", "show", "friday/announce", "--json")
    assert json.loads(shown.out)["id"] == "friday/announce"


def test_status_tells_of_which_train_a_deployment_is() -> None:
    rows = tuple(
        replace(row, under_way=replace(row.under_way, train="friday")) if row.under_way else row
        for row in canned.STATUS.rows
    )
    told = words(status_lines(replace(canned.STATUS, rows=rows), None))
    assert any(line.endswith("running for 12 s, of the train friday") for line in told)
    assert any(line.endswith("of the train friday, 1 more waiting") for line in told)
    assert not any("train" in line for line in words(status_lines(canned.STATUS, None)))
