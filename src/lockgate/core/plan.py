"""Plan -> step: what will run in an environment, frozen for consent, and the steps that lead there.

The plan is a pure function of release and environment, so the same two give the same bytes years later. It says
*what*; a strategy decides each next step from what is observed when it comes to it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from lockgate.core import capability, template
from lockgate.core.application import (
    Check,
    CommandCheck,
    Component,
    Container,
    Health,
    HttpCheck,
    Resources,
    Stop,
    Strategy,
    takes_traffic,
)
from lockgate.core.artifact import Artifact
from lockgate.core.environment import Environment, Listen, Rollout
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import LATER, Digest, Generation, InstanceId, ReleaseId, RevisionId, digest_of, short
from lockgate.core.release import Release
from lockgate.core.secret import SecretSource
from lockgate.core.traffic import Key, Shares


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """Everything a target needs to run one instance of a component in an environment."""

    artifact: Artifact
    files: Mapping[str, Artifact]
    command: tuple[str, ...]
    """Words; ``{host}``, ``{port}``, ``{work}``, ``{files.NAME}`` and ``{secrets.NAME}`` are left for the target to
    fill in. Empty: an image's own."""
    env: Mapping[str, str]
    health: Health
    resources: Resources
    stop: Stop
    container: Container = field(default=Container(), metadata=LATER)
    secrets: Mapping[str, SecretSource] = field(default_factory=dict, metadata=LATER)
    """Name -> where the target's machine finds it when an instance starts."""

    @property
    def revision(self) -> RevisionId:
        """Named by what runs, not by what it is called: references and labels do not count."""
        what = replace(self, artifact=_bare(self.artifact), files={n: _bare(a) for n, a in self.files.items()})
        return RevisionId(short(digest_of(what)))

    @property
    def takes_traffic(self) -> bool:
        return takes_traffic(self.command, self.env, self.container)


def _bare(artifact: Artifact) -> Artifact:
    return replace(artifact, name="", version="", reference="")


@dataclass(frozen=True, slots=True)
class ComponentPlan:
    """One component's part of a plan."""

    key: Key
    spec: InstanceSpec
    replicas: int
    path: str
    warm_up: tuple[str, ...]
    needs: tuple[str, ...] = field(default=(), metadata=LATER)
    """Capabilities that the drivers must have."""

    @property
    def revision(self) -> RevisionId:
        return self.spec.revision


@dataclass(frozen=True, slots=True)
class CellPlan:
    """What a plan says of one cell alone. Its components are the plan's with the cell in their key."""

    name: str
    """Empty in a :func:`mixture` with a plan that had no cells."""
    release: ReleaseId
    target: str
    target_settings: Mapping[str, str]
    listen: Listen | None
    command_checks: tuple[CommandCheck, ...]
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Consent is given to this, by digest."""

    release: ReleaseId
    release_digest: Digest
    application: str
    environment: str
    target: str
    target_settings: Mapping[str, str]
    listen: Listen | None
    strategy: Strategy
    components: tuple[ComponentPlan, ...]
    """In the order they are deployed."""
    http_checks: tuple[HttpCheck, ...]
    command_checks: tuple[CommandCheck, ...]
    values: Mapping[str, str]
    cells: tuple[CellPlan, ...] = field(default=(), metadata=LATER)
    """In the order they are changed; none: the environment is one piece."""
    rollout: Rollout = field(default=Rollout(), metadata=LATER)

    @property
    def digest(self) -> Digest:
        return digest_of(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the cells; one empty name where the environment is one piece."""
        return tuple(cell.name for cell in self.cells) or ("",)

    def within(self, name: str) -> "Plan":
        """The plan of one cell, as if that were the whole environment; without components for a cell that the plan does
        not have. The canaries of all cells share one alpha. Nobody consents to it: its digest is no plan's."""
        components, canary = tuple(c for c in self.components if c.key.cell == name), self.strategy.canary
        found = next((cell for cell in self.cells if cell.name == name), None)
        if found is None:
            return replace(self, components=components, cells=(), rollout=Rollout())
        return replace(
            self,
            release=found.release,
            strategy=replace(self.strategy, canary=canary.shared(len(self.cells))) if canary else self.strategy,
            target=found.target,
            target_settings=found.target_settings,
            listen=found.listen,
            components=components,
            command_checks=found.command_checks,
            values=found.values,
            cells=(),
            rollout=Rollout(),
        )

    def parts(self) -> tuple["Plan", ...]:
        """The plan of each cell."""
        return tuple(self.within(name) for name in self.names)

    @property
    def checks(self) -> tuple[Check, ...]:
        return (*self.http_checks, *self.command_checks)


