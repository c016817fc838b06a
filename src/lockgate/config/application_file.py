"""``lockgate.yaml``: what a team ships. Its form, and the checks that look across its fields."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lockgate.config.container import CONTAINER
from lockgate.config.cycles import cycles
from lockgate.config.document import lines_of, parse
from lockgate.config.expansion import Expansion, MadeFrom
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
from lockgate.config.library import Library, library
from lockgate.config.requirements import REQUIRES, requirement_faults
from lockgate.config.scalars import (
    FILE_NAME,
    HEADER_NAME,
    HEADER_VALUE,
    NAME,
    SECRET_NAME,
    URL_PATH,
    VALUE_NAME,
    VARIABLE,
    JsonValue,
    Size,
    Text,
    Whole,
    duration,
    number,
)
from lockgate.config.strategy import MAX_REPLICAS, STRATEGY
from lockgate.config.words import (
    CHECK_PLACEHOLDERS,
    COMMAND,
    RUN_PLACEHOLDERS,
    ArtifactReference,
    Names,
    placeholder_faults,
)
from lockgate.core.application import (
    Application,
    Check,
    CommandCheck,
    Component,
    Health,
    HttpCheck,
    Resources,
    Stop,
)
from lockgate.core.artifact import ArtifactKind, Reference
from lockgate.core.errors import Invalid, Problem


def read_application(text: str, where: str = "lockgate.yaml", templates: Library | None = None) -> Read[Application]:
    """The application, with its lines. ``templates``: those it may use; None: those that are shipped. Raises
    :class:`Invalid` with every problem of the file, by line."""
    expansion = Expansion(where, templates or Library())
    root = expansion.of(parse(text, where))
    at = At(root, where)
    application = replace(read_form(APPLICATION, at), templates=expansion.used)
    read = Read(application, where, lines_of(root))
    found = [*at.noted, *_across(read, [problem.field for problem in at.noted])]
    problems = [*expansion.problems, *(problem for problem in found if problem.field not in expansion.failed)]
    if problems:
        raise Invalid(in_order(problems))
    return read


def reader(operators: Path) -> Callable[[str, str, Path], Application]:
    """Of applications' files (text, name, folder), with the templates that lie beside them and at the operators'."""

    def read(text: str, where: str, folder: Path) -> Application:
        shelves = library(("the environments' owners", operators), ("the application's team", folder))
        return read_application(text, where, shelves).value

    return read


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

_PORT = (
    "Lockgate allots the port: write {port} in `run` or `env`, or `container: {port: 8080}` for an image with a fixed "
    "one. The public address is in environments.yaml."
)
_UNREAD = Reference(ArtifactKind.FILE, "missing")
"""Stands for an artifact that could not be read."""

COMPONENT = Form(
    "a component",
    Component,
    (
        Field("artifact", ArtifactReference(), "What runs: kind:name, such as pypi:datasette==0.65.5.",
              required=True, stand_in=_UNREAD),
        Field("run", COMMAND, "The command, as a line or a list of words; no shell reads it. {host}, {port}, {work}, "
              "{artifact}, {values.NAME}, {files.NAME} and {secrets.NAME} are filled in. Of an image: the arguments "
              "of its entry point; without it, the image's own command."),
        Field("files", Named("a file", FILE_NAME, ArtifactReference(bare_path=True)),
              "Files put into the working folder: name there -> path or artifact."),
        Field("health", HEALTH, "When an instance is ready: a path, or a table."),
        Field("replicas", Whole("replicas", 1, MAX_REPLICAS), "Instances, where the environment says nothing else."),
        Field("env", Named("an environment variable", VARIABLE, Text()),
              "Environment variables; the same is filled in as in `run`."),
        Field("secrets", Several("names", SECRET_NAME),
              "Names of the environment's secrets that an instance may read, each in a file: {secrets.NAME}."),
        Field("after", Several("components", NAME), "Components that are deployed before this one."),
        Field("path", URL_PATH, "Prefix of the request path that this component serves."),
        Field("resources", RESOURCES, "Limits of one instance, applied where the machine can."),
        Field("stop", STOP, "How an instance is ended."),
        Field("warm_up", Several("paths", URL_PATH), "Paths requested of each new instance before it gets traffic."),
        Field("container", CONTAINER, "How an image runs; only where the artifact is one."),
        Field("needs", Several("capabilities", NAME), "What an environment must be able to do: gpu, internet, ..."),
    ),
    named="name",
    hints={
        "command": "Did you mean 'run'?", "cmd": "Did you mean 'run'?", "start": "Did you mean 'run'?",
        "image": "Write it as `artifact: oci:registry/name:tag`.", "package": "Did you mean 'artifact'?",
        "build": "Images are built before a release is made; write `artifact: oci:registry/name:tag`.",
        "environment": "Did you mean 'env'?", "depends_on": "Did you mean 'after'?",
        "requires": "Did you mean 'needs', or 'after'? Other applications are required beside `components`.",
        "instances": "Did you mean 'replicas'?", "healthcheck": "Did you mean 'health'?",
        "port": _PORT, "ports": _PORT, "expose": _PORT,
        "volumes": "Write `container: {mounts: {/folder/inside: /srv/data}}`, or `files` for single files.",
        "env_file": "Write what it holds under `env`; what differs between environments under their `values`.",
        "networks": "It is the environment's: `target: {docker: {network: ...}}` in environments.yaml.",
        "network_mode": "It is the environment's: `target: {docker: {network: ...}}` in environments.yaml.",
        **{name: f"Write it inside `container`, as `container: {{{name}: ...}}`."
           for name in ("entrypoint", "user", "read_only", "capabilities", "gain_privileges", "mounts", "scratch")},
        "cap_add": "Write all that are needed as `container: {capabilities: [...]}`.",
        "cap_drop": "Write those that are left as `container: {capabilities: [...]}`; none: `[]`.",
        "privileged": "Name the capabilities that are needed: `container: {capabilities: [...]}`.",
        "tmpfs": "Write `container: {scratch: [...]}`.",
        "stop_signal": "Write `stop: {signal: ...}`.", "stop_grace_period": "Write `stop: {grace: ...}`.",
        "restart": "An instance that ends is started again.",
        "deploy": "Write `replicas` and `resources` themselves.",
        "values": "Defaults are written once, beside `components`.",
        "strategy": "It is written once, beside `components`.", "verify": "It is written once, beside `components`.",
    },
)  # fmt: skip


def _too_late(check: HttpCheck) -> Iterator[tuple[str, str, str]]:
    if check.within is not None and check.within > check.timeout:
        because = f"it is longer than the timeout ({check.timeout:g}s), which ends the request first."
        yield "within", because, "Make the timeout the longer one."


def _unfilled(check: CommandCheck) -> Iterator[tuple[str, str, str]]:
    for because, mend in placeholder_faults(check.run, Names(CHECK_PLACEHOLDERS)):
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
        Field("components", Named("a component", NAME, MadeFrom(COMPONENT), least=1),
              "What is deployed, each by its name.", required=True, stand_in={}),
        Field("strategy", STRATEGY, "How a change is spread in time."),
        Field("verify", Several("checks", MadeFrom(CHECK)),
              "What must hold of the deployed application, or it is taken back."),
        Field("values", Named("a value", VALUE_NAME, Text()),
              "Defaults for {values.NAME}; an environment's own values win."),
        Field("requires", REQUIRES, "Applications that must run in the same environment, each with a range of "
              "versions."),
    ),
    hints={
        "environments": "Environments are written in environments.yaml by those who run them; this file names none.",
        "environment": "Environments are written in environments.yaml by those who run them; this file names none.",
        "name": "Did you mean 'application'?", "services": "Did you mean 'components'?",
        "version": "The version is part of each component's artifact.",
    },
)  # fmt: skip


# --- across fields ---


def _across(read: Read[Application], noted: Iterable[str]) -> Iterator[Problem]:
    """``noted``: fields that have faults of their own."""
    yield from _order_faults(read)
    yield from _path_faults(read)
    unclear = set()
    for component in read.value.components.values():
        faults = [*_kind_faults(read, component), *_placeholder_faults(read, component)]
        yield from faults
        if _is_unclear(component, (*noted, *(fault.field for fault in faults))):
            unclear.add(component.name)
        else:
            yield from _traffic_faults(read, component)
    yield from _check_faults(read, unclear)
    yield from requirement_faults(read)


def _is_unclear(component: Component, faulty: Iterable[str]) -> bool:
    """Whether it takes requests is known once these are mended."""
    telling = rf"components\.{component.name}(\.(artifact|run|env|container|ports?|image|command)\b.*)?"
    return any(re.fullmatch(telling, field, re.DOTALL) for field in faulty)


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


def _kind_faults(read: Read[Application], component: Component) -> Iterator[Problem]:
    """What an image needs and others do not, and the other way round."""
    path = f"components.{component.name}"
    kind = component.artifact.kind
    if kind is ArtifactKind.OCI or (component.artifact == _UNREAD and f"{path}.artifact" in read.lines):
        return
    if f"{path}.run" not in read.lines:
        mend = (
            "Add a line `run: ...`: the command, such as `web --host {host} --port {port}`. Only an image has its own."
        )
        yield read.problem(path, "a component needs the field 'run'.", mend)
    if f"{path}.container" in read.lines and component.artifact != _UNREAD:
        because = f"it says how an image runs, and {component.name} is none: its artifact is {component.artifact}."
        yield read.problem(f"{path}.container", because, "Remove it, or name an image: `artifact: oci:...`.")


def _placeholder_faults(read: Read[Application], component: Component) -> Iterator[Problem]:
    names = _names_in(component, read.value.values)
    yield from _unfilled_at(read, component, "run", component.run, names)
    for name, text in component.env.items():
        yield from _unfilled_at(read, component, f"env.{name}", (text,), names)
    yield from _unfilled_at(read, component, "container.entrypoint", component.container.entrypoint, names)
    for inside, what in component.container.mounts.items():
        path = f"container.mounts.{inside}"
        yield from _unfilled_at(read, component, path, (what,), Names((), values=read.value.values))


def _names_in(component: Component, values: Collection[str]) -> Names:
    groups = {"files": component.files, "secrets": component.secrets}
    if component.artifact.kind is not ArtifactKind.OCI:
        return Names(RUN_PLACEHOLDERS, groups, values)
    plain = tuple(name for name in RUN_PLACEHOLDERS if name != "artifact")
    mend = "An image's files lie where the image has them: write that path."
    return Names(plain, groups, values, {"artifact": mend})


def _unfilled_at(
    read: Read[Application], component: Component, field: str, words: Sequence[str], names: Names
) -> Iterator[Problem]:
    for because, mend in placeholder_faults(words, names):
        yield read.problem(f"components.{component.name}.{field}", because, mend)


def _traffic_faults(read: Read[Application], component: Component) -> Iterator[Problem]:
    """Fields about requests, on a component that can get none."""
    if component.takes_traffic:
        return
    because = f"{component.name} takes no requests: neither its command nor its `env` mentions {{port}}."
    mend = "Let it listen on {host}:{port}"
    if component.artifact.kind is ArtifactKind.OCI:
        mend = "Write {port} in `run` or `env`, or the fixed port it listens on as `container: {port: ...}`"
    for field in ("health", "path", "warm_up"):
        path = f"components.{component.name}.{field}"
        if path in read.lines and (field != "health" or component.health.path):
            yield read.problem(path, because, f"{mend}, or remove {field}.")


def _check_faults(read: Read[Application], unclear: Collection[str]) -> Iterator[Problem]:
    application = read.value
    asked = next((check.label() for check in application.verify if isinstance(check, HttpCheck)), "")
    if asked and not unclear and not any(c.takes_traffic for c in application.components.values()):
        mend = "Use command checks, or let a component listen on {host}:{port}."
        yield read.problem("verify", f"no component takes requests, so {asked} can ask none.", mend)
