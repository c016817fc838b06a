"""``environments.yaml``: the places releases are raised through. Its form, and the checks across its fields."""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lockgate.config.approvals import APPROVALS, BREAK_GLASS, GROUPS, approval_faults
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
from lockgate.config.inheritance import ORGANISATION, TIERS, inherited
from lockgate.config.levels import ABOUT_IT, level_form, tier_faults, without_echoes
from lockgate.config.notification import NOTIFY, channels, notify_faults
from lockgate.config.policies import POLICIES, Shelf, with_rules
from lockgate.config.scalars import NAME, SECRET_NAME, VALUE_NAME, Text, Whole, duration, written
from lockgate.config.secrets import OUTSIDE, SECRET
from lockgate.config.strategy import STRATEGY
from lockgate.config.supply import SUPPLY_RULES, soak_faults
from lockgate.config.targets import TARGET
from lockgate.config.windows import EXEMPT, WINDOWS
from lockgate.core.environment import (
    ANY_APPLICATION,
    Catalogue,
    Cell,
    Environment,
    Listen,
    OnFailure,
    Promote,
    Queueing,
    Rollout,
    TargetSpec,
)
from lockgate.core.errors import Invalid, Problem
from lockgate.core.origin import Origin

LOOPBACK = "127.0.0.1"
EVERY_ADDRESS = "0.0.0.0"


def read_catalogue(text: str, where: str = "environments.yaml", shelf: Shelf | None = None) -> Read[Catalogue]:
    """All environments, each with what it inherits, and their lines: of what is inherited, where it is written.
    ``shelf``: the policies there are besides those that Lockgate brings. Raises :class:`Invalid` with every problem of
    the file, by line."""
    whole = inherited(parse(text, where), where)
    at = At(whole.root, where)
    read = Read(read_form(CATALOGUE, at), where, lines_of(whole.root))
    catalogue, unknown = with_rules(read, shelf or Shelf())
    problems = without_echoes([*at.noted, *_across(read), *unknown])
    if problems:
        raise Invalid(in_order(problems))
    return replace(read, value=_with_origins(catalogue, whole.origins))


def _with_origins(catalogue: Catalogue, origins: Mapping[str, Mapping[str, Origin]]) -> Catalogue:
    known = {name: replace(one, origins=origins[name]) for name, one in catalogue.environments.items()}
    return replace(catalogue, environments=known)


class Address:
    """``8081``, ``127.0.0.1:8081`` or ``0.0.0.0:8081``. A bare port is on loopback, the safe default."""

    def read(self, at: At) -> Listen:
        expected = "an address such as 8081 or 127.0.0.1:8081"
        text = written(at, expected).text
        found = re.fullmatch(r"(?:(?P<host>[^:\s]*):)?(?P<port>[0-9]{1,6})", text)
        if found is None:
            mend = "IPv6 is not in this version." if text.count(":") > 1 else ""
            raise at.expected(expected, mend)
        port = int(found["port"])
        if not 1 <= port <= 65535:
            raise at.refused(f"there is no port {port}.", "Ports are 1 to 65535.")
        return Listen(self._host(at, found["host"] or LOOPBACK), port)

    def _host(self, at: At, host: str) -> str:
        if host == "localhost":
            return LOOPBACK
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError as error:
            mend = "Write 127.0.0.1 for this machine only, or 0.0.0.0 for every network it is on."
            raise at.refused(f"{host!r} is not an IPv4 address of this machine.", mend) from error

    def schema(self) -> Schema:
        text = {"type": "string", "pattern": r"^(?:[^:\s]*:)?[0-9]{1,6}$"}
        return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, text]}


class OneAddress:
    """The short form: the same address for whatever is deployed there."""

    def read(self, at: At) -> Mapping[str, Listen]:
        return {ANY_APPLICATION: Address().read(at)}

    def schema(self) -> Schema:
        return Address().schema()


# --- the forms ---


_APPLICATION_NAME = Text(
    "the name of an application, or * for every other one",
    rf"\*|{NAME.pattern}",
    NAME.rule,
)
_COMPONENT_NAME = Text(
    "a component, as web or catalogue/web",
    rf"(?:{NAME.pattern}/)?{NAME.pattern}",
    "Write the component's name, or application/component.",
)
LISTEN: Kind[Mapping[str, Listen]] = ByShape(
    "an address such as 8081, or a table with one for each application",
    scalar=OneAddress(),
    table=Named("an application", _APPLICATION_NAME, Address(), least=1),
)

