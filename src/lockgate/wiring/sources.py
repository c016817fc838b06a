"""Every source of artifacts, and what one of them tells of a reference."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from lockgate.config.settings import Settings
from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.drivers.artifacts import Artifacts, StoredSource
from lockgate.drivers.depot import Depot
from lockgate.drivers.docker_logins import DockerLogins
from lockgate.drivers.registry import Registries
from lockgate.drivers.sources.archive import ArchiveSource
from lockgate.drivers.sources.file import FileSource
from lockgate.drivers.sources.npm import NpmSource
from lockgate.drivers.sources.oci import OciSource
from lockgate.drivers.sources.pypi import PypiSource
from lockgate.messages import ArtifactDetails, AttachmentView


def show_artifact(settings: Settings, text: str, folder: Path) -> ArtifactDetails:
    """What a reference means now, and what is known of it. ``folder``: where relative ones start. Keeps what it finds,
    until it is collected. Raises what the sources do."""
    reference = Reference.parse(text, where="command line", field="reference")
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if reference.kind is not ArtifactKind.OCI:
        return _details(artifacts_of(settings.data).resolve(reference, folder))
    with closing(Registries(DockerLogins())) as registries:
        images = OciSource(Depot.at(settings.data), registries)
        artifact = images.resolve(reference, folder)
        attached = tuple(AttachmentView(a.kind, a.digest, a.size, a.annotations) for a in images.attachments(artifact))
        return replace(_details(artifact), platforms=images.platforms(artifact), attachments=attached)


def _details(artifact: Artifact) -> ArtifactDetails:
    return ArtifactDetails(artifact.kind, artifact.name, artifact.version, artifact.digest, artifact.reference)


def artifacts_of(data: Path) -> Artifacts:
    depot = Depot.at(data)
    sources = (PypiSource, NpmSource, ArchiveSource, FileSource)
    later = {
        ArtifactKind.GIT: lambda: _git_source(depot),
        ArtifactKind.OCI: lambda: OciSource(depot, Registries(DockerLogins())),
    }
    return Artifacts(depot, [source(depot) for source in sources], later)


def _git_source(depot: Depot) -> StoredSource:
    """libgit2 takes 11 MiB and 30 ms of a start."""
    from lockgate.drivers.sources.git import GitSource

    return GitSource(depot)