def make_plan(release: Release, environment: Environment) -> Plan:
    """The plan of this release on this environment. Raises :class:`Invalid` when a value is named that neither of
    them gives, or when traffic has no address to arrive at; :class:`CapabilityMissing` when a component needs what the
    environment does not have."""
    parts = {cell: _part(release, place, cell) for cell, place in environment.places().items()}
    if not environment.cells:
        return parts[""]
    whole = replace(next(iter(parts.values())), target=environment.target.kind, listen=None, command_checks=())
    whole = replace(whole, target_settings=dict(environment.target.settings), values=_values(release, environment))
    return _joined(replace(whole, rollout=replace(environment.rollout, order=())), parts)


def mixture(newer: Plan, cells: Collection[str], older: Plan | None) -> Plan:
    """What holds an environment of which only ``cells`` have been changed to ``newer``: in the others it is still
    ``older``, or nothing."""
    names = [*newer.names, *(name for name in (older.names if older else ()) if name not in newer.names)]
    parts = {}
    for name in names:
        if name in cells:
            parts[name] = newer.within(name)
        elif older is not None and name in older.names:
            parts[name] = older.within(name)
    return _joined(replace(newer, listen=None, command_checks=()), parts)


def _joined(whole: Plan, parts: Mapping[str, Plan]) -> Plan:
    return replace(
        whole,
        components=tuple(component for part in parts.values() for component in part.components),
        cells=tuple(
            CellPlan(
                name, part.release, part.target, part.target_settings, part.listen, part.command_checks, part.values
            )
            for name, part in parts.items()
        ),
    )


def _values(release: Release, environment: Environment) -> Mapping[str, str]:
    return {**release.application.values, **environment.values}


def _part(release: Release, environment: Environment, cell: str) -> Plan:
    application = release.application
    values = _values(release, environment)
    components = tuple(_component_plan(release, environment, each, values, cell) for each in application.in_order())
    listen = environment.address_for(application.name)
    if listen is None and any(c.spec.takes_traffic for c in components):
        because = f"nothing says where traffic for {application.name} arrives."
        mend = f"Give {f'the cell {cell} of ' if cell else ''}{environment.name} a line such as listen: 8080."
        place = f"environments.{environment.name}{f'.cells.{cell}' if cell else ''}"
        raise Invalid([Problem("environments.yaml", None, f"{place}.listen", because, mend)])
    return Plan(
        release=release.id,
        release_digest=release.digest,
        application=application.name,
        environment=environment.name,
        target=environment.target.kind,
        target_settings=dict(environment.target.settings),
        listen=listen,
        strategy=environment.strategy or application.strategy,
        components=components,
        http_checks=tuple(c for c in application.verify if isinstance(c, HttpCheck)),
        command_checks=tuple(
            _filled_check(c, values, environment) for c in application.verify if isinstance(c, CommandCheck)
        ),
        values=values,
    )


def _component_plan(
    release: Release, environment: Environment, component: Component, values: Mapping[str, str], cell: str
) -> ComponentPlan:
    field_name = f"components.{component.name}"
    own = [need for need in component.needs if need not in capability.DRIVERS]
    capability.refuse_unmet(component.name, own, environment.name, environment.capabilities)
    spec = InstanceSpec(
        artifact=release.artifacts[component.name],
        files=dict(release.files.get(component.name, {})),
        command=tuple(fill(word, values, environment, f"{field_name}.run") for word in component.run),
        env={k: fill(v, values, environment, f"{field_name}.env.{k}") for k, v in component.env.items()},
        health=component.health,
        resources=component.resources,
        stop=component.stop,
        container=_container(component.container, values, environment, f"{field_name}.container"),
        secrets={name: _secret(name, environment, f"{field_name}.secrets") for name in component.secrets},
    )
    return ComponentPlan(
        key=Key(release.name, environment.name, component.name, cell),
        spec=spec,
        replicas=environment.replicas_for(release.name, component.name, component.replicas),
        path=component.path,
        warm_up=component.warm_up,
        needs=tuple(need for need in component.needs if need in capability.DRIVERS),
    )


