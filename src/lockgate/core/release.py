"""Release: artifacts and deployment definition frozen together; the unit that is promoted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgate.core.application import Application
from lockgate.core.artifact import Artifact
from lockgate.core.ids import LATER, Digest, Instant, ReleaseId, digest_of, plain, short


@dataclass(frozen=True, slots=True)
class Release:
    """Immutable. Two calls with the same artifacts and the same definition make the same release."""

    id: ReleaseId
    digest: Digest
    application: Application
    artifacts: Mapping[str, Artifact]
    """Component name -> what it runs."""
    files: Mapping[str, Mapping[str, Artifact]]
    """Component name -> name in the working folder -> artifact."""
    version: str
    """For people: the versions of the artifacts."""
    created_at: Instant
    created_by: str
    commit: str = ""
    url: str = ""
    authors: tuple[str, ...] = field(default=(), metadata=LATER)
    """Who wrote what is new in it, by name or e-mail address."""
    built_by: str = field(default="", metadata=LATER)
    """Who, or what, built it, where that is not who made the release."""
    credited: tuple[str, ...] = field(default=(), compare=False, metadata=LATER)
    """Authors that were named when it was made again; added by the store."""
    number: int = field(default=0, compare=False)
    """1, 2, 3 ... within the application; given by the store."""

    @property
    def name(self) -> str:
        return self.application.name

    def written_by(self) -> tuple[str, ...]:
        """Whoever makes a release without saying who wrote it is taken for its author."""
        return (*(self.authors or (self.created_by,)), *self.credited)

    def label(self) -> str:
        return f"{self.name} {self.version} (#{self.number})" if self.number else f"{self.name} {self.version}"


def freeze(
    application: Application,
    artifacts: Mapping[str, Artifact],
    files: Mapping[str, Mapping[str, Artifact]],
    *,
    at: Instant,
    by: str,
    commit: str = "",
    url: str = "",
    authors: tuple[str, ...] = (),
    built_by: str = "",
) -> Release:
    """The release of this definition with these artifacts. Who made it and when is not part of its digest, nor is the
    reference that was asked for: only what runs and how."""
    digests = {name: artifact.digest for name, artifact in artifacts.items()}
    file_digests = {name: {file: a.digest for file, a in found.items()} for name, found in files.items()}
    digest = digest_of({"definition": definition_of(application), "artifacts": digests, "files": file_digests})
    return Release(
        id=ReleaseId(f"rel-{short(digest)}"),
        digest=digest,
        application=application,
        artifacts=dict(artifacts),
        files={name: dict(found) for name, found in files.items()},
        version=version_of(artifacts),
        created_at=at,
        created_by=by,
        commit=commit,
        url=url,
        authors=authors,
        built_by=built_by,
    )


def definition_of(application: Application) -> Mapping[str, object]:
    """The definition without the references, which may move; their digests stand for them."""
    value: dict[str, Any] = plain(application)
    for component in value["components"].values():
        del component["artifact"], component["files"]
    return value


def version_of(artifacts: Mapping[str, Artifact]) -> str:
    """The one version, or ``web 2.1, worker 0.9`` where components differ."""
    versions = {artifact.version for artifact in artifacts.values()}
    if len(versions) == 1:
        return versions.pop()
    return ", ".join(f"{name} {artifact.version}" for name, artifact in sorted(artifacts.items()))
