"""``lockgate.yaml``: what a team ships. Its form, and the checks that look across its fields."""

from collections.abc import Collection, Iterator, Sequence

from lockgate.config.cycles import cycles
from lockgate.config.document import lines_of, parse
from lockgate.config.form import (
    At,
    ByShape,
    Choice,
    Field,
    Form,
    Kind,
    Named,
    Read,
    Schema,
    Several,
    in_order,
    listing,
    nearest,
    read_form,
)
from lockgate.config.scalars import (
    FILE_NAME,
    HEADER_NAME,
    HEADER_VALUE,
    NAME,
    URL_PATH,
    VALUE_NAME,
    VARIABLE,
    JsonValue,
    Size,
    Text,
    Whole,
    duration,
    number,
    written,
)
from lockgate.config.words import (
    CHECK_PLACEHOLDERS,
    COMMAND,
    RUN_PLACEHOLDERS,
    ArtifactReference,
    placeholder_faults,
)
from lockgate.core import template
from lockgate.core.application import (
    Application,
    Check,
    CommandCheck,
    Component,
    Health,
    HttpCheck,
    Resources,
    Stop,
    Strategy,
    StrategyKind,
)
from lockgate.core.artifact import ArtifactKind, Reference
from lockgate.core.errors import Invalid, Problem

MAX_REPLICAS = 1000


def read_application(text: str, where: str = "lockgate.yaml") -> Read[Application]:
    """The application, with its lines. Raises :class:`Invalid` with every problem of the file, by line."""
    root = parse(text, where)
    at = At(root, where)
    application = read_form(APPLICATION, at)
    read = Read(application, where, lines_of(root))
    problems = [*at.noted, *_across(read)]
    if problems:
        raise Invalid(in_order(problems))
    return read


class Batch:
    """``2`` or ``25%``: kept as it is written."""

    def read(self, at: At) -> str:
        what = "a number of instances such as 2, or a share of the replicas such as 25%"
        text = written(at, what).text
        count = text.removesuffix("%")
        most = 100 if text.endswith("%") else MAX_REPLICAS
        if not (count.isascii() and count.isdigit() and len(count) < 6 and 1 <= int(count) <= most):
            raise at.expected(what, f"It is 1 to {MAX_REPLICAS}, or 1% to 100%.")
        return text

    def schema(self) -> Schema:
        share = {"type": "string", "pattern": "^[0-9]+%?$"}
        return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_REPLICAS}, share]}


class PathOfHealth:
    """The short form of health: only its path."""

    def read(self, at: At) -> Health:
        return Health(path=URL_PATH.read(at))

    def schema(self) -> Schema:
        return URL_PATH.schema()


# --- the forms ---

_HEALTH_FORM = Form(
    "health",
    Health,
    (
        Field("path", URL_PATH, "HTTP path that answers 2xx; without one, accepting connections is enough."),
        Field("passes", Whole("passes", 1, 20), "Good answers in a row until an instance is ready."),
        Field("timeout", duration("a timeout", 0.05, 300), "How long one answer may take."),
        Field("interval", duration("an interval", 0.1, 3600), "Time between checks once the instance is ready."),
        Field("start_within", duration("a time to start", 1, 3600), "From start to ready; later is a failed start."),
    ),
    hints={"port": "Health is asked of {port}, which Lockgate allots.", "url": "Write only its path, as `path`."},
)
HEALTH: Kind[Health] = ByShape("a path such as /health, or a table", scalar=PathOfHealth(), table=_HEALTH_FORM)

RESOURCES = Form(
    "resources",
    Resources,
    (
        Field("memory", Size("memory", 2**22, 2**44), "Most memory of one instance.", to="memory_bytes"),
        Field("cpu", number("cpu", "0.5", 0.01, 1024), "Most processor time of one instance, in cores."),
        Field("pids", Whole("pids", 1, 4_000_000), "Most processes and threads of one instance."),
        Field("open_files", Whole("open_files", 16, 1_000_000), "Most open files of one process."),
    ),
)

SIGNALS = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL")
STOP = Form(
    "stop",
    Stop,
    (
        Field("signal", Choice("a signal", {s: s for s in SIGNALS}), "Sent first, after the router has drained it."),
        Field("grace", duration("a grace period", 0, 3600), "From the signal to KILL of everything it started."),
    ),
)

