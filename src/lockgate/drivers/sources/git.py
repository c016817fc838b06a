"""``git:``: the files of one commit of a repository.

A bare mirror of a remote repository in the data folder only saves time. What a release needs is kept as two blobs: the
sorted list of files with modes and content hashes, whose sha256 is the artifact's digest, and a tar archive of the
files. So the digest is of the content: two commits with the same files are the same artifact, and a rewritten history
takes nothing away.
"""

import contextlib
import hashlib
import io
import os
import re
import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import pygit2
from pygit2.enums import FileMode

from lockgate.core.artifact import Artifact, ArtifactKind, Reference, Tree
from lockgate.core.errors import (
    ArtifactMissing,
    ArtifactMistyped,
    Invalid,
    LockgateError,
    Problem,
    Unavailable,
)
from lockgate.core.ids import Digest, digest_of_bytes
from lockgate.drivers.depot import Depot
from lockgate.drivers.downloads import for_people, without_owner
from lockgate.drivers.programs import find_program, run_program
from lockgate.drivers.storage import discard, disk, locked
from lockgate.drivers.trees import Site, tree_name
from lockgate.drivers.unpacking import unpack

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_ABBREVIATED = re.compile(r"[0-9a-f]{7,39}\Z")
_SCP = re.compile(r"(?:[^/@:]+@)?[^/@:]+:(?!//)")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_ALL = ["+refs/heads/*:refs/lockgate/refs/heads/*", "+refs/tags/*:refs/lockgate/refs/tags/*"]
_PROTOCOLS = "file:git:http:https:ssh"
_CONNECT = 10_000
_SILENCE = 60_000
"""Milliseconds."""
_LFS = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a repository is and which of its commits is meant."""

    url: str
    ref: str
    """Branch, tag or commit; empty for the default branch."""
    remote: bool
    """Reached by a URL; otherwise a folder of this machine, read where it is."""

    @property
    def name(self) -> str:
        return re.split(r"[/:]", without_owner(self.url).rstrip("/"))[-1].removesuffix(".git") or "repository"

    @property
    def shown(self) -> str:
        return without_owner(self.url) if "://" in self.url else self.url


class GitSource:
    """Repositories by path or URL: ``git:https://host/shop.git@v1.2``. Without ``@`` the default branch is meant."""

    kind = ArtifactKind.GIT

    def __init__(self, depot: Depot) -> None:
        self._depot = depot
        pygit2.settings.server_connect_timeout = _CONNECT  # none by default: a silent server would hold us for ever
        pygit2.settings.server_timeout = _SILENCE

    def resolve(self, reference: Reference, folder: Path) -> Artifact:
        """Raises :class:`ArtifactMissing` (repository or ref), :class:`ArtifactMistyped` (submodules, LFS, links that
        lead outside), :class:`Unavailable`, :class:`StorageFull`, :class:`Invalid`."""
        wanted = repository_of(reference, folder)
        with self._opened(wanted) as (repository, commit):
            digest = self._export(repository, commit, wanted)
        version = str(commit.id)[:12] if not wanted.ref or _COMMIT.match(wanted.ref) else wanted.ref
        return Artifact(self.kind, wanted.name, version, digest, for_people(reference))

    def materialise(self, artifact: Artifact) -> Tree:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`, :class:`StorageFull`."""

        def build(site: Site) -> None:
            self._depot.blobs.use(self.blobs_of(artifact))
            archive = Digest(self._depot.blobs.value(artifact.digest)["archive"])
            with self._depot.blobs.open(archive, verify=True) as file:
                unpack(file, site.root, artifact.reference)

        root = PurePosixPath(self._depot.trees.make(tree_name(artifact), artifact.digest, build))
        programs = root / "bin"
        return Tree(root, (root, programs) if Path(programs).is_dir() else (root,))

    def latest(self, reference: Reference, folder: Path) -> Reference:
        """The commit that the branch or tag names now. Raises as :meth:`resolve`."""
        wanted = repository_of(reference, folder)
        if _COMMIT.match(wanted.ref):
            return reference
        with self._opened(wanted) as (_, commit):
            place = reference.name[: len(reference.name) - len(wanted.ref) - 1] if wanted.ref else reference.name
            return Reference(self.kind, f"{place}@{commit.id}")

    def blobs_of(self, artifact: Artifact) -> Collection[Digest]:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`."""
        return {artifact.digest, Digest(self._depot.blobs.value(artifact.digest)["archive"])}

    @contextmanager
    def _opened(self, wanted: Repository) -> Iterator[tuple[pygit2.Repository, pygit2.Commit]]:
        """A repository that has the wanted commit, and that commit."""
        if not wanted.remote:
            yield _local(wanted)
            return
        name = hashlib.sha256(wanted.url.encode()).hexdigest()[:16]
        place = self._depot.cache("git") / f"{name}.git"
        with locked(place.with_suffix(".lock")), disk(place):
            try:
                mirror = _Mirror(place, wanted)
                commit = mirror.commit()
            except _Broken:
                discard(place)  # a kill in the middle of a fetch can leave lock files behind
                mirror = _Mirror(place, wanted)
                commit = mirror.commit()
            yield mirror.repository, commit

    def _export(self, repository: pygit2.Repository, commit: pygit2.Commit, wanted: Repository) -> Digest:
        with self._depot.blobs.incoming() as new:
            files = []
            with tarfile.open(fileobj=cast(IO[bytes], new), mode="w|") as tar:
                for path, mode, data in _files(repository, commit.tree, wanted):
                    files.append([path, f"{mode:o}", digest_of_bytes(data)])
                    tar.addfile(_entry(path, mode, data), io.BytesIO(data))
            new.finish()
            unpack(new.path, None, wanted.shown)
            return self._depot.blobs.put_value({"kind": self.kind, "files": files, "archive": new.keep()})


def repository_of(reference: Reference, folder: Path) -> Repository:
    """Splits place and ref at the last ``@`` that is not part of the place. Raises :class:`Invalid`."""
    text = reference.name.strip()
    remote = bool(_URL.match(text) or _SCP.match(text))
    start = text.index("://") + 3 if "://" in text else 0
    start = text.find("/", start) if "://" in text else (text.index(":") if remote else 0)
    cut = text.rfind("@", max(start, 0))
    whole_is_path = not remote and (folder / text).is_dir()
    place, ref = (text[:cut], text[cut + 1 :]) if cut > 0 and start >= 0 and not whole_is_path else (text, "")
    if not place or place.startswith("-") or ref.startswith(("-", "+", ":")) or (cut > 0 and text.endswith("@")):
        because = f"{reference} does not name a repository and a commit."
        mend = "Write git:URL@ref or git:PATH@ref, where ref is a branch, a tag or a commit."
        raise Invalid([Problem("request", None, "artifact", because, mend)])
    return Repository(place if remote else str((folder / Path(place).expanduser()).absolute()), ref, remote)


def _local(wanted: Repository) -> tuple[pygit2.Repository, pygit2.Commit]:
    try:
        found = pygit2.discover_repository(wanted.url) if Path(wanted.url).is_dir() else None
        if found is None:
            because = f"{wanted.url} is not in a git repository."
            raise ArtifactMissing(because, "Look at the spelling; paths start at the application's file.")
        repository = pygit2.Repository(found)
        return repository, repository.revparse_single(wanted.ref or "HEAD").peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.InvalidSpecError) as error:
        raise _no_ref(wanted) from error
    except pygit2.GitError as error:
        raise ArtifactMissing(f"{wanted.url} cannot be read as a git repository: {error}.") from error


class _Broken(Exception):
    """The mirror cannot be used; the repository may be all right."""


class _Mirror:
    """A bare copy of the parts of a remote repository that were asked for."""

    def __init__(self, place: Path, wanted: Repository) -> None:
        self._wanted = wanted
        self._place = place
        try:
            self.repository = pygit2.init_repository(str(place), bare=True)
        except pygit2.GitError as error:
            raise _Broken from error

    def commit(self) -> pygit2.Commit:
        """Fetches what is missing. Raises :class:`ArtifactMissing`, :class:`Unavailable`."""
        if _COMMIT.match(self._wanted.ref):
            return self._by_id(self._wanted.ref)
        refs = self._refs()
        for name in _candidates(self._wanted.ref):
            if name in refs:
                return self._tip(name, refs[name])
        if _ABBREVIATED.match(self._wanted.ref):
            return self._by_id(self._wanted.ref)
        raise _no_ref(self._wanted)

    def _tip(self, name: str, oid: str) -> pygit2.Commit:
        if oid not in self.repository:
            self._fetch([f"+{name}:refs/lockgate/{'head' if name == 'HEAD' else name}"])
        try:
            return self.repository[oid].peel(pygit2.Commit)
        except (KeyError, pygit2.GitError) as error:
            raise _Broken from error

    def _by_id(self, ref: str) -> pygit2.Commit:
        """A commit that no branch reaches any more is asked for by name, which many servers allow."""
        for fetch in (self._fetch_nothing, self._fetch_all, self._fetch_wanted):
            with contextlib.suppress(KeyError, ValueError, pygit2.GitError, ArtifactMissing):
                fetch()
                return self.repository.revparse_single(ref).peel(pygit2.Commit)
        raise _no_ref(self._wanted)

    def _fetch_nothing(self) -> None:
        """What is there needs no network."""

    def _fetch_all(self) -> None:
        self._fetch(_ALL)

    def _fetch_wanted(self) -> None:
        self._fetch_with_git([self._wanted.ref])

    def _refs(self) -> dict[str, str]:
        try:
            heads = self.repository.remotes.create_anonymous(self._wanted.url).list_heads()
            return {str(head.name): str(head.oid) for head in heads}
        except (pygit2.GitError, OSError):
            said = self._git("ls-remote", "--", self._wanted.url)
            return {name: oid for oid, name in (line.split("\t") for line in said.splitlines())}

    def _fetch(self, refspecs: list[str]) -> None:
        try:
            self.repository.remotes.create_anonymous(self._wanted.url).fetch(refspecs, depth=0)
        except (pygit2.GitError, OSError):
            self._fetch_with_git(refspecs)

    def _fetch_with_git(self, refspecs: list[str]) -> None:
        self._git("fetch", "--no-tags", "--no-write-fetch-head", "--", self._wanted.url, *refspecs)

    def _git(self, *words: str) -> str:
        """The git program knows transports and credential helpers that libgit2 does not."""
        program = find_program("git", f"{self._wanted.shown}")
        env = os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": _PROTOCOLS, "LC_ALL": "C"}
        env |= {
            "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
            "GIT_DIR": str(self._place),
        }
        done = run_program([program, *words], cwd=self._place, env=env)
        if done.code == 0:
            return done.out
        if ".lock" in done.err and "File exists" in done.err:
            raise _Broken(done.err)
        raise _explained(self._wanted, done.err)


def _candidates(ref: str) -> list[str]:
    return [f"refs/tags/{ref}", f"refs/heads/{ref}", ref] if ref else ["HEAD"]


def _no_ref(wanted: Repository) -> ArtifactMissing:
    what = f"no branch, tag or commit {wanted.ref!r}" if wanted.ref else "no commit yet"
    return ArtifactMissing(f"{wanted.shown} has {what}.", "Look at the spelling, and whether it has been pushed.")


def _explained(wanted: Repository, said: str) -> LockgateError:
    words = said.strip().replace(wanted.url, wanted.shown)
    if re.search(r"not (found|exist|appear)|does not|no such|not our ref|couldn't find", words, re.IGNORECASE):
        return ArtifactMissing(f"{wanted.shown} is not there, or does not have what was asked for: {words}")
    if re.search(r"authentication|could not read username|permission denied", words, re.IGNORECASE):
        because = f"{wanted.shown} may not be read: {words}"
        return ArtifactMissing(because, "Give the account that runs Lockgate a credential helper or a key for it.")
    return Unavailable(f"{wanted.shown} could not be fetched: {words}", "Look at the network, and try again.")


def _files(
    repository: pygit2.Repository, tree: pygit2.Tree, wanted: Repository, above: str = ""
) -> Iterator[tuple[str, int, bytes]]:
    """Path, mode and content of every file, sorted by path within each folder."""
    for entry in sorted(tree, key=lambda one: str(one.name)):
        path = f"{above}{entry.name}"
        thing: Any = None if entry.filemode == FileMode.COMMIT else repository[entry.id]
        if entry.filemode == FileMode.TREE:
            yield from _files(repository, thing, wanted, f"{path}/")
        elif entry.filemode == FileMode.COMMIT:
            because = f"{wanted.shown} has a submodule at {path!r}, and submodules are not fetched."
            raise ArtifactMistyped(because, "Put its files into the repository, or deploy an archive of both.")
        else:
            if thing.data.startswith(_LFS):
                because = f"{wanted.shown} keeps {path!r} in Git LFS, and its content is not in the repository."
                raise ArtifactMistyped(because, "Deploy an archive that holds the file itself.")
            yield path, int(entry.filemode), thing.data


def _entry(path: str, mode: int, data: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    if mode == FileMode.LINK:
        entry.type, entry.linkname = tarfile.SYMTYPE, data.decode(errors="surrogateescape")
        return entry
    entry.size, entry.mode = len(data), mode & 0o777
    return entry
