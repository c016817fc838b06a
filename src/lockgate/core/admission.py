"""Admission: a deployment that asks to be let into an environment, as every gate gets to know it."""

from dataclasses import dataclass

from lockgate.core.deployment import Deployment, Kind
from lockgate.core.environment import Environment
from lockgate.core.ids import Instant
from lockgate.core.plan import Plan
from lockgate.core.release import Release


@dataclass(frozen=True, slots=True)
class Admission:
    """What is known of it without looking elsewhere. The same value is made on every path: push, Git, command line,
    promotion, rollback."""

    release: Release
    environment: Environment
    """As it is written now."""
    plan: Plan
    """What was consented to, or would be."""
    kind: Kind
    actor: str
    """Who asked for it."""
    reason: str = ""
    urgent: bool = False
    not_before: Instant | None = None
    """When it is meant to begin; None: as soon as it may."""
    row: Deployment | None = None
    """None: nothing is recorded yet; somebody asks what would become of it."""
    personal: bool = False
    """Who asked for it is proven."""
    break_glass: bool = False
    """It is an emergency: neither approvals nor windows hold it."""
    insists: bool = False
    """A rollback that is to happen even if it breaks what requires the release that is left."""
    as_recorded: bool = False
    """Its plan is one that was recorded before, and is not made anew."""

    @property
    def rollback(self) -> bool:
        return self.kind is Kind.ROLLBACK
