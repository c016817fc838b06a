"""Holding: from when until when a release was what ran in an environment. The history that inventory is read from."""

from dataclasses import dataclass

from lockgate.core.ids import DeploymentId, Instant, ReleaseId
from lockgate.core.inventory import Observed
from lockgate.core.package import Package


@dataclass(frozen=True, slots=True)
class Holding:
    """It begins when a deployment has succeeded, and ends when another one has."""

    application: str
    environment: str
    release: ReleaseId
    label: str
    """Of the release, for people."""
    deployment: DeploymentId
    since: Instant
    until: Instant | None
    """None: it still holds."""
    by: str
    """Who asked for the deployment."""
    cell: str = ""
    """Where cells of the environment hold different releases; else empty: all of it."""

    def length(self, now: Instant) -> float:
        """Seconds."""
        return max(0.0, (now if self.until is None else self.until) - self.since)

    def at(self, moment: Instant) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True)
class Placed:
    """A holding, and what was last observed of it."""

    holding: Holding
    observed: tuple[Observed, ...] = ()
    """Of each component; nothing for what no longer holds."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where something sought was found."""

    placed: tuple[Placed, ...]
    packages: tuple[tuple[ReleaseId, Package], ...]
    """As what it was found, in which release."""
    more: bool = False
    """There is more than was asked for."""
