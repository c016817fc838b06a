"""What each kind of target can do, known without one being there."""

from lockgate.core.artifact import ArtifactKind
from lockgate.core.errors import ComponentMissing
from lockgate.core.traffic import TargetCaps

PROCESS = TargetCaps(instances=True, artifacts=frozenset(ArtifactKind) - {ArtifactKind.OCI})
DOCKER = TargetCaps(instances=True, artifacts=frozenset({ArtifactKind.OCI}))

TARGETS = {"process": PROCESS, "docker": DOCKER}
"""By the word that `target` has in the environments' file."""


def of(kind: str) -> TargetCaps:
    """Raises ComponentMissing for a kind that this version lacks."""
    if kind not in TARGETS:
        raise ComponentMissing(f"This version has no target {kind!r}.", f"Its targets are: {', '.join(TARGETS)}.")
    return TARGETS[kind]
