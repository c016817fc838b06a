"""``pypi:``: Python packages with all they depend on, locked once to exact files.

uv resolves, by the index configuration of the user (pip's too). The digest is the sha256 of the sorted lock (name,
version and sha256 of each file) with the Python version and the platform; every file is kept, so an environment can be
built again without the network and without uv's cache. What exists only as source is built once, when it is resolved,
and the wheel is kept: a later build would need the network and could differ.
"""

import json
import os
import platform
import re
import sys
import sysconfig
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import uv

from lockgate.core.artifact import Artifact, ArtifactKind, Reference, Tree
from lockgate.core.errors import (
    ArtifactAltered,
    ArtifactMissing,
    ArtifactYanked,
    ComponentMissing,
    Invalid,
    LockgateError,
    PreparationFailed,
    Problem,
    Unavailable,
)
from lockgate.core.ids import Digest
from lockgate.drivers.blobs import Incoming, altered
from lockgate.drivers.depot import Depot
from lockgate.drivers.downloads import Downloads, downloads
from lockgate.drivers.pip_settings import UvSettings, uv_settings
from lockgate.drivers.programs import Finished, run_program
from lockgate.drivers.storage import disk, locked
from lockgate.drivers.trees import Site, tree_name

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"(?P<extras>\[[A-Za-z0-9._,-]+\])?"
    r"(?P<versions>(?:(?:===|==|~=|!=|<=|>=|<|>)[A-Za-z0-9.*+!_-]+(?:,(?=[=~!<>]))?)*)\Z"
)
"""A name with extras and versions (PEP 508); no URLs, paths, markers or options of uv."""
_EXACT = re.compile(r"={2,3}[A-Za-z0-9.+!_-]+\Z")
_YANKED = re.compile(r"`(?P<name>[^`=]+)==(?P<version>[^`]+)` is yanked(?: \(reason: \"(?P<reason>.*)\"\))?")
_ABSENT = re.compile(r"was not found in|there (?:is|are) no versions? of|is not available|no wheels? with a matching")
_WITHDRAWN = re.compile(r"was yanked(?: \(reason: (?P<reason>[^)]*)\))?")
_NETWORK = re.compile(
    r"Failed to fetch|error sending request|dns error|timed out|offline|Connection refused|HTTP status"
)
_ASK = (
    "import platform, sysconfig;"
    "print(platform.python_implementation(), sysconfig.get_python_version(), sysconfig.get_platform())"
)
_AT_ONCE = 8
_EPOCH = "315619200"
"""1980-01-02, the first day that every zip file can hold: makes most builds from source give the same bytes twice."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One file of the lock."""

    name: str
    version: str
    url: str
    digest: Digest | None
    """None when the index names no sha256; then what arrives first counts."""

    @property
    def file(self) -> str:
        return unquote(urlsplit(self.url).path).rpartition("/")[2]

    @property
    def is_wheel(self) -> bool:
        return self.file.endswith(".whl")


