"""Inventory: what runs where, as observed, and when it was seen. Drift: how that differs from what was deployed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lockgate.core.ids import InstanceId, Instant, RevisionId
from lockgate.core.traffic import Key


class Condition(StrEnum):
    """Of one instance."""

    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"
    """It was ready and its health check fails now."""
    FAILED = "failed"
    """It ended or restarted before it was ready; it will not become ready by waiting."""
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Instance:
    """One running copy of a revision."""

    id: InstanceId
    revision: RevisionId
    slot: int
    """0, 1, 2 ... within the revision; the lowest leave last."""
    condition: Condition
    endpoint: str
    """``host:port``; empty where it takes no traffic."""
    started_at: Instant
    restarts: int = 0
    because: str = ""
    """Why it is in that condition, with the last lines of its log if it failed."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything a target runs for one key."""

    key: Key
    instances: tuple[Instance, ...]
    observed_at: Instant

    def of(self, revision: RevisionId) -> tuple[Instance, ...]:
        """The revision's instances, by slot."""
        return tuple(sorted((i for i in self.instances if i.revision == revision), key=lambda i: i.slot))

    def ready(self, revision: RevisionId) -> tuple[Instance, ...]:
        return tuple(i for i in self.of(revision) if i.condition is Condition.READY)

    def revisions(self) -> Mapping[RevisionId, int]:
        """Revision -> number of instances."""
        return {r: len(self.of(r)) for r in {i.revision for i in self.instances}}


STALE_AFTER = 30.0
"""Seconds after which an observation says nothing any more: six of the keeper's rounds."""


class Standing(StrEnum):
    """How what runs compares with what was deployed."""

    AS_DEPLOYED = "as deployed"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"
    """The last observation is too old to say."""
    NOTHING = "nothing deployed"


@dataclass(frozen=True, slots=True)
class Drift:
    """A standing, and the sentence for it."""

    standing: Standing
    because: str


def drift(wanted: Mapping[RevisionId, int], observed: Observed | None, now: Instant) -> Drift:
    """``wanted``: revision -> ready instances that the holding plan promises for this key."""
    if not wanted:
        return Drift(Standing.NOTHING, "Nothing has been deployed here.")
    if observed is None:
        return Drift(Standing.UNKNOWN, "It has not been observed yet.")
    age = now - observed.observed_at
    if age < -STALE_AFTER:
        return Drift(Standing.UNKNOWN, "Its last observation lies in the future: the clock has jumped back.")
    if age > STALE_AFTER:
        return Drift(Standing.UNKNOWN, f"It was last observed {age:.0f} s ago.")
    for revision, count in wanted.items():
        ready = len(observed.ready(revision))
        if ready != count:
            return Drift(Standing.DRIFTED, f"{ready} of {count} instances of revision {revision} are ready.")
    foreign = sorted(set(observed.revisions()) - set(wanted))
    if foreign:
        return Drift(Standing.DRIFTED, f"Instances of another revision run: {', '.join(foreign)}.")
    return Drift(Standing.AS_DEPLOYED, "What runs is what was deployed.")
