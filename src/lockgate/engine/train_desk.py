"""Trains: the desk where people make, start and abort them, and do the tasks in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lockgate.core.audit import Event
from lockgate.core.errors import Conflict, Denied, Fenced, Invalid, LockgateError, NotFound, Problem, StoreBusy
from lockgate.core.ids import Instant
from lockgate.core.people import NOBODY, Caller
from lockgate.core.release import Release
from lockgate.core.train import Item, OnFailure, StepState, Task, Train, TrainState, TrainStep, TrainWant
from lockgate.engine import logbook, naming
from lockgate.engine.assembly import NAME, NAME_FORM, Known, assembled
from lockgate.engine.promoter import Promoter
from lockgate.engine.train_views import hindrance, task_view, train_view
from lockgate.messages.trains import (
    AbortTrain,
    CreateTrain,
    FinishTask,
    RejectTask,
    StartTrain,
    StepDraft,
    TaskView,
    Tick,
    TrainView,
)
from lockgate.ports import Clock, Store

TRIES = 50
"""Times that a change is tried while others change the same train."""

LOOKED_AT = 2000
"""Trains, the newest, in which open tasks are looked for."""

EVENTS = 1000
"""Of the timeline, the last so many."""

Change = Callable[[Train, Instant], tuple[Train, Sequence[Event]]]


@dataclass(frozen=True, slots=True)
class TrainDesk:
    store: Store
    clock: Clock
    promoter: Promoter
    caller: Caller = NOBODY

    # --- looking ---

    def all(self, limit: int) -> tuple[TrainView, ...]:
        """Newest first, without their timelines."""
        return tuple(train_view(train, self.caller, self.clock.now()) for train in self.store.trains.all(limit))

    def show(self, name: str) -> TrainView:
        """With everything that has happened. Raises NotFound."""
        train = self.store.trains.get(name).train
        return train_view(train, self.caller, self.clock.now(), self.store.trains.timeline(name, EVENTS))

    def tasks(self) -> tuple[TaskView, ...]:
        """Of trains that have not ended: the caller's first, then what is to be done now."""
        now, trains = self.clock.now(), [train for train in self.store.trains.all(LOOKED_AT) if not train.ended]
        found = (task_view(train, step, self.caller, now) for train in trains for step in train.steps)
        open_ones = [view for view in found if view is not None and view.state in ("pending", "waiting")]
        return tuple(sorted(open_ones, key=lambda view: (not view.may, view.state != "waiting")))

    def task(self, train: str, step: str) -> TaskView:
        """Raises NotFound."""
        known = self.store.trains.get(train).train
        found = known.step(step)
        view = task_view(known, found, self.caller, self.clock.now()) if found else None
        if view is None:
            raise NotFound(f"The train {train} has no task {step[:100]!r}.", "See: lockgate task list")
        return view

    # --- making ---

    def create(self, request: CreateTrain) -> TrainView:
        """Raises NotFound, Conflict, and Invalid with everything that is wrong."""
        self.promoter.catalogue().get(request.environment)
        self._refuse_bad_words(request)
        releases = {n: self._release(draft) for n, draft in enumerate(request.steps) if draft.kind == "deploy"}
        steps = assembled(request.steps, Known(releases, self._assignees()))
        by, now = self.caller.speaking(request.actor), self.clock.now()
        train = Train(
            request.name,
            request.environment,
            steps,
            by.name,
            now,
            OnFailure(request.on_failure),
            request.reason,
        )
        told = ", then ".join(step.label or step.name for step in steps)
        event = logbook.event_of(train, "train.created", f"{train.name} to {train.environment}: {told}.", now)
        return train_view(self.store.trains.add(train, by.signed(event)), self.caller, now)

    def start(self, name: str, request: StartTrain) -> TrainView:
        """Raises Conflict when it has been started."""
        by = self.caller.speaking(request.actor)

        def started(train: Train, now: Instant) -> tuple[Train, Sequence[Event]]:
            if train.state is not TrainState.CREATED:
                raise Conflict(
                    f"The train {name} is {_words(train)}: it starts once.", f"See: lockgate train show {name}"
                )
            after = replace(
                train, state=TrainState.RUNNING, starter=by.name, personal=by.personal, started_at=now, because=""
            )
            words = f"{by.name or 'Somebody'} started {name}" + (f": {train.reason}" if train.reason else ".")
            return after, [by.signed(logbook.event_of(after, "train.started", words, now))]

        return self._changed(name, started)

    def abort(self, name: str, request: AbortTrain) -> TrainView:
        """What has not begun does not begin, deployments under way go back. Raises Conflict when it has ended."""
        by = self.caller.speaking(request.actor)

        def aborted(train: Train, now: Instant) -> tuple[Train, Sequence[Event]]:
            if train.ended:
                raise Conflict(f"The train {name} is {_words(train)}: there is nothing to abort.")
            if train.state is TrainState.ROLLING_BACK:
                raise Conflict(f"The train {name} is already being taken back.", "Let it finish.")
            words = f"{by.name or 'Somebody'} aborted it" + (f": {request.reason}" if request.reason else ".")
            want = TrainWant.ROLL_BACK if request.roll_back else TrainWant.ABORT
            after = replace(train, want=want, because=words)
            if train.state is TrainState.CREATED:
                after = replace(after, state=TrainState.ABORTED, ended_at=now)
            return after, [by.signed(logbook.event_of(after, "train.abort_asked", words, now))]

        return self._changed(name, aborted)

    # --- doing tasks ---

    def tick(self, train: str, step: str, request: Tick) -> TaskView:
        """Raises Denied, Conflict when it is not its turn, Invalid for an item that is not there."""

        def ticked(task: Task, now: Instant) -> tuple[Task, str]:
            if not 1 <= request.item <= len(task.items):
                mend = f"It has the items 1 to {len(task.items)}." if task.items else "It has no checklist."
                because = f"there is no item {request.item}."
                raise Invalid([Problem("request", None, "item", because, mend)])
            text = task.items[request.item - 1].text
            item = Item(text) if request.undo else Item(text, self.caller.name, now)
            items = (*task.items[: request.item - 1], item, *task.items[request.item :])
            done = "took the tick off" if request.undo else "ticked"
            return replace(task, items=items), f"{self.caller.name} {done} {request.item}: {text}"

        return self._did(train, step, "task.unticked" if request.undo else "task.ticked", ticked)

    def finish(self, train: str, step: str, request: FinishTask) -> TaskView:
        """Raises Denied, Conflict while something is not ticked or when it is not its turn."""

        def done(task: Task, now: Instant) -> tuple[Task, str]:
            left = task.left()
            if left:
                because = f"{train}/{step} is not done: nobody has ticked {'; '.join(left)}."
                raise Conflict(because, f"Tick each when it is done: lockgate task tick {train}/{step} NUMBER")
            comment = f": {request.comment}" if request.comment else "."
            return replace(task, by=self.caller.name, comment=request.comment), f"{self.caller.name} did it{comment}"

        return self._did(train, step, "task.done", done, StepState.SUCCEEDED)

    def reject(self, train: str, step: str, request: RejectTask) -> TaskView:
        """It cannot be done, so the train fails. Raises Denied, Conflict, Invalid without a reason."""

        def rejected(task: Task, now: Instant) -> tuple[Task, str]:
            if not request.reason.strip():
                because = "a rejection needs one."
                raise Invalid([Problem("request", None, "reason", because, "Say what must be different.")])
            known = replace(task, by=self.caller.name, comment=request.reason)
            return known, f"{self.caller.name} rejected it: {request.reason}"

        return self._did(train, step, "task.rejected", rejected, StepState.FAILED)

    # --- inside ---

    def _did(
        self,
        name: str,
        step: str,
        kind: str,
        change: Callable[[Task, Instant], tuple[Task, str]],
        end: StepState | None = None,
    ) -> TaskView:
        self.task(name, step)

        def changed(train: Train, now: Instant) -> tuple[Train, Sequence[Event]]:
            found = train.step(step)
            if found is None or found.task is None:
                raise NotFound(f"The train {name} has no task {step[:100]!r}.", "See: lockgate task list")
            self._demand(train, found)
            task, words = change(found.task, now)
            fresh = replace(found, task=task)
            if end is not None:
                fresh = replace(fresh, state=end, because=words, ended_at=now)
            after = replace(train, steps=tuple(fresh if one.name == step else one for one in train.steps))
            return after, [self.caller.signed(logbook.event_of(after, kind, f"{step}: {words}", now, fresh))]

        self._changed(name, changed)
        return self.task(name, step)

    def _demand(self, train: Train, step: TrainStep) -> None:
        why = hindrance(train, step, self.caller)
        if why and step.state is StepState.WAITING and train.state is TrainState.RUNNING:
            raise Denied(why)
        if why:
            raise Conflict(why)

    def _changed(self, name: str, change: Change) -> TrainView:
        """What was asked, on the train as it is when it is written. It is looked at again at once."""
        for _ in range(TRIES):
            booked, now = self.store.trains.get(name), self.clock.now()
            after, events = change(booked.train, now)
            due = None if after.ended else now
            try:
                self.store.trains.save(after, booked.version, due, events)
            except Fenced:
                continue
            return train_view(after, self.caller, now)
        raise StoreBusy(f"The train {name} changes all the time.", "Nothing was changed; try again.")

    def _refuse_bad_words(self, request: CreateTrain) -> None:
        problems = []
        if not NAME.fullmatch(request.name):
            problems.append(
                Problem("request", None, "name", f"{request.name[:60]!r} cannot be a train's name.", NAME_FORM)
            )
        if request.on_failure not in set(OnFailure):
            because = f"{request.on_failure[:40]!r} is nothing that can be done then."
            problems.append(Problem("request", None, "on_failure", because, "Write stop or roll_back_all."))
        if problems:
            raise Invalid(problems)

    def _release(self, draft: StepDraft) -> Release:
        return naming.find_release(self.store, draft.application, draft.release)

    def _assignees(self) -> frozenset[str]:
        people = {person.name for person in self.store.people.all()}
        try:
            return frozenset(people | set(self.promoter.catalogue().groups))
        except LockgateError:
            return frozenset(people)


def _words(train: Train) -> str:
    return train.state.value.replace("_", " ")
