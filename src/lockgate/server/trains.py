"""The calls of API v1 about trains and the tasks in them, and their rows of the table."""

from lockgate.messages.trains import AbortTrain, CreateTrain, FinishTask, RejectTask, StartTrain, Tick
from lockgate.server.endpoint import Answer, Call, Endpoint, Parameter


def create(call: Call) -> Answer:
    return Answer(call.operations.trains.create(call.read(CreateTrain)), 201)


def trains(call: Call) -> Answer:
    return Answer(call.operations.trains.all(call.query.number("limit")))


def train(call: Call) -> Answer:
    return Answer(call.operations.trains.show(call.path["name"]))


def start(call: Call) -> Answer:
    return Answer(call.operations.trains.start(call.path["name"], call.read(StartTrain)))


def abort(call: Call) -> Answer:
    return Answer(call.operations.trains.abort(call.path["name"], call.read(AbortTrain)))


def tasks(call: Call) -> Answer:
    return Answer(call.operations.trains.tasks())


def task(call: Call) -> Answer:
    return Answer(call.operations.trains.task(call.path["train"], call.path["step"]))


def tick(call: Call) -> Answer:
    return Answer(call.operations.trains.tick(call.path["train"], call.path["step"], call.read(Tick)))


def finish(call: Call) -> Answer:
    return Answer(call.operations.trains.finish(call.path["train"], call.path["step"], call.read(FinishTask)))


def reject(call: Call) -> Answer:
    return Answer(call.operations.trains.reject(call.path["train"], call.path["step"], call.read(RejectTask)))


_LIMIT = Parameter("limit", "At most so many.", int, 50, 1000)
_SIGNED_IN = "Only for people, with a token of their own: the assignee, or a member of that group."

TRAINS: tuple[Endpoint, ...] = (
    Endpoint(
        "POST",
        "/v1/trains",
        "Make a train: several releases and what people do in between. Nothing begins before it is started.",
        create,
        "TrainView",
        CreateTrain,
        statuses=(201,),
    ),
    Endpoint(
        "GET", "/v1/trains", "Trains, newest first, without their timelines.", trains, "[TrainView]", query=(_LIMIT,)
    ),
    Endpoint(
        "GET",
        "/v1/trains/{name}",
        "One train: each step with who, when, where, how long and why it waits; and everything that has happened.",
        train,
        "TrainView",
    ),
    Endpoint("POST", "/v1/trains/{name}/start", "Start a train, once.", start, "TrainView", StartTrain),
    Endpoint(
        "POST",
        "/v1/trains/{name}/abort",
        "Begin nothing more, end what is under way, and take back what is done if that is asked for.",
        abort,
        "TrainView",
        AbortTrain,
    ),
    Endpoint("GET", "/v1/tasks", "Tasks of trains that have not ended, the caller's first.", tasks, "[TaskView]"),
    Endpoint("GET", "/v1/tasks/{train}/{step}", "One task.", task, "TaskView"),
    Endpoint(
        "POST",
        "/v1/tasks/{train}/{step}/tick",
        f"Tick an item of its checklist, or take the tick off. {_SIGNED_IN}",
        tick,
        "TaskView",
        Tick,
    ),
    Endpoint(
        "POST",
        "/v1/tasks/{train}/{step}/done",
        f"It is done: every item is ticked. {_SIGNED_IN}",
        finish,
        "TaskView",
        FinishTask,
    ),
    Endpoint(
        "POST",
        "/v1/tasks/{train}/{step}/reject",
        f"It cannot be done, so the train fails. {_SIGNED_IN}",
        reject,
        "TaskView",
        RejectTask,
    ),
)
