"""The names of images, by the grammar of the distribution project (``distribution/reference``), read strictly: a name
without a tag and without a digest would mean whatever ``latest`` is, and is refused.
"""

import re
from dataclasses import dataclass

from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import Digest

HUB = "docker.io"
"""The registry of names that have none in front, as for Docker. Its API is at another name: see :func:`api_host`."""

LONGEST = 255
"""Characters of registry and repository together."""

_HUB_TOO = re.compile(r"(?:(?:index|registry-1)\.)?docker\.io")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ImageName:
    """Where an image is, and which one is meant: by tag, by digest, or both, and then the digest decides."""

    registry: str
    """Host and maybe port."""
    repository: str
    tag: str = ""
    digest: Digest | None = None

    @property
    def name(self) -> str:
        """With its registry, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def which(self) -> str:
        """What a manifest is asked for by."""
        return self.digest or self.tag

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def image_name(text: str) -> ImageName:
    """``name:tag``, ``name@sha256:...`` or ``name:tag@sha256:...``. Raises :class:`Invalid`."""
    named, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        # Not quoted: it may be a password that stands there.
        because = "The image has something else than a digest behind its @."
        mend = (
            "A digest is sha256: and 64 hexadecimal digits. Names and passwords do not belong there: run docker login."
        )
        raise Invalid([Problem("request", None, "artifact", because, mend)])
    front, colon, tag = named.rpartition(":")
    if not colon or "/" in tag:  # that colon is in front of a port
        front, colon, tag = named, "", ""
    if not (colon or at):
        raise _invalid(text, "says neither a tag nor a digest", f"Write which one, such as {text}:1.0.")
    if colon and not _TAG.fullmatch(tag):
        raise _invalid(text, f"has the tag {tag!r}", "A tag is up to 128 letters, digits, '_', '.' and '-'.")
    registry, repository = _places(text, front)
    return ImageName(registry, repository, tag, Digest(digest) if at else None)


def api_host(registry: str) -> str:
    """Where a registry answers."""
    return f"registry-1.{HUB}" if registry == HUB else registry


def is_hub(registry: str) -> bool:
    """It is Docker Hub, by whichever of its names."""
    return _HUB_TOO.fullmatch(registry) is not None


def _places(text: str, front: str) -> tuple[str, str]:
    first, slash, rest = front.partition("/")
    named = bool(slash) and (first == "localhost" or "." in first or ":" in first)
    registry, repository = (first, rest) if named else (HUB, front)
    if is_hub(registry):
        registry, repository = HUB, repository if "/" in repository else f"library/{repository}"
    if not _HOST.fullmatch(registry):
        raise _invalid(text, f"has the registry {registry!r}", "A registry is a host, maybe with :PORT.")
    if not _REPOSITORY.fullmatch(repository):
        mend = "It is lower-case letters and digits, with '.', '_' or '-' between them and '/' between parts."
        raise _invalid(text, f"has the repository {repository!r}", mend)
    if len(registry) + len(repository) + 1 > LONGEST:
        raise _invalid(text, f"has a name of more than {LONGEST} characters", "Choose a shorter one.")
    return registry, repository


def _invalid(text: str, because: str, mend: str) -> Invalid:
    return Invalid([Problem("request", None, "artifact", f"The image {text!r} {because}.", mend)])