_VALUES = Field("values", Named("a value", VALUE_NAME, Text()), "What {values.NAME} is here.")
CELL = Form(
    "a cell",
    Cell,
    (
        Field("target", TARGET, "Where its instances live; otherwise where the environment says."),
        Field("listen", LISTEN, "Where requests arrive: 8081, 0.0.0.0:8081, or one for each application."),
        _VALUES,
    ),
    named="name",
    hints={
        "port": "Did you mean 'listen'?", "ports": "Write `target: {process: {ports: 20000-20999}}`.",
        "engine": "Write `target: {docker: {engine: ...}}`.", "env": "Did you mean 'values'?",
        **dict.fromkeys(
            ("after", "owner", "promote", "queue", "replicas", "secrets", "strategy"),
            "It is the same in every cell: write it in the environment.",
        ),
    },
)  # fmt: skip
ROLLOUT = Form(
    "the rollout",
    Rollout,
    (
        Field("order", Several("names of cells", NAME, least=1), "All cells, the first to be changed first."),
        Field("parallel", Whole("parallel", 1, 1000), "How many cells are changed at a time."),
        Field("bake", duration("a time to bake", 0, 30 * 86400), "How long a cell must do well before another begins."),
        Field(
            "on_failure",
            Choice("what goes back", {o.value: o for o in OnFailure}),
            "When a release fails in a cell: all cells go back, or only the bad one.",
        ),
    ),
    hints={
        "on-failure": "Did you mean 'on_failure'?", "max_parallel": "Did you mean 'parallel'?",
        "wait": "Did you mean 'bake'?", "pause": "Did you mean 'bake'?", "soak": "Did you mean 'bake'?",
    },
)  # fmt: skip

ENVIRONMENT = Form(
    "an environment",
    Environment,
    (
        Field("after", NAME, "The environment a release must have succeeded in before; without it, the first."),
        Field("owner", Text(), "Who runs it, for people."),
        Field("purpose", Text(), "What it is for, for people."),
        *ABOUT_IT,
        Field("target", TARGET, "Where instances live."),
        Field("listen", LISTEN, "Where requests arrive: 8081, 0.0.0.0:8081, or one for each application."),
        Field(
            "promote",
            Choice("a way to promote", {p.value: p for p in Promote}),
            "When a release verified in the environment before enters: automatic, on-demand or on-approval.",
        ),
        Field(
            "queue",
            Choice("a way to queue", {q.value: q for q in Queueing}),
            "What a new deployment does to those that wait: newest supersedes them, queue lines up.",
            to="queueing",
        ),
        Field(
            "replicas",
            Named("a component", _COMPONENT_NAME, Whole("replicas", 1, 1000)),
            "Instances here: component or application/component -> count.",
        ),
        Field("strategy", STRATEGY, "How a change is spread in time here, instead of as the application says."),
        _VALUES,
        Field("secrets", Named("a secret", SECRET_NAME, SECRET, example="NAME: {kept: true}", shown=False),
              "Where each secret is kept that components may read: {kept: true}, {file: /path}, {variable: NAME} or "
              "{vault: {path: ..., key: ...}}."),
        Field("cells", Named("a cell", NAME, CELL, least=1, example="NAME: {listen: 8081}"),
              "Its equal parts, each with its own instances and addresses; a change goes from cell to cell."),
        Field("rollout", ROLLOUT, "How a change goes from cell to cell."),
        Field("windows", WINDOWS, "When it is open for deployments, and when it is frozen."),
        Field("exempt", EXEMPT, "What may enter although it is closed or frozen: rollback, urgent, or nothing ([])."),
        Field("policies", POLICIES, "Rules that judge what is deployed here: names, or tables with policy and with."),
        *SUPPLY_RULES,
        Field("approvals", APPROVALS, "Who must agree to a deployment."),
        Field("break_glass", BREAK_GLASS, "Who may deploy without approvals and outside windows, in an emergency."),
        NOTIFY,
    ),
    named="name",
    hints={
        "level": "Did you mean 'tier'?", "inherits": "Did you mean 'tier'?", "urls": "Did you mean 'endpoints'?",
        "before": "Write `after` in the environment that follows.", "requires": "Did you mean 'after'?",
        "port": "Did you mean 'listen'?", "ports": "Write `target: {process: {ports: 20000-20999}}`.",
        "engine": "Write `target: {docker: {engine: ...}}`.", "network": "Write `target: {docker: {network: ...}}`.",
        "variables": "Did you mean 'values'?", "env": "Write `values`, and use them in the application's own `env`.",
        "description": "Did you mean 'purpose'?", "supersede": "Did you mean 'queue'?",
        "regions": "Did you mean 'cells'?", "clusters": "Did you mean 'cells'?",
        "freezes": "Write `windows: [{freeze: 2026-12-20 .. 2027-01-02, zone: Europe/Berlin}]`.",
        "freeze": "Write `windows: [{freeze: ...}]`.", "open": "Write `windows: [{open: ...}]`.",
    },
)  # fmt: skip

CATALOGUE = Form(
    "the file",
    Catalogue,
    (
        Field(
            "environments",
            Named("an environment", NAME, ENVIRONMENT, least=1),
            "Each environment by its name.",
            required=True,
            stand_in={},
        ),
        Field(ORGANISATION, level_form("the organisation", ENVIRONMENT), "What every environment inherits."),
        Field(
            TIERS,
            Named("a tier", NAME, level_form("a tier", ENVIRONMENT)),
            "What environments of one tier inherit, before what the organisation says.",
        ),
        Field("groups", GROUPS, "Who belongs together: group -> names of people."),
        channels(OUTSIDE),
        NOTIFY,
    ),
    hints={
        "notifications": "Did you mean 'notify', or 'channels'?",
        "application": "Applications are written in lockgate.yaml, in their own repositories.",
        "components": "Components are written in lockgate.yaml, in the application's repository.",
    },
)