COMPONENT = Form(
    "a component",
    Component,
    (
        Field("artifact", ArtifactReference(), "What runs: kind:name, such as pypi:datasette==0.65.5.",
              required=True, stand_in=Reference(ArtifactKind.FILE, "missing")),
        Field("run", COMMAND, "The command, as a line or a list of words; no shell reads it. {host}, {port}, {work}, "
              "{artifact}, {values.NAME} and {files.NAME} are filled in.", required=True, stand_in=()),
        Field("files", Named("a file", FILE_NAME, ArtifactReference(bare_path=True)),
              "Files put into the working folder: name there -> path or artifact."),
        Field("health", HEALTH, "When an instance is ready: a path, or a table."),
        Field("replicas", Whole("replicas", 1, MAX_REPLICAS), "Instances, where the environment says nothing else."),
        Field("env", Named("an environment variable", VARIABLE, Text()),
              "Environment variables; the same is filled in as in `run`."),
        Field("after", Several("components", NAME), "Components that are deployed before this one."),
        Field("path", URL_PATH, "Prefix of the request path that this component serves."),
        Field("resources", RESOURCES, "Limits of one instance, applied where the machine can."),
        Field("stop", STOP, "How an instance is ended."),
        Field("warm_up", Several("paths", URL_PATH), "Paths requested of each new instance before it gets traffic."),
    ),
    named="name",
    hints={
        "command": "Did you mean 'run'?", "cmd": "Did you mean 'run'?", "start": "Did you mean 'run'?",
        "image": "Did you mean 'artifact', such as oci:name@sha256:...?", "package": "Did you mean 'artifact'?",
        "environment": "Did you mean 'env'?", "depends_on": "Did you mean 'after'?", "needs": "Did you mean 'after'?",
        "instances": "Did you mean 'replicas'?", "healthcheck": "Did you mean 'health'?",
        "port": "Lockgate allots the port: write {port} in `run`, and the public address in environments.yaml.",
        "ports": "Lockgate allots the port: write {port} in `run`, and the public address in environments.yaml.",
        "values": "Defaults are written once, beside `components`.",
        "strategy": "It is written once, beside `components`.", "verify": "It is written once, beside `components`.",
    },
)  # fmt: skip

_DRAIN = Field("drain", duration("a time to drain", 0, 86400), "How long an instance may finish its requests.")
_TACTICS: dict[StrategyKind, tuple[Field, ...]] = {
    StrategyKind.BLUE_GREEN: (_DRAIN,),
    StrategyKind.ROLLING: (Field("batch", Batch(), "Instances replaced at a time: 2, or 25% of them."), _DRAIN),
    StrategyKind.RECREATE: (
        Field("hold", duration("a time to hold", 0, 3600), "How long a request waits while nothing runs."), _DRAIN,
    ),
}  # fmt: skip


def _tactic(kind: StrategyKind) -> Form[Strategy]:
    return Form(f"the strategy {kind.value}", _Settings(kind), _TACTICS[kind])


class _Settings:
    """Builds a strategy of one kind."""

    def __init__(self, kind: StrategyKind) -> None:
        self._kind = kind

    def __call__(self, **settings: object) -> Strategy:
        return Strategy(kind=self._kind, **settings)  # type: ignore[arg-type]  # the form gave each its type


STRATEGY: Choice[Strategy] = Choice(
    "a strategy",
    {kind.value: Strategy(kind) for kind in _TACTICS},
    {kind.value: _tactic(kind) for kind in _TACTICS},
    later=frozenset({"canary", "rolling-blue-green", "flag"}),
)


def _too_late(check: HttpCheck) -> Iterator[tuple[str, str, str]]:
    if check.within is not None and check.within > check.timeout:
        because = f"it is longer than the timeout ({check.timeout:g}s), which ends the request first."
        yield "within", because, "Make the timeout the longer one."


def _unfilled(check: CommandCheck) -> Iterator[tuple[str, str, str]]:
    for because, mend in placeholder_faults(check.run, CHECK_PLACEHOLDERS, None, ()):
        yield "run", because, mend


METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
JSON_PATH = Text("a path in the JSON answer", r"[^.]+(?:\.[^.]+)*", "Write names and numbers with dots, as rows.0.id.")
HTTP_CHECK = Form(
    "an http check",
    HttpCheck,
    (
        Field("path", URL_PATH, "What to request, such as /items.json.", required=True, stand_in="/"),
        Field("method", Choice("a method", {m: m for m in METHODS}), "How to request it."),
        Field("status", Whole("status", 100, 599), "What it must answer."),
        Field("headers", Named("a header", HEADER_NAME, HEADER_VALUE), "Headers sent."),
        Field("expect_headers", Named("a header", HEADER_NAME, HEADER_VALUE), "Headers the answer must have, exactly."),
        Field("json", Named("a path in the answer", JSON_PATH, JsonValue()), "Fields of a JSON answer: path -> value."),
        Field("contains", Text(), "Text the answer must hold."),
        Field("within", duration("a time", 0.001, 300), "How long the answer may take to count as good."),
        Field("timeout", duration("a timeout", 0.05, 300), "When to give up waiting for the answer."),
        Field("attempts", Whole("attempts", 1, 100), "Tries until it counts as failed."),
    ),
    hints={"url": "Write only its `path`: the address differs in each environment.", "code": "Did you mean 'status'?"},
    also=_too_late,
)
COMMAND_CHECK = Form(
    "a command check",
    CommandCheck,
    (
        Field("run", COMMAND, "A program that must end with 0; {url} and {values.NAME} are filled in.",
              required=True, stand_in=()),
        Field("timeout", duration("a timeout", 0.1, 86400), "When it is ended and counts as failed."),
    ),
    also=_unfilled,
)  # fmt: skip
CHECK: Choice[Check] = Choice("a check", {}, {"http": HTTP_CHECK, "command": COMMAND_CHECK})

