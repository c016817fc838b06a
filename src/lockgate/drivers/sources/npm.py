"""``npm:``: a package of the npm registry with all it depends on, locked once.

npm itself locks, fetches and installs, so registries, credentials and proxies are those of the user's npmrc. Kept are
the lock without its addresses (a mirror gives the same digest) and every tarball; the digest is the sha256 of both
together. ``npm ci`` then installs from the kept tarballs alone: no network, no cache of npm. Scripts of packages are
never run.
"""

import base64
import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lockgate.core.artifact import Artifact, ArtifactKind, Reference, Tree
from lockgate.core.errors import (
    ArtifactAltered,
    ArtifactMissing,
    ArtifactMistyped,
    Invalid,
    LockgateError,
    PreparationFailed,
    Problem,
    Unavailable,
)
from lockgate.core.ids import Digest
from lockgate.drivers.depot import Depot
from lockgate.drivers.programs import Finished, find_program, run_program
from lockgate.drivers.trees import Site, tree_name

_SPEC = re.compile(r"(?P<name>(?:@[a-z0-9~_.-]+/)?[a-zA-Z0-9~_][a-zA-Z0-9~_.-]*)(?:@(?P<range>[^/:@\n]+))?\Z")
_EXACT = re.compile(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?\Z")
_QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
_NETWORK = re.compile(r"ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ERR_SOCKET|E5\d\d|ENOTCACHED|UNABLE_TO_")
_ABSENT = re.compile(r"\b(?:E404|ETARGET|ENOVERSIONS)\b")
_LIMITS = ("os", "cpu", "libc")
_ANY = "any"
_ALGORITHMS = ("sha512", "sha384", "sha256", "sha1")


@dataclass(frozen=True, slots=True)
class Spec:
    """A package and the versions that are meant."""

    name: str
    range: str

    def __str__(self) -> str:
        return f"{self.name}@{self.range}" if self.range else self.name


@dataclass(frozen=True, slots=True)
class Locked:
    """One tarball of the lock."""

    place: str
    """Where it is installed: its key in the lock."""
    name: str
    version: str
    integrity: str
    """Subresource integrity: ``sha512-...``; npm checks it, and so do we."""

    @property
    def spec(self) -> str:
        return f"{self.name}@{self.version}"


class NpmSource:
    """Packages by name and version, range or tag: ``npm:http-server@14.1.1``, ``npm:@scope/name@^2``."""

    kind = ArtifactKind.NPM

    def __init__(self, depot: Depot) -> None:
        self._depot = depot

    def resolve(self, reference: Reference, folder: Path) -> Artifact:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`, :class:`ArtifactMistyped` (depends on something
        outside of the registry), :class:`Unavailable`, :class:`ComponentMissing`, :class:`StorageFull`,
        :class:`Invalid`."""
        spec = _spec(reference)
        with self._depot.scratch() as work:
            lock = self._lock(spec, work, folder)
            tarballs = self._fetch(_tarballs(lock), work)
            kept = self._depot.blobs.put_files(set(tarballs.values()))
        files = {place: kept[path] for place, path in tarballs.items()}
        manifest = {"kind": self.kind, "lock": _without_addresses(lock), "files": files, "platform": _platform_of(lock)}
        digest = self._depot.blobs.put_value(manifest)
        version = str(lock["packages"][f"node_modules/{spec.name}"]["version"])
        return Artifact(self.kind, spec.name, version, digest, str(reference))

    def materialise(self, artifact: Artifact) -> Tree:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`, :class:`ComponentMissing`,
        :class:`PreparationFailed`, :class:`StorageFull`."""

        def build(site: Site) -> None:
            self._depot.blobs.use(self.blobs_of(artifact))
            self._install(artifact, site)

        root = PurePosixPath(self._depot.trees.make(tree_name(artifact), artifact.digest, build))
        return Tree(root, (root / "node_modules" / ".bin",))

    def latest(self, reference: Reference, folder: Path) -> Reference:
        """The newest version that fits. Raises as :meth:`resolve`."""
        spec = _spec(reference)
        if _EXACT.match(spec.range):
            return reference
        with self._depot.scratch() as work:
            lock = self._lock(spec, work, folder)
        version = lock["packages"][f"node_modules/{spec.name}"]["version"]
        return Reference(self.kind, f"{spec.name}@{version}")

    def blobs_of(self, artifact: Artifact) -> Collection[Digest]:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`."""
        manifest = self._depot.blobs.value(artifact.digest)
        return {artifact.digest, *(Digest(digest) for digest in manifest["files"].values())}

    def _lock(self, spec: Spec, work: Path, folder: Path) -> dict[str, Any]:
        if (folder / ".npmrc").is_file():
            shutil.copy(folder / ".npmrc", work)
        (work / "package.json").write_text(_package(spec))
        words = ("install", "--package-lock-only", "--omit-lockfile-registry-resolved=false", "--json")
        done = self._npm(words, work)
        if done.code != 0:
            raise _explained(str(spec), done)
        lock: dict[str, Any] = json.loads((work / "package-lock.json").read_text())
        return lock

    def _fetch(self, wanted: Iterable[Locked], work: Path) -> dict[str, Path]:
        """The tarball of each place of the lock."""
        found: dict[str, Path] = {}
        by_spec = {one.spec: one for one in wanted}
        folder = self._pack(by_spec, work / "all")
        names = {spec: folder / _file_name(one) for spec, one in by_spec.items()}
        for spec, one in by_spec.items():
            # Two packages can be given one file name (@a/b and a-b), and the later one wins.
            if not _has(names[spec], one.integrity):
                names[spec] = self._pack([spec], work / f"alone-{len(found)}") / _file_name(one)
            if not _has(names[spec], one.integrity):
                because = f"npm gave other bytes for {spec} than its lock fixes ({one.integrity})."
                raise ArtifactAltered(because, "Find out who changed the package in the registry.")
            found[spec] = names[spec]
        return {one.place: found[one.spec] for one in wanted}

    def _pack(self, specs: Iterable[str], into: Path) -> Path:
        into.mkdir()
        words = ("pack", "--json", f"--pack-destination={into}", "--", *specs)
        done = self._npm(words, into.parent)
        if done.code != 0:
            raise _explained(", ".join(list(specs)[:3]), done)
        return into

    def _install(self, artifact: Artifact, site: Site) -> None:
        manifest = self._depot.blobs.value(artifact.digest)
        lock = manifest["lock"]
        if manifest["platform"] not in {_ANY, _platform()}:
            because = f"{artifact.label()} was resolved for {manifest['platform']}, but this is {_platform()}."
            raise PreparationFailed(because, "Make the release again on such a machine.")
        site.root.mkdir()
        (site.root / "package.json").write_text(_package_of(lock))
        with self._depot.scratch() as work:
            # npm checks each against the integrity in the lock, so a damaged blob is found here.
            addresses = _with_addresses(lock, self._linked(manifest["files"], work))
            (site.root / "package-lock.json").write_text(json.dumps(addresses))
            words = ("ci", "--offline", f"--cache={work / 'cache'}", "--json")
            done = self._npm(words, site.root, keep_open=[site.lock])
        if done.code != 0:
            raise _not_installed(artifact, done)
        (site.root / "package-lock.json").write_text(json.dumps(lock, indent=2))

    def _linked(self, files: Mapping[str, str], work: Path) -> dict[str, Path]:
        """npm unpacks what is called .tgz."""
        links = {}
        for place, digest in files.items():
            links[place] = work / f"{digest.removeprefix('sha256:')}.tgz"
            if not links[place].is_symlink():
                links[place].symlink_to(self._depot.blobs.path(Digest(digest)))
        return links

    def _npm(self, words: Iterable[str], cwd: Path, keep_open: Iterable[int] = ()) -> Finished:
        first, *rest = words
        program = find_program("npm", "an npm: artifact")
        cache = () if any(word.startswith("--cache") for word in rest) else (f"--cache={self._depot.cache('npm')}",)
        env = {name: value for name, value in os.environ.items() if name.lower() != "npm_config_offline"}
        return run_program([program, first, *_QUIET, *cache, *rest], cwd=cwd, env=env, keep_open=tuple(keep_open))


def _spec(reference: Reference) -> Spec:
    found = _SPEC.match(reference.name.strip())
    if found is None:
        because = f"{reference} does not name a package of the npm registry."
        mend = "Write npm:NAME@VERSION, such as npm:http-server@14.1.1 or npm:@scope/name@2.0.0."
        raise Invalid([Problem("request", None, "artifact", because, mend)])
    return Spec(found["name"], (found["range"] or "").strip())


def _package(spec: Spec) -> str:
    return json.dumps({"name": "release", "private": True, "dependencies": {spec.name: spec.range or "latest"}})


def _package_of(lock: Mapping[str, Any]) -> str:
    return json.dumps({"name": "release", "private": True, "dependencies": lock["packages"][""]["dependencies"]})


def _tarballs(lock: Mapping[str, Any]) -> list[Locked]:
    found = []
    for place, entry in sorted(lock["packages"].items()):
        if not place or entry.get("inBundle") or not _fits(entry):
            continue
        name = entry.get("name") or place.rpartition("node_modules/")[2]
        if entry.get("link") or "integrity" not in entry:
            because = f"The npm package depends on {name} at {entry.get('resolved')}, which is outside of the registry"
            raise ArtifactMistyped(f"{because}, so its content cannot be fixed.", "Use a version that does not.")
        found.append(Locked(place, name, entry["version"], entry["integrity"]))
    return found


def _fits(entry: Mapping[str, Any]) -> bool:
    """Whether npm would install an optional package on this machine (npm's page "package.json": os, cpu, libc)."""
    if not entry.get("optional"):
        return True
    return all(_allows(entry.get(key), ours) for key, ours in zip(_LIMITS, _platform().split("-"), strict=True))


def _platform() -> str:
    cpu = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"linux-{cpu}-{'glibc' if platform.libc_ver()[0] == 'glibc' else 'musl'}"


def _platform_of(lock: Mapping[str, Any]) -> str:
    """Where the kept tarballs are enough."""
    limited = any(key in entry for entry in lock["packages"].values() for key in _LIMITS)
    return _platform() if limited else _ANY


def _allows(listed: Any, ours: str) -> bool:
    names = [listed] if isinstance(listed, str) else list(listed or ())
    allowed = {name for name in names if not name.startswith("!")}
    return f"!{ours}" not in names and (not allowed or ours in allowed or "any" in allowed)


def _without_addresses(lock: Mapping[str, Any]) -> dict[str, Any]:
    """What is fixed: no address, and instead of the range or tag that was asked for, its version. (npm would look up a
    tag again when it installs.)"""
    packages = {
        place: {key: value for key, value in entry.items() if key not in {"resolved", "funding"}}
        for place, entry in lock["packages"].items()
    }
    asked = lock["packages"][""]["dependencies"]
    fixed = {name: lock["packages"][f"node_modules/{name}"]["version"] for name in asked}
    packages[""] = {**lock["packages"][""], "dependencies": fixed}
    return {**lock, "packages": packages}


def _with_addresses(lock: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Any]:
    packages = {
        place: {**entry, "resolved": f"file:{files[place]}"} if place in files else entry
        for place, entry in lock["packages"].items()
    }
    return {**lock, "packages": packages}


def _file_name(one: Locked) -> str:
    return f"{one.name.removeprefix('@').replace('/', '-')}-{one.version}.tgz"


def _has(path: Path, integrity: str) -> bool:
    """Whether the file fits the strongest hash of a subresource integrity (W3C SRI, section 3.3)."""
    if not path.is_file():
        return False
    hashes = [one.partition("-") for one in integrity.split()]
    algorithm = next(a for a in _ALGORITHMS if any(h[0] == a for h in hashes))
    with path.open("rb") as file:
        found = base64.b64encode(hashlib.file_digest(file, algorithm).digest()).decode()
    return any(h[0] == algorithm and h[2].partition("?")[0] == found for h in hashes)


def _complaint(done: Finished) -> str:
    try:
        error = json.loads(done.out)["error"]
        return f"{error.get('code', '')}: {error.get('summary', '')} {error.get('detail', '')}".strip()
    except (ValueError, KeyError, TypeError):
        return done.last_words()


def _explained(what: str, done: Finished) -> LockgateError:
    said = _complaint(done)
    if "EINTEGRITY" in said:
        because = f"npm was given other bytes for {what} than the registry names: {said}"
        return ArtifactAltered(because, "Find out who changed the package in the registry or the npm cache.")
    if _ABSENT.search(said):
        return ArtifactMissing(f"The npm registry has no {what}: {said}", "Look at the spelling and the version.")
    if _NETWORK.search(said):
        return Unavailable(f"The npm registry does not answer for {what}: {said}", "Look at the network and try again.")
    return ArtifactMissing(f"npm cannot resolve {what}: {said}", "Mend what it says, and try again.")


def _not_installed(artifact: Artifact, done: Finished) -> LockgateError:
    said = _complaint(done)
    if "EINTEGRITY" in said:
        because = f"A kept tarball of {artifact.label()} is damaged: {said}"
        return ArtifactAltered(because, "Check the disk of the data folder, and make the release again.")
    return PreparationFailed(f"npm cannot install {artifact.label()}: {said}")
