"""What each kind of target can do, known without one being there."""

from lockgate.core.artifact import ArtifactKind
from lockgate.core.traffic import TargetCaps

PROCESS = TargetCaps(instances=True, artifacts=frozenset(ArtifactKind) - {ArtifactKind.OCI})
DOCKER = TargetCaps(instances=True, artifacts=frozenset({ArtifactKind.OCI}))

TARGETS = {"process": PROCESS, "docker": DOCKER}
"""By the word that `target` has in the environments' file."""
