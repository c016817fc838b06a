"""What only both files together can tell: an application against every environment it will be raised through."""

from collections.abc import Iterator
from dataclasses import dataclass

from lockgate.config.form import Read, listing, nearest
from lockgate.config.words import value_names
from lockgate.core.application import Application, CommandCheck, Component
from lockgate.core.artifact import ArtifactKind
from lockgate.core.capability import DRIVERS
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.errors import Problem


def check_together(application: Read[Application], catalogue: Read[Catalogue]) -> tuple[Problem, ...]:
    """Every problem of this application on these environments, each environment on its own: values it does not give,
    secrets and capabilities it does not have, no address for requests, images where processes run, replicas for a
    component that is not there. Empty: each can be planned."""
    problems: list[Problem] = []
    for environment in catalogue.value.environments.values():
        for cell, seen in environment.places().items():
            place = Place(seen, cell)
            problems.extend(_missing_values(application, catalogue, place))
            problems.extend(_misplaced(application, catalogue, place))
            problems.extend(_missing_address(application.value, catalogue, place))
        problems.extend(_missing_secrets(application, catalogue, environment))
        problems.extend(_unmet_needs(application, catalogue, environment))
        problems.extend(_stray_replicas(application.value, catalogue, environment))
    return tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.where != application.where, p.line or 0)))


@dataclass(frozen=True, slots=True)
class Place:
    """An environment, or one of its cells."""

    environment: Environment
    """As it is in that cell."""
    cell: str

    @property
    def path(self) -> str:
        name = self.environment.name
        return f"environments.{name}.cells.{self.cell}" if self.cell else f"environments.{name}"

    @property
    def what(self) -> str:
        """For sentences."""
        name = self.environment.name
        return f"the cell {self.cell} of {name}" if self.cell else name


def _missing_values(application: Read[Application], catalogue: Read[Catalogue], place: Place) -> Iterator[Problem]:
    environment = place.environment
    whole = f"environment {environment.name!r}" if not place.cell else place.what
    given = {**application.value.values, **environment.values}
    there = listing(sorted(given)) or "none"
    line = catalogue.line(place.path)
    for path, names in _uses(application):
        for name in names:
            if name not in given:
                because = f"it uses the value {name!r}, which {whole} does not give"
                mend = (
                    f"Add values: {{{name}: ...}} to {place.what} ({catalogue.where}:{line}), "
                    f"or a default to the application's own values. {nearest(name, given)}"
                )
                yield application.problem(path, f"{because} (it gives: {there}).", mend.strip())


def _uses(application: Read[Application]) -> Iterator[tuple[str, list[str]]]:
    """Every place that uses values, with their names."""
    for component in application.value.components.values():
        yield from _uses_of(component)
    for index, check in enumerate(application.value.verify):
        if isinstance(check, CommandCheck):
            yield f"verify[{index}].command.run", value_names(check.run)


def _uses_of(component: Component) -> Iterator[tuple[str, list[str]]]:
    path = f"components.{component.name}"
    yield f"{path}.run", value_names(component.run)
    for name, text in component.env.items():
        yield f"{path}.env.{name}", value_names([text])

    yield f"{path}.container.entrypoint", value_names(component.container.entrypoint)
    for inside, what in component.container.mounts.items():
        yield f"{path}.container.mounts.{inside}", value_names([what])


def _missing_secrets(
    application: Read[Application], catalogue: Read[Catalogue], environment: Environment
) -> Iterator[Problem]:
    there = listing(sorted(environment.secrets)) or "none"
    line = catalogue.line(f"environments.{environment.name}")
    for component in application.value.components.values():
        for index, name in enumerate(component.secrets):
            if name not in environment.secrets:
                because = f"environment {environment.name!r} has no secret {name!r} (it has: {there})."
                mend = f"Add secrets: {{{name}: {{file: /path}}}} to {environment.name} ({catalogue.where}:{line})."
                path = f"components.{component.name}.secrets[{index}]"
                yield application.problem(path, because, f"{mend} {nearest(name, environment.secrets)}".strip())


def _unmet_needs(
    application: Read[Application], catalogue: Read[Catalogue], environment: Environment
) -> Iterator[Problem]:
    """What drivers state is not known here."""
    there = listing(sorted(environment.capabilities)) or "none"
    line = catalogue.line(f"environments.{environment.name}")
    for component in application.value.components.values():
        for index, need in enumerate(component.needs):
            if need not in environment.capabilities and need not in DRIVERS:
                because = f"environment {environment.name!r} has no {need} (it has: {there})."
                mend = f"If it has, add capabilities: [{need}] to {environment.name} ({catalogue.where}:{line})."
                path = f"components.{component.name}.needs[{index}]"
                yield application.problem(path, because, f"{mend} {nearest(need, environment.capabilities)}".strip())


def _misplaced(application: Read[Application], catalogue: Read[Catalogue], place: Place) -> Iterator[Problem]:
    """Images run in containers, and nothing else does."""
    environment = place.environment
    contained = environment.target.kind == "docker"
    for component in application.value.components.values():
        image = component.artifact.kind is ArtifactKind.OCI
        if image != contained:
            what = "an image" if image else f"of kind {component.artifact.kind.value}, no image"
            because = f"{component.name} is {what}, which the target {environment.target.kind} cannot run."
            mend = f"Write `target: {'docker' if image else 'process'}` for {place.what}, or another artifact."
            yield catalogue.problem(f"{place.path}.target", because, mend)


def _missing_address(application: Application, catalogue: Read[Catalogue], place: Place) -> Iterator[Problem]:
    environment = place.environment
    routed = any(component.takes_traffic for component in application.components.values())
    if routed and environment.address_for(application.name) is None:
        because = f"nothing says where requests for {application.name} arrive."
        written = f"listen: {{{application.name}: 8080}}" if environment.listen else "listen: 8080"
        yield catalogue.problem(f"{place.path}.listen", because, f"Give {place.what} an address, such as {written}.")


def _stray_replicas(
    application: Application, catalogue: Read[Catalogue], environment: Environment
) -> Iterator[Problem]:
    for name in environment.replicas:
        whose, _, component = name.rpartition("/")
        if whose == application.name and component not in application.components:
            there = listing(application.components)
            because = f"{application.name} has no component {component!r}; it has: {there}."
            path = f"environments.{environment.name}.replicas.{name}"
            yield catalogue.problem(path, because, nearest(component, application.components) or "Remove it.")
