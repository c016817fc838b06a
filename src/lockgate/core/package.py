"""Package: something a release is made of, as the lists of contents attached to it say; package URLs; what is sought.

A package URL names a package the same way for every ecosystem: ``pkg:type/namespace/name@version?qualifiers#subpath``
(ECMA-427). Two that differ only in case, in their qualifiers or in their subpath are found as one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lockgate.core.artifact import Artifact, ArtifactKind
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import Digest

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_~:")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9.+-]*")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_LOWERED = frozenset({"pypi", "github", "bitbucket", "gitlab", "deb", "apk", "rpm", "npm", "composer", "oci", "docker"})
_EXTRAS = re.compile(r"\[[^\]]*\]")
_DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PackageUrl:
    """Its parts, decoded."""

    type: str
    name: str
    namespace: str = ""
    """``@angular``, ``org.apache.commons``; several segments with ``/`` between."""
    version: str = ""
    qualifiers: Mapping[str, str] = field(default_factory=dict)
    subpath: str = ""

    @classmethod
    def parse(cls, text: str) -> "PackageUrl":
        """Raises :class:`Invalid`."""
        found = _read(text.strip())
        if found is None:
            because = f"{text[:200]!r} is not a package URL."
            raise Invalid([Problem("request", None, "purl", because, "Write it as pkg:pypi/urllib3@2.0.4.")])
        return found

    @property
    def line(self) -> str:
        """All versions of the package, as one: ``pkg:pypi/urllib3``, in lower case."""
        return replace_version(self, "").lower()

    def __str__(self) -> str:
        """In canonical form."""
        qualifiers = "&".join(f"{key}={_encoded(value)}" for key, value in sorted(self.qualifiers.items()) if value)
        tail = (f"?{qualifiers}" if qualifiers else "") + (f"#{_encoded_path(self.subpath)}" if self.subpath else "")
        return replace_version(self, self.version) + tail


def replace_version(url: PackageUrl, version: str) -> str:
    """The URL without qualifiers and subpath, at that version."""
    place = f"{_encoded_path(url.namespace)}/" if url.namespace else ""
    return f"pkg:{url.type}/{place}{_encoded(url.name)}" + (f"@{_encoded(version)}" if version else "")


def purl_or_none(text: str) -> PackageUrl | None:
    """Lists of contents are full of package URLs that are none: they are left out, not refused."""
    return _read(text.strip())


def _read(text: str) -> PackageUrl | None:
    rest, _, subpath = text.partition("#")
    rest, _, query = rest.partition("?")
    if rest[:4].lower() != "pkg:":
        return None
    kind, _, path = rest[4:].lstrip("/").partition("/")
    *spaces, last = [part for part in path.split("/") if part] or [""]
    name, _, version = last.rpartition("@") if "@" in last[1:] else (last, "", "")
    if not _TYPE.fullmatch(kind) or not name:
        return None
    kind = kind.lower()
    return PackageUrl(
        kind,
        _normal(kind, _decoded(name)),
        _normal(kind, "/".join(_decoded(part) for part in spaces)),
        _decoded(version),
        dict(_qualifiers(query)),
        "/".join(_decoded(part) for part in subpath.split("/") if part not in ("", ".", "..")),
    )


def _qualifiers(query: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in query.split("&"))
    return [(key.lower(), _decoded(value)) for key, _, value in pairs if key and value]


def _normal(kind: str, text: str) -> str:
    """As the type's own rules say."""
    if kind == "pypi":
        return text.lower().replace("_", "-")
    return text.lower() if kind in _LOWERED else text


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    parts = _ESCAPE.split(text)
    raw = b"".join(bytes.fromhex(part) if n % 2 else part.encode("utf-8", "replace") for n, part in enumerate(parts))
    return raw.decode("utf-8", "replace")


def _encoded(text: str) -> str:
    bytes_of = (
        char if char in _PLAIN else "".join(f"%{b:02X}" for b in char.encode("utf-8", "replace")) for char in text
    )
    return "".join(bytes_of)


def _encoded_path(text: str) -> str:
    return "/".join(_encoded(part) for part in text.split("/"))


@dataclass(frozen=True, slots=True)
class Package:
    """One thing inside a release, or one of its artifacts."""

    name: str
    version: str = ""
    purl: str = ""
    """In canonical form; empty: none is known."""
    digest: str = ""
    """``sha256:...``; empty: none is known."""
    component: str = ""
    """Of the release; empty: not said."""

    @property
    def line(self) -> str:
        """All versions of it, as one: the package URL without its version, else nothing."""
        found = purl_or_none(self.purl)
        return found.line if found else ""

    @property
    def short_name(self) -> str:
        """What it is looked up by: the last part of its name, in lower case."""
        return self.name.rsplit("/", 1)[-1].lower()

    def label(self) -> str:
        return f"{self.name} {self.version}".rstrip()