# --- across fields ---


def _across(read: Read[Catalogue]) -> Iterator[Problem]:
    yield from _order_faults(read)
    yield from tier_faults(read)
    yield from soak_faults(read, _names(read, "environments."))
    yield from _cell_faults(read)
    yield from _address_faults(read)
    yield from _range_faults(read)
    yield from approval_faults(read)
    yield from notify_faults(read)


def _order_faults(read: Read[Catalogue]) -> Iterator[Problem]:
    environments = read.value.environments
    names = _names(read, "environments.")
    for environment in environments.values():
        if environment.after is not None and environment.after not in names:
            because = f"there is no environment {environment.after!r}; there are: {listing(names)}."
            mend = nearest(environment.after, names) or "Remove it, or add that environment."
            yield read.problem(f"environments.{environment.name}.after", because, mend)
    for ring in cycles({e.name: (e.after,) if e.after else () for e in environments.values()}):
        because = f"the promotion order goes in a circle: {' after '.join(ring)}."
        yield read.problem(f"environments.{ring[0]}.after", because, "Remove `after` from the first one.")


def _cell_faults(read: Read[Catalogue]) -> Iterator[Problem]:
    for environment in read.value.environments.values():
        path, cells = f"environments.{environment.name}", environment.cells
        if f"{path}.rollout" in read.lines and f"{path}.cells" not in read.lines:
            because = f"{environment.name} has no cells for a change to go through."
            yield read.problem(f"{path}.rollout", because, "Remove it, or add `cells`.")
        if cells and environment.listen:
            because = "requests arrive in the cells: an environment that has them has no address of its own."
            yield read.problem(f"{path}.listen", because, "Give each cell its own `listen` instead.")
        order = environment.rollout.order
        names = _names(read, f"{path}.cells.") if order else []
        if names and sorted(order) != sorted(names):
            yield read.problem(f"{path}.rollout.order", *_misordered(order, names))


def _names(read: Read[Catalogue], below: str) -> list[str]:
    """What is written directly below that path, also if it could not be read."""
    return [p.removeprefix(below) for p in read.lines if p.startswith(below) and not set(".[") & set(p[len(below) :])]


def _misordered(order: Sequence[str], cells: Sequence[str]) -> tuple[str, str]:
    """Why the order is not one of all cells, and the way to mend it."""
    for name in order:
        if name not in cells:
            return f"there is no cell {name!r}; there are: {listing(cells)}.", nearest(name, cells) or "Remove it."
        if order.count(name) > 1:
            return f"the cell {name!r} stands there more than once.", "Name each cell once."
    missing = listing(name for name in cells if name not in order)
    return f"these cells are missing: {missing}.", "Add them, or remove `order`: it is then as the cells are written."


def _addresses(read: Read[Catalogue]) -> Iterator[tuple[str, Listen, str]]:
    """Every address that is written: its path, itself, and who listens there."""
    for environment in read.value.environments.values():
        whole = (f"environments.{environment.name}", environment.name, environment.listen)
        places = [(f"{whole[0]}.cells.{c.name}", f"{whole[1]}/{c.name}", c.listen) for c in environment.cells.values()]
        for path, name, listens in (whole, *places):
            for application, address in listens.items():
                who = name if application == ANY_APPLICATION else f"{application} in {name}"
                yield f"{path}.listen.{application}", address, who


def _address_faults(read: Read[Catalogue]) -> Iterator[Problem]:
    """Two that would listen on one address, in one environment or in two."""
    taken: list[tuple[Listen, str]] = []
    for path, address, who in _addresses(read):
        for other, whose in taken:
            if _same(address, other):
                because = f"{address} is taken by {whose}, which listens on {other}."
                yield read.problem(path, because, f"Give {who} another port.")
                break
        taken.append((address, f"{who} (line {read.line(path)})"))


def _same(one: Listen, other: Listen) -> bool:
    return one.port == other.port and (one.host == other.host or EVERY_ADDRESS in (one.host, other.host))


def _range_faults(read: Read[Catalogue]) -> Iterator[Problem]:
    """An address that an instance of some environment could be given."""
    ranges = {
        name: [int(end) for end in target.settings["ports"].split("-")]
        for environment in read.value.environments.values()
        for name, target in _targets(environment)
        if "ports" in target.settings and _is_here(target)
    }
    for path, address, _ in _addresses(read):
        for name, (first, last) in ranges.items():
            if first <= address.port <= last:
                because = f"port {address.port} lies in {first}-{last}, which {name} gives to instances."
                yield read.problem(path, because, "Choose a port outside of it.")


def _targets(environment: Environment) -> Iterator[tuple[str, TargetSpec]]:
    yield environment.name, environment.target
    for cell in environment.cells.values():
        if cell.target is not None:
            yield f"{environment.name}/{cell.name}", cell.target


def _is_here(target: TargetSpec) -> bool:
    """Its ports are those of this machine."""
    return target.settings.get("engine", "unix:").startswith("unix:")
