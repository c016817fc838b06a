"""Making releases, and what they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class CreateRelease:
    """POST /v1/releases"""

    definition: str
    """The text of lockgate.yaml."""
    where: str
    """Its name, for messages."""
    folder: str
    """Absolute path that relative artifacts are looked up in, on the server's machine."""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    """Component -> reference to use instead of the one in the definition."""
    commit: str = ""
    url: str = ""
    actor: str = ""
    authors: tuple[str, ...] = ()
    """Who wrote what is new in it, by name or e-mail address; none: whoever makes the release."""
    built_by: str = ""
    """Who, or what, built it, if that is not who makes the release."""


@dataclass(frozen=True, slots=True)
class ArtifactView:
    component: str
    name: str
    version: str
    digest: str
    reference: str


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """What others have attached to an image: a signature, an attestation, a list of contents."""

    kind: str
    digest: str
    size: int
    """Bytes."""
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ArtifactDetails:
    """What a reference means, for ``lockgate artifact show``."""

    kind: str
    name: str
    version: str
    digest: str
    reference: str
    platforms: tuple[str, ...] = ()
    """Of an image."""
    attachments: tuple[AttachmentView, ...] = ()
    """Of an image. What they say is not checked."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a release is or has been."""

    environment: str
    state: str
    """``runs``, ``ran``, ``quarantined``, or the state of a deployment under way."""
    deployment: str
    at: Instant
    because: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseView:
    id: str
    number: int
    application: str
    version: str
    label: str
    digest: str
    created_at: Instant
    created_by: str
    commit: str
    url: str
    artifacts: tuple[ArtifactView, ...]
    places: tuple[Place, ...] = ()
    templates: Mapping[str, str] = field(default_factory=dict)
    """``NAME@VERSION`` -> digest, of each that the definition was made with."""
    authors: tuple[str, ...] = ()
    built_by: str = ""