class PypiSource:
    """Packages by requirement: ``pypi:datasette==0.65.5``, ``pypi:httpbin[mainapp]``, or several of them."""

    kind = ArtifactKind.PYPI

    def __init__(self, depot: Depot, python: Path | None = None) -> None:
        """``python``: the interpreter of the environments; the one that runs Lockgate by default."""
        self._depot = depot
        self._python = python or Path(os.environ.get("LOCKGATE_PYTHON") or sys.executable)

    def resolve(self, reference: Reference, folder: Path) -> Artifact:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactYanked`, :class:`ArtifactAltered`, :class:`Unavailable`,
        :class:`PreparationFailed` (a package that exists only as source does not build), :class:`StorageFull`,
        :class:`Invalid`."""
        wanted = _requirements(reference)
        lock = self._lock(wanted, reference, folder)
        files = self._keep(lock, folder)
        packages = [
            {"name": one.name, "version": one.version, "file": file, "digest": digest}
            for one, (file, digest) in zip(lock, files, strict=True)
        ]
        manifest = {"kind": self.kind, "packages": packages, **self._machine()}
        digest = self._depot.blobs.put_value(manifest)
        first = _normal(_name(wanted[0]))
        version = next(one.version for one in lock if one.name == first)
        return Artifact(self.kind, first, version, digest, str(reference))

    def materialise(self, artifact: Artifact) -> Tree:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`, :class:`PreparationFailed`,
        :class:`StorageFull`."""

        def build(site: Site) -> None:
            self._depot.blobs.use(self.blobs_of(artifact))
            self._install(artifact, site)

        root = PurePosixPath(self._depot.trees.make(tree_name(artifact), artifact.digest, build))
        return Tree(root, (root / "bin",))

    def latest(self, reference: Reference, folder: Path) -> Reference:
        """Each requirement pinned to the version that it gives now. Raises as :meth:`resolve`."""
        wanted = _requirements(reference)
        if all(_EXACT.search(_versions(one)) and "," not in _versions(one) for one in wanted):
            return reference
        versions = {one.name: one.version for one in self._lock(wanted, reference, folder)}
        pinned = [f"{_subject(one)}=={versions[_normal(_name(one))]}" for one in wanted]
        return Reference(self.kind, " ".join(pinned))

    def blobs_of(self, artifact: Artifact) -> Collection[Digest]:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`."""
        manifest = self._depot.blobs.value(artifact.digest)
        return {artifact.digest, *(Digest(one["digest"]) for one in manifest["packages"])}

    def _machine(self) -> dict[str, str]:
        """Minor version only: a security update of Python must not make every release another one."""
        if self._python.resolve() == Path(sys.executable).resolve():
            return _machine()
        words = [str(self._python), "-I", "-c", _ASK]
        done = run_program(words, cwd=self._depot.folder, env=os.environ, seconds=60)
        if done.code != 0:
            raise ComponentMissing(f"The Python interpreter {self._python} does not work: {done.last_words()}")
        implementation, version, system = done.out.split()
        return {"python": f"{implementation.lower()}-{version}", "platform": system}

    def _lock(self, wanted: Sequence[str], reference: Reference, folder: Path) -> list[Locked]:
        words = ["pip", "compile", "--generate-hashes", "--format=pylock.toml", "--no-header", "--no-annotate", "-"]
        done = self._uv([*words, f"--python={self._python}"], folder, given="\n".join(wanted), online=True)
        if done.code != 0:
            raise _explained(reference, done)
        _refuse_yanked(done.err)
        return sorted(map(_locked, tomllib.loads(done.out).get("packages", ())), key=lambda one: one.name)

    def _keep(self, lock: Sequence[Locked], folder: Path) -> list[tuple[str, Digest]]:
        """Name and digest of the wheel of each, all of them in the store."""
        indexes = _indexes(os.environ | dict(self._settings().environment))
        with ExitStack() as stack, downloads(indexes) as source:
            new = {one: stack.enter_context(self._depot.blobs.incoming()) for one in lock if not self._has(one)}
            _fetch_all(source, new)
            kept = self._depot.blobs.keep_all(new)
        return [self._wheel(one, kept.get(one) or _known(one), folder) for one in lock]

    def _has(self, one: Locked) -> bool:
        return one.digest is not None and self._depot.blobs.claim(one.digest)

    def _wheel(self, one: Locked, digest: Digest, folder: Path) -> tuple[str, Digest]:
        if one.is_wheel:
            return one.file, digest
        # Built once for each source and machine: a second build takes seconds and may give other bytes.
        machine = self._machine()
        name = f"{digest.removeprefix('sha256:')}-{machine['python']}-{machine['platform']}"
        note = self._depot.cache("built") / name
        with locked(note.with_name(f"{name}.lock")):
            known = _noted(note)
            if known is not None and self._depot.blobs.claim(known[1]):
                return known
            built = self._build(one, digest, folder)
            with disk(note):
                note.write_text(json.dumps(built))
            return built

    def _build(self, one: Locked, digest: Digest, folder: Path) -> tuple[str, Digest]:
        with self._depot.scratch() as work:
            source = work / one.file
            source.symlink_to(self._depot.blobs.path(digest))
            words = ["build", "--wheel", f"--out-dir={work / 'wheel'}", f"--python={self._python}", "--", str(source)]
            done = self._uv(words, folder, online=True, more={"SOURCE_DATE_EPOCH": _EPOCH})
            built = list((work / "wheel").glob("*.whl"))
            if done.code != 0 or len(built) != 1:
                because = f"{one.name} {one.version} exists only as source, and building it failed: {done.last_words()}"
                raise PreparationFailed(because, "Install what its build needs, or ask for a version with a wheel.")
            return built[0].name, self._depot.blobs.put_file(built[0])

    def _install(self, artifact: Artifact, site: Site) -> None:
        manifest = self._depot.blobs.value(artifact.digest)
        self._refuse_other_machine(artifact, manifest)
        with self._depot.scratch() as work:
            lines = [_line(one, self._linked(one, work)) for one in manifest["packages"]]
            (work / "lock.txt").write_text("\n".join(lines))
            # A cache of its own on the same file system: files are linked out of it and then belong to this tree alone.
            # Links into a shared cache would let a program that writes into its environment change every release.
            own = {"UV_CACHE_DIR": str(work / "cache")}
            make = ["venv", "--no-project", "--no-config", f"--python={self._python}", str(site.root)]
            _installed(artifact, self._uv(make, work, more=own, keep_open=[site.lock]))
            fill = [
                "pip",
                "install",
                "--no-config",
                "--no-index",
                "--no-deps",
                "--require-hashes",
                "--compile-bytecode",
            ]
            fill += [
                "--link-mode=hardlink",
                f"--python={site.root / 'bin' / 'python'}",
                f"--requirements={work / 'lock.txt'}",
            ]
            _installed(artifact, self._uv(fill, work, more=own, keep_open=[site.lock]))

    def _linked(self, one: Mapping[str, Any], work: Path) -> Path:
        """uv reads name, version and tags of a wheel from its file name."""
        link = work / str(one["file"])
        link.symlink_to(self._depot.blobs.path(Digest(one["digest"])))
        return link

    def _refuse_other_machine(self, artifact: Artifact, manifest: Mapping[str, Any]) -> None:
        here = self._machine()
        there = {name: manifest[name] for name in here}
        if here != there:
            because = f"{artifact.label()} was resolved for {there['python']} on {there['platform']}"
            because += f", but environments here are made for {here['python']} on {here['platform']}."
            raise PreparationFailed(because, "Make the release again, or set LOCKGATE_PYTHON to such an interpreter.")

    def _settings(self) -> UvSettings:
        return uv_settings(os.environ)

    def _uv(
        self,
        words: Sequence[str],
        cwd: Path,
        *,
        given: str = "",
        online: bool = False,
        more: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> Finished:
        settings = self._settings() if online else UvSettings()
        env = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "UV_OUTPUT_FILE"}}
        env |= {"UV_CACHE_DIR": str(self._depot.cache("uv")), "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
        env |= {"UV_NO_PROGRESS": "1", "LC_ALL": "C.UTF-8", **settings.environment, **(more or {})}
        options = settings.words if online else ("--offline",)
        head, tail = (list(words[:2]), list(words[2:])) if words[0] == "pip" else ([words[0]], list(words[1:]))
        return run_program([str(find_uv()), *head, *options, *tail], cwd=cwd, env=env, given=given, keep_open=keep_open)


def find_uv() -> Path:
    """The uv that came with Lockgate. Raises :class:`ComponentMissing`."""
    try:
        return Path(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise ComponentMissing("The uv program is not where its package puts it.", "Install Lockgate again.") from error


def _machine() -> dict[str, str]:
    implementation = platform.python_implementation().lower()
    return {"python": f"{implementation}-{sysconfig.get_python_version()}", "platform": sysconfig.get_platform()}


def _requirements(reference: Reference) -> tuple[str, ...]:
    """One requirement each; separated by spaces, or by commas before a name."""
    tight = re.sub(r"\s*(===|==|~=|!=|<=|>=|<|>|,(?=\s*[=~!<>]))\s*", r"\1", reference.name.strip())
    pieces = re.split(r"\s+|,(?![^\[\]]*\])(?=[A-Za-z0-9])", tight)
    found = tuple(one for one in (piece.strip(",") for piece in pieces) if one) or ("",)
    for one in found:
        if not _REQUIREMENT.match(one):
            because = f"{one!r} in {reference} is not a requirement on a Python package."
            mend = (
                "Write a name, maybe extras, and versions, such as datasette==0.65.5 or httpbin[mainapp]>=0.10,<0.11."
            )
            raise Invalid([Problem("request", None, "artifact", because, mend)])
    return found


def _part(requirement: str, name: str) -> str:
    found = _REQUIREMENT.match(requirement)
    return (found[name] or "") if found else ""


def _name(requirement: str) -> str:
    return _part(requirement, "name")


def _versions(requirement: str) -> str:
    return _part(requirement, "versions")


def _subject(requirement: str) -> str:
    return _name(requirement) + _part(requirement, "extras")


def _normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _locked(package: Mapping[str, Any]) -> Locked:
    """uv has left out the wheels that do not fit this machine; any of the rest would do, the most specific is best."""
    wheels = sorted(package.get("wheels", ()), key=lambda one: _fitness(str(one.get("url") or one.get("path"))))
    files = [*reversed(wheels), *([package["sdist"]] if "sdist" in package else [])]
    if not files:
        because = f"{package['name']} {package.get('version', '')} has no file that fits this machine."
        raise ArtifactMissing(because, "Ask for another version.")
    url = str(files[0].get("url") or Path(files[0]["path"]).absolute().as_uri())
    sha256 = files[0].get("hashes", {}).get("sha256")
    digest = Digest(f"sha256:{sha256}") if sha256 else None
    return Locked(_normal(package["name"]), str(package["version"]), url, digest)


def _fitness(url: str) -> tuple[bool, bool, list[int], list[int], str]:
    """Wheels of one package and version, those for more machines first (PEP 425, PEP 600)."""
    file = unquote(urlsplit(url).path).rpartition("/")[2].removesuffix(".whl")
    python, abi, system = file.split("-")[-3:]
    released = [[int(n) for n in one] for one in re.findall(r"manylinux_(\d+)_(\d+)", system)]
    minor = [int(n) for n in re.findall(r"\d+", python)]
    return (system != "any", abi not in {"none", "abi3"}, minor, max(released, default=[0]), file)


def _noted(note: Path) -> tuple[str, Digest] | None:
    try:
        file, digest = json.loads(note.read_text())
    except (OSError, ValueError):
        return None
    return str(file), Digest(digest)


def _known(one: Locked) -> Digest:
    assert one.digest is not None
    return one.digest


def _fetch_all(source: Downloads, new: Mapping[Locked, Incoming]) -> None:
    def fetch(one: Locked) -> None:
        source.fetch(one.url, new[one])
        found = new[one].finish()
        if one.digest is not None and found != one.digest:
            raise altered(f"{one.file} of {one.name} {one.version}", one.digest, found)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(fetch, new):
            pass


def _indexes(env: Mapping[str, str]) -> Iterator[str]:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"):
        for one in env.get(name, "").split():
            yield re.sub(r"^[A-Za-z0-9_-]+=", "", one)


def _line(one: Mapping[str, Any], wheel: Path) -> str:
    return f"{one['name']} @ {wheel.as_uri()} --hash={one['digest']}"


def _refuse_yanked(said: str) -> None:
    """uv only warns when a yanked version is asked for by its number."""
    found = _YANKED.search(said)
    if found is not None:
        because = f"{found['name']} {found['version']} was yanked"
        because += f": {found['reason']}." if found["reason"] else " by its authors."
        raise ArtifactYanked(because, "Ask for another version.")


def _explained(reference: Reference, done: Finished) -> LockgateError:
    said = done.last_words()
    if done.code == 2 and "Couldn't parse requirement" in said:
        return Invalid([Problem("request", None, "artifact", f"{reference} cannot be read: {said}")])
    if re.search(r"[Hh]ash mismatch", said):
        return ArtifactAltered(f"The index gives other bytes than it names for {reference}: {said}")
    yanked = _WITHDRAWN.search(said)
    if yanked is not None:
        reason = f": {yanked['reason']}" if yanked["reason"] else ""
        return ArtifactYanked(f"What fits {reference} was yanked{reason}. {said}", "Ask for another version.")
    if _NETWORK.search(said) and not _ABSENT.search(said):
        return Unavailable(
            f"The package index does not answer for {reference}: {said}", "Look at the network, try again."
        )
    if _ABSENT.search(said):
        return ArtifactMissing(
            f"The package index has nothing that fits {reference}: {said}", "Look at name and version."
        )
    because = f"{reference} cannot be resolved: {said}"
    return ArtifactMissing(because, "Loosen the versions, or ask for others.")


def _installed(artifact: Artifact, done: Finished) -> None:
    if done.code == 0:
        return
    said = done.last_words()
    if re.search(r"[Hh]ash mismatch", said):
        because = f"A kept file of {artifact.label()} is damaged: {said}"
        raise ArtifactAltered(because, "Check the disk of the data folder, and make the release again.")
    raise PreparationFailed(f"No environment can be made for {artifact.label()}: {said}")
