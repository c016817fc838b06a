"""``train.yaml``: the steps of a train. Its form; what the server knows of releases and people is asked there."""

from collections.abc import Iterator
from dataclasses import dataclass

from lockgate.config.document import lines_of, parse
from lockgate.config.form import At, Choice, Field, Form, Read, Several, in_order, read_form
from lockgate.config.scalars import NAME, Text, duration
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import Instant
from lockgate.core.moment import instant_of
from lockgate.core.train import OnFailure
from lockgate.messages.trains import CreateTrain, StepDraft

_MARKS = {"deploy": "deploy", "task": "task", "hold": "hold"}


@dataclass(frozen=True, slots=True)
class WrittenStep:
    """One step as it stands in the file. Exactly one of ``deploy``, ``task`` and ``hold`` is written."""

    deploy: str = ""
    task: str = ""
    hold: str = ""
    name: str = ""
    after: tuple[str, ...] = ()
    assignee: str = ""
    text: str = ""
    checklist: tuple[str, ...] = ()
    due: Instant | None = None
    seconds: float = 0.0

    def draft(self) -> StepDraft:
        if self.deploy:
            application, _, release = self.deploy.partition("@")
            return StepDraft("deploy", self.name, self.after, application, release or "latest")
        if self.task:
            told = {"text": self.text or self.task, "checklist": self.checklist, "due": self.due}
            return StepDraft("task", self.task, self.after, assignee=self.assignee, **told)  # type: ignore[arg-type]
        return StepDraft("hold", self.hold, self.after, seconds=self.seconds)


class Moment:
    """``2026-12-01 09:00 Europe/Berlin``"""

    def read(self, at: At) -> Instant:
        text = Text("a time with its zone").read(at)
        try:
            return instant_of(text, at.where, at.path)
        except Invalid as fault:
            raise at.refused(fault.problems[0].because, fault.problems[0].mend) from fault

    def schema(self) -> dict[str, object]:
        return {"type": "string"}


def _kinds(step: WrittenStep) -> Iterator[tuple[str, str, str]]:
    given = [name for name in _MARKS if getattr(step, name)]
    if len(given) != 1:
        told = " and ".join(given) or "none"
        mend = "Write `deploy: api@2.0`, `task: announce` or `hold: soak`."
        yield (given[-1] if given else ""), f"a step is exactly one of deploy, task and hold; this is {told}.", mend
        return
    (kind,) = given
    theirs = {"deploy": {"name"}, "task": {"assignee", "text", "checklist", "due"}, "hold": {"seconds"}}
    for other, fields in theirs.items():
        for field in fields if other != kind else ():
            if getattr(step, field):
                shown = "for" if field == "seconds" else field
                yield shown, f"{shown!r} belongs to a {other}, and this is a {kind}.", "Remove it."
    if kind == "task" and not step.assignee:
        yield "task", "a task needs somebody who does it.", "Add `assignee: NAME`, a person or a group."
    if kind == "hold" and not step.seconds:
        yield "hold", "a hold needs its length.", "Add `for: 10m`."


RELEASE = Text(
    "an application and its release, as api@2.0",
    r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?(?:@\S{1,200})?",
    "Write the application's name, @, and a version, #3, an id or latest.",
)
STEP = Form(
    "a step",
    WrittenStep,
    (
        Field("deploy", RELEASE, "An application and its release: api@2.0, api@#3, api@latest."),
        Field("task", NAME, "Something a person does, by a name of its own."),
        Field("hold", NAME, "A pause, by a name of its own; `for` says how long."),
        Field("name", NAME, "Of a deployment, where the application's name is not wanted."),
        Field("after", Several("steps", NAME), "Steps that must have succeeded before it begins."),
        Field("assignee", Text("a person or a group", r"[A-Za-z0-9._-]{1,64}"), "Who does the task: a person, or a "
              "group of which anybody may."),
        Field("text", Text(), "What is to be done, as a sentence."),
        Field("checklist", Several("items", Text("an item", empty=False)), "What is ticked, one by one."),
        Field("due", Moment(), "When it should be done: 2026-12-01 09:00 Europe/Berlin."),
        Field("for", duration("a time to hold", 0.1, 30 * 86400), "How long it holds: 10m, 2h.", to="seconds"),
    ),
    hints={"release": "Write it behind the application: `deploy: api@2.0`.", "requires": "Did you mean 'after'?"},
    also=_kinds,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WrittenTrain:
    name: str
    environment: str
    steps: tuple[WrittenStep, ...]
    on_failure: OnFailure = OnFailure.STOP
    reason: str = ""


TRAIN = Form(
    "a train",
    WrittenTrain,
    (
        Field("train", NAME, "Its name.", required=True, to="name", stand_in="unnamed"),
        Field("to", NAME, "The environment that everything goes to.", required=True, to="environment",
              stand_in="unnamed"),
        Field("steps", Several("steps", STEP, least=1), "What is done. A step without `after` begins at once, or as "
              "soon as what its release requires is there.", required=True, stand_in=()),
        Field("on_failure", Choice("what is done then", {one.value: one for one in OnFailure}),
              "When a step fails: stop, or take back what was deployed."),
        Field("reason", Text(), "Why; kept in the audit log."),
    ),
    hints={"environment": "Did you mean 'to'?", "name": "Did you mean 'train'?"},
)  # fmt: skip


def read_train(text: str, where: str = "train.yaml") -> Read[CreateTrain]:
    """Raises :class:`Invalid` with every problem of the file, by line."""
    root = parse(text, where)
    at = At(root, where)
    train = read_form(TRAIN, at)
    request = CreateTrain(
        train.name,
        train.environment,
        tuple(step.draft() for step in train.steps),
        train.on_failure.value,
        train.reason,
    )
    read = Read(request, where, lines_of(root))
    problems = [*at.noted, *(_of_after(read) if not at.noted else ())]
    if problems:
        raise Invalid(in_order(problems))
    return read


def _of_after(read: Read[CreateTrain]) -> Iterator[Problem]:
    names = [draft.name or draft.application for draft in read.value.steps]
    for number, draft in enumerate(read.value.steps):
        for index, name in enumerate(draft.after):
            if name not in names:
                because = f"there is no step {name!r}."
                yield read.problem(f"steps[{number}].after[{index}]", because, f"There are: {', '.join(names)}.")
