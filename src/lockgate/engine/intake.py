"""Intake: a source event -> artifacts, resolved once -> a release, frozen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from lockgate.core.application import Application, Component
from lockgate.core.artifact import Artifact, Reference
from lockgate.core.audit import Event
from lockgate.core.errors import Invalid, Problem
from lockgate.core.release import Release, freeze
from lockgate.core.source import SourceEvent
from lockgate.ports import Clock, Store


class Resolver(Protocol):
    """All sources behind one door."""

    def resolve(self, reference: Reference, folder: Path) -> Artifact: ...


@dataclass(frozen=True, slots=True)
class Intake:
    """``read``: the application's file, its name and its folder -> its value; raises Invalid with every problem."""

    store: Store
    clock: Clock
    artifacts: Resolver
    read: Callable[[str, str, Path], Application]

    def take(self, event: SourceEvent, folder: Path) -> tuple[Release, bool]:
        """The release, and whether it is new. Idempotent: the same artifacts and definition are the same release.
        Raises Invalid, and what the sources raise; nothing is recorded then."""
        application = with_overrides(self.read(event.application, event.where, folder), event.overrides, event.where)
        artifacts, files = self._resolved(application, folder)
        release = freeze(
            application,
            artifacts,
            files,
            at=event.at,
            by=event.actor,
            commit=event.commit,
            url=event.url,
            authors=event.authors,
            built_by=event.built_by,
        )
        known = self.store.releases.add(release, _created(release, event))
        return known, known.created_at == release.created_at and known.created_by == release.created_by

    def _resolved(
        self, application: Application, folder: Path
    ) -> tuple[dict[str, Artifact], dict[str, dict[str, Artifact]]]:
        """A reference that stands in several places is resolved once, so that it is the same thing in all of them."""
        seen: dict[Reference, Artifact] = {}

        def resolved(reference: Reference) -> Artifact:
            if reference not in seen:
                seen[reference] = self.artifacts.resolve(reference, folder)
            return seen[reference]

        components = application.components.values()
        artifacts = {c.name: resolved(c.artifact) for c in components}
        files = {c.name: {name: resolved(found) for name, found in c.files.items()} for c in components}
        return artifacts, files


def with_overrides(application: Application, overrides: Mapping[str, Reference], where: str) -> Application:
    """The application with other artifacts. An empty component name means the only one there is."""
    components: dict[str, Component] = dict(application.components)
    for name, reference in overrides.items():
        chosen = name or _only(application, where)
        if chosen not in components:
            known = ", ".join(components)
            because = f"{application.name} has no component {chosen!r}; it has: {known}."
            raise Invalid([Problem("request", None, f"artifacts.{chosen}", because)])
        components[chosen] = replace(components[chosen], artifact=reference)
    return replace(application, components=components)


def _only(application: Application, where: str) -> str:
    if len(application.components) == 1:
        return next(iter(application.components))
    known = ", ".join(application.components)
    because = f"{where} has several components, so say which one this artifact is for ({known})."
    raise Invalid([Problem("request", None, "artifacts", because, "Write COMPONENT=KIND:NAME.")])


def _created(release: Release, event: SourceEvent) -> Event:
    return Event(
        kind="release.created",
        at=event.at,
        because=f"{release.label()} was made from {event.where}.",
        actor=event.actor,
        application=release.name,
        release=release.id,
        data={"digest": release.digest, "version": release.version},
        audited=True,
        address=event.address,
    )