_PURL_TYPES = {ArtifactKind.PYPI: "pypi", ArtifactKind.NPM: "npm", ArtifactKind.OCI: "oci"}


def package_of(artifact: Artifact, component: str) -> Package:
    """A release's own artifact as a package."""
    *spaces, last = artifact.name.split("/")
    kind = _PURL_TYPES.get(artifact.kind)
    purl = ""
    if kind == "oci":
        purl = str(PackageUrl("oci", last, "", artifact.digest, {"repository_url": artifact.name}))
    elif kind:
        purl = str(PackageUrl(kind, _normal(kind, last), _normal(kind, "/".join(spaces)), artifact.version))
    return Package(artifact.name, artifact.version, purl, artifact.digest, component)


# --- what is sought ---


class By(StrEnum):
    """How something is looked up."""

    DIGEST = "digest"
    RELEASE = "release"
    PURL = "purl"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody looks for."""

    by: By
    name: str
    """The digest, the release's id, the package URL without its version, or the last part of a name."""
    version: str = ""
    """Empty: any."""
    whole: str = ""
    """The name as it was written, if only those whose whole name ends so are meant."""
    qualifiers: Mapping[str, str] = field(default_factory=dict)

    def fits(self, package: Package) -> bool:
        """Whether a package that was found by name and version is really meant."""
        if self.whole and not f"/{_names(package)}".endswith(f"/{self.whole.lower()}"):
            return False
        if not self.qualifiers:
            return True
        found = purl_or_none(package.purl)
        return found is not None and self.qualifiers.items() <= found.qualifiers.items()


def _names(package: Package) -> str:
    found = purl_or_none(package.purl)
    if found is None or "/" in package.name:
        return package.name.lower()
    return f"{found.namespace}/{package.name}".lower()


def sought(text: str) -> Sought:
    """``sha256:...``, ``rel-...``, ``pkg:pypi/urllib3@2.0.4``, ``pypi:urllib3==2.0.4``, ``openssl``, ``openssl@3.0.7``
    or ``openssl 3.0.7``. Raises :class:`Invalid` for nothing at all, and for a package URL that is none."""
    words = text.strip()
    if not words:
        raise _nothing()
    if _DIGEST.fullmatch(words.lower()):
        return Sought(By.DIGEST, "sha256:" + words.lower().removeprefix("sha256:"))
    if words.startswith("rel-"):
        return Sought(By.RELEASE, words)
    if words.lower().startswith("pkg:"):
        url = PackageUrl.parse(words)
        return Sought(By.PURL, url.line, url.version, qualifiers=url.qualifiers)
    kind, colon, rest = words.partition(":")
    if colon and kind in {one.value for one in ArtifactKind}:
        return _of_reference(ArtifactKind(kind), rest)
    return _named(words)


def _of_reference(kind: ArtifactKind, rest: str) -> Sought:
    tail = rest.rpartition("@")[2]
    if _DIGEST.fullmatch(tail):
        return Sought(By.DIGEST, "sha256:" + tail.removeprefix("sha256:"))
    if kind is ArtifactKind.PYPI:
        return _named(_EXTRAS.sub("", rest).replace("==", "@"))
    if kind is ArtifactKind.OCI and ":" in rest.rpartition("/")[2]:
        name, _, tag = rest.rpartition(":")
        return _named(f"{name}@{tag}")
    # A path or a URL is told by where it was built, not by what it is called.
    return _named(rest) if kind in (ArtifactKind.NPM, ArtifactKind.OCI) else _named(rest.rpartition("/")[2])


def _named(words: str) -> Sought:
    name, space, version = words.rpartition(" ")
    if not space:
        name, at, version = words.rpartition("@")
        if not at or not name or "/" in version:
            name, version = words, ""
    name = name.strip().rstrip("/")
    if not name.strip("@/: "):
        raise _nothing()
    whole = name if "/" in name else ""
    return Sought(By.NAME, name.rsplit("/", 1)[-1].lower(), version.strip(), whole)


def _nothing() -> Invalid:
    mend = "Write a package such as openssl@3.0.7, a package URL, an artifact or a digest."
    return Invalid([Problem("request", None, "what", "it says nothing to look for.", mend)])


def digest_in(hashes: Mapping[str, str]) -> Digest | None:
    """The sha256 among hashes by the names that lists of contents use: ``SHA-256``, ``SHA256``, ``sha256``."""
    for name, value in hashes.items():
        if name.lower().replace("-", "") == "sha256" and _DIGEST.fullmatch(value.lower()):
            return Digest("sha256:" + value.lower().removeprefix("sha256:"))
    return None