APPLICATION = Form(
    "an application",
    Application,
    (
        Field("application", NAME, "Its name.", required=True, to="name", stand_in="unnamed"),
        Field("components", Named("a component", NAME, COMPONENT, least=1), "What is deployed, each by its name.",
              required=True, stand_in={}),
        Field("strategy", STRATEGY, "How a change is spread in time."),
        Field("verify", Several("checks", CHECK), "What must hold of the deployed application, or it is taken back."),
        Field("values", Named("a value", VALUE_NAME, Text()),
              "Defaults for {values.NAME}; an environment's own values win."),
    ),
    hints={
        "environments": "Environments are written in environments.yaml by those who run them; this file names none.",
        "environment": "Environments are written in environments.yaml by those who run them; this file names none.",
        "name": "Did you mean 'application'?", "services": "Did you mean 'components'?",
        "version": "The version is part of each component's artifact.",
    },
)  # fmt: skip


# --- across fields ---


def _across(read: Read[Application]) -> Iterator[Problem]:
    yield from _order_faults(read)
    yield from _path_faults(read)
    unclear = set()
    for component in read.value.components.values():
        faults = list(_command_faults(read, component))
        yield from faults
        yield from _variable_faults(read, component)
        if faults or not component.run:
            unclear.add(component.name)  # whether it takes requests is known once its command is mended
        else:
            yield from _traffic_faults(read, component)
    yield from _check_faults(read, unclear)


def _order_faults(read: Read[Application]) -> Iterator[Problem]:
    components = read.value.components
    written_names = _names_below(read, "components")
    for component in components.values():
        for index, name in enumerate(component.after):
            if name not in written_names:
                because = f"there is no component {name!r}; there are: {listing(written_names)}."
                mend = nearest(name, written_names) or "Remove it, or add the component."
                yield read.problem(f"components.{component.name}.after[{index}]", because, mend)
    for ring in cycles({c.name: c.after for c in components.values()}):
        because = f"components come after each other in a circle: {' -> '.join(ring)}."
        yield read.problem(f"components.{ring[0]}.after", because, "Remove one of these.")


def _names_below(read: Read[Application], path: str) -> list[str]:
    """Names written in a table, also of entries that could not be read. Names of components hold no dots."""
    inner = (field.removeprefix(f"{path}.") for field in read.lines if field.startswith(f"{path}."))
    return [name for name in inner if "." not in name and "[" not in name]


def _path_faults(read: Read[Application]) -> Iterator[Problem]:
    """Two components that would serve the same requests."""
    first: dict[str, str] = {}
    for component in read.value.components.values():
        if not component.takes_traffic:
            continue
        other = first.setdefault(component.path.rstrip("/"), component.name)
        if other != component.name:
            because = f"{component.name} and {other} both serve {component.path}."
            yield read.problem(f"components.{component.name}.path", because, "Give one of them another `path`.")


def _command_faults(read: Read[Application], component: Component) -> Iterator[Problem]:
    yield from _unfilled_at(read, component, "run", component.run)


def _variable_faults(read: Read[Application], component: Component) -> Iterator[Problem]:
    for name, text in component.env.items():
        yield from _unfilled_at(read, component, f"env.{name}", (text,))
        if component.run and not component.takes_traffic and template.mentions(text, "port"):
            because = "{port} is allotted only to a component whose `run` mentions it."
            mend = f"Write `env {name}={{port}} ...` in `run`, and remove this."
            yield read.problem(f"components.{component.name}.env.{name}", because, mend)


def _unfilled_at(read: Read[Application], component: Component, field: str, words: Sequence[str]) -> Iterator[Problem]:
    for because, mend in placeholder_faults(words, RUN_PLACEHOLDERS, component.files, read.value.values):
        yield read.problem(f"components.{component.name}.{field}", because, mend)


def _traffic_faults(read: Read[Application], component: Component) -> Iterator[Problem]:
    """Fields about requests, on a component that can get none."""
    if component.takes_traffic:
        return
    for field in ("health", "path", "warm_up"):
        path = f"components.{component.name}.{field}"
        if path in read.lines and (field != "health" or component.health.path):
            because = f"{component.name} takes no requests: its command does not mention {{port}}."
            yield read.problem(path, because, f"Let the command listen on {{host}}:{{port}}, or remove {field}.")


def _check_faults(read: Read[Application], unclear: Collection[str]) -> Iterator[Problem]:
    application = read.value
    asked = next((check.label() for check in application.verify if isinstance(check, HttpCheck)), "")
    if asked and not unclear and not any(c.takes_traffic for c in application.components.values()):
        mend = "Use command checks, or let a component listen on {host}:{port}."
        yield read.problem("verify", f"no component takes requests, so {asked} can ask none.", mend)