def _container(written: Container, values: Mapping[str, str], environment: Environment, where: str) -> Container:
    return replace(
        written,
        entrypoint=tuple(fill(word, values, environment, f"{where}.entrypoint") for word in written.entrypoint),
        mounts={
            inside: template.finish(fill(what, values, environment, f"{where}.mounts.{inside}"), lambda _: None)
            for inside, what in written.mounts.items()
        },
    )


def _secret(name: str, environment: Environment, where: str) -> SecretSource:
    if name in environment.secrets:
        return environment.secrets[name]
    known = ", ".join(sorted(environment.secrets)) or "none"
    because = f"it reads the secret {name!r}, which environment {environment.name!r} does not have (it has: {known})."
    mend = f"Add secrets: {{{name}: {{file: /path}}}} to {environment.name}."
    raise Invalid([Problem("lockgate.yaml", None, where, because, mend)])


def _filled_check(check: CommandCheck, values: Mapping[str, str], environment: Environment) -> CommandCheck:
    return replace(check, run=tuple(fill(word, values, environment, "verify") for word in check.run))


def fill(text: str, values: Mapping[str, str], environment: Environment, where: str) -> str:
    """``{values.NAME}`` replaced. Raises :class:`Invalid` naming the value and the environment that lacks it."""

    def value(placeholder: str) -> str | None:
        name = placeholder.removeprefix("values.")
        if name == placeholder:
            return None
        if name in values:
            return values[name]
        known = ", ".join(sorted(values)) or "none"
        because = (
            f"it uses the value {name!r}, which environment {environment.name!r} does not give (it gives: {known})."
        )
        mend = f"Add values: {{{name}: ...}} to {environment.name}, or a default to the application's own values."
        raise Invalid([Problem("lockgate.yaml", None, where, because, mend)])

    return template.fill(text, value)


# --- the steps ---


@dataclass(frozen=True, slots=True)
class Step:
    """One move of a walk. Doing it twice does no more than doing it once."""

    @property
    def kind(self) -> str:
        """``await_ready``, for people and in events."""
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(self).__name__)[1:]


@dataclass(frozen=True, slots=True)
class Prepare(Step):
    """Fetch and build what the revision needs on the target."""

    revision: RevisionId


@dataclass(frozen=True, slots=True)
class Ensure(Step):
    """So many instances of the revision exist."""

    revision: RevisionId
    count: int


@dataclass(frozen=True, slots=True)
class AwaitReady(Step):
    """So many instances of the revision are ready."""

    revision: RevisionId
    count: int


@dataclass(frozen=True, slots=True)
class Warm(Step):
    """Each ready instance has had its warm-up requests."""

    revision: RevisionId


@dataclass(frozen=True, slots=True)
class Verify(Step):
    """The checks pass: on a new instance without traffic, or through the router with all of it."""

    revision: RevisionId
    through_router: bool


@dataclass(frozen=True, slots=True)
class Shift(Step):
    """The traffic is shared so. No shares and ``hold``: requests wait; no shares without it: they are refused."""

    shares: Shares = field(default_factory=dict)
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Observe(Step):
    """The revision keeps its part of the traffic, and what users get is watched, until the stage is over."""

    KIND: ClassVar[str] = "observe"

    revision: RevisionId
    stage: int


@dataclass(frozen=True, slots=True)
class Drain(Step):
    """The revision's instances out of rotation (all but ``keep``) finish the requests they have."""

    revision: RevisionId
    keep: int = 0


@dataclass(frozen=True, slots=True)
class Retire(Step):
    """All but ``keep`` instances of the revision are stopped and removed: those in rotation stay, and of the others
    those that are not ready go first."""

    revision: RevisionId
    keep: int = 0


@dataclass(frozen=True, slots=True)
class Done(Step):
    """The walk has arrived."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Who makes a driver call, and by which claim."""

    deployment: str
    generation: Generation


__all__ = [
    "AwaitReady",
    "CellPlan",
    "ComponentPlan",
    "Done",
    "Drain",
    "Ensure",
    "Fence",
    "InstanceId",
    "InstanceSpec",
    "Observe",
    "Plan",
    "Prepare",
    "Retire",
    "Shift",
    "Step",
    "Verify",
    "Warm",
    "make_plan",
    "mixture",
]
