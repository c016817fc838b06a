"""``requires`` and ``train.yaml``: read, or refused with the line and the way to mend it."""

import pytest

from lockgate.config.application_file import read_application
from lockgate.config.train_file import read_train
from lockgate.core.errors import Invalid
from lockgate.messages.trains import StepDraft

APPLICATION = "application: web\ncomponents: {web: {artifact: pypi:web, run: web}}\n"


def test_requirements_are_part_of_the_application() -> None:
    read = read_application(f'{APPLICATION}requires: {{api: ">=2.0 <3"}}\n')
    assert read.value.requires == {"api": ">=2.0 <3"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{api: "2.0"}', "lockgate.yaml:3: requires.api: '2.0' cannot be compared with"),
        ("{api: newest}", 'Write comparisons with dotted numbers, as ">=2.0 <3".'),
        ('{web: ">=2"}', "web would wait for itself"),
        ("[api]", "expected a table"),
    ],
)
def test_requirements_that_cannot_be_read(written: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_application(f"{APPLICATION}requires: {written}\n")
    assert said in str(refused.value)


def test_a_train_is_read() -> None:
    text = (
        "train: friday\nto: prod\non_failure: roll_back_all\nsteps:\n"
        "  - {task: announce, assignee: support, text: Tell., checklist: [mail], due: 2026-12-01 09:00 Europe/Berlin}\n"
        "  - {deploy: 'api@#3', after: [announce]}\n  - {hold: settle, for: 10m, after: [api]}\n  - {deploy: web}\n"
    )
    read = read_train(text).value
    assert (read.name, read.environment, read.on_failure) == ("friday", "prod", "roll_back_all")
    assert read.steps == (
        StepDraft("task", "announce", assignee="support", text="Tell.", checklist=("mail",), due=1796112000.0),
        StepDraft("deploy", "", ("announce",), "api", "#3"),
        StepDraft("hold", "settle", ("api",), seconds=600.0),
        StepDraft("deploy", "", (), "web", "latest"),
    )


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{}", "exactly one of deploy, task and hold; this is none"),
        ("{deploy: api, hold: x}", "this is deploy and hold"),
        ("{task: x}", "Add `assignee: NAME`"),
        ("{hold: x}", "Add `for: 10m`"),
        ("{deploy: api, assignee: bob}", "'assignee' belongs to a task, and this is a deploy"),
        ("{deploy: api, after: [nothing]}", "there is no step 'nothing'"),
        ("{task: x, assignee: bob, due: tomorrow}", "'tomorrow' is not a time"),
        ("{deploy: API}", "Write the application's name, @"),
        ("{deploy: api, release: 2}", "Write it behind the application"),
    ],
)
def test_a_step_that_cannot_be_read_is_told_with_its_line(step: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_train(f"train: friday\nto: prod\nsteps:\n  - {step}\n")
    assert said in str(refused.value) and "train.yaml:4" in str(refused.value)
