"""All sources together, and the collection of what nothing needs."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.core.errors import CapabilityMissing
from lockgate.drivers.artifacts import Artifacts
from lockgate.drivers.depot import Depot
from lockgate.drivers.sources.archive import ArchiveSource
from lockgate.drivers.sources.file import FileSource
from lockgate.drivers.sources.git import GitSource
from lockgate.drivers.sources.npm import NpmSource
from lockgate.drivers.sources.pypi import PypiSource
from lockgate.ports import Source
from tests.drivers.sources.handmade import make_tar_gz, make_wheel


@pytest.fixture
def artifacts(depot: Depot) -> Artifacts:
    early = (PypiSource, NpmSource, ArchiveSource, FileSource)
    return Artifacts(depot, [kind(depot) for kind in early], {ArtifactKind.GIT: lambda: GitSource(depot)})


def _each(depot: Depot) -> Iterator[Source]:
    yield from (kind(depot) for kind in (PypiSource, NpmSource, ArchiveSource, GitSource, FileSource))


def _archive(artifacts: Artifacts, folder: Path, text: str) -> Artifact:
    (folder / "site.tgz").write_bytes(make_tar_gz({"page": text}))
    return artifacts.resolve(Reference.parse("archive:site.tgz"), folder)


def test_every_source_has_the_port(depot: Depot) -> None:
    assert {source.kind.value for source in _each(depot)} == {"pypi", "npm", "archive", "git", "file"}


def test_a_kind_without_a_source_is_told(artifacts: Artifacts, folder: Path) -> None:
    with pytest.raises(CapabilityMissing, match=r"no source for oci: artifacts here.*archive, file, git, npm, pypi"):
        artifacts.resolve(Reference.parse("oci:host/app:1"), folder)


def test_a_big_source_is_made_when_it_is_needed_and_once(depot: Depot) -> None:
    made: list[GitSource] = []

    def make() -> GitSource:
        made.append(GitSource(depot))
        return made[-1]

    artifacts = Artifacts(depot, [FileSource(depot)], {ArtifactKind.GIT: make})
    assert not made
    for commit in ("a" * 40, "b" * 40):
        reference = Reference.parse(f"git:https://127.0.0.1/shop.git@{commit}")
        assert artifacts.latest(reference, depot.folder) == reference
    assert len(made) == 1


def test_what_is_kept_survives_and_the_rest_goes(artifacts: Artifacts, depot: Depot, folder: Path, links: Path) -> None:
    make_wheel(links, "tinylib", "2.1")
    for version in ("1.0", "1.1"):
        make_wheel(links, "tinyapp", version, needs=("tinylib",))
    old, new = (artifacts.resolve(Reference.parse(f"pypi:tinyapp=={v}"), folder) for v in ("1.0", "1.1"))
    site = _archive(artifacts, folder, "one")
    trees = [artifacts.materialise(one) for one in (old, new, site)]
    collected = artifacts.collect([new], grace=0.0)
    assert len(collected.trees) == 2 and collected.blobs == 3 and collected.bytes > 0
    assert [Path(tree.root).exists() for tree in trees] == [False, True, False]
    depot.trees.remove(next(iter(depot.trees)))
    assert Path(artifacts.materialise(new).root).exists()
    assert artifacts.collect([new], grace=0.0).blobs == 0


def test_what_is_attached_to_a_release_is_no_artifact_and_stays(artifacts: Artifacts, depot: Depot) -> None:
    attached, left = depot.blobs.put_bytes(b"an SBOM"), depot.blobs.put_bytes(b"nothing needs this")
    assert artifacts.collect([], grace=0.0, attached={attached}).blobs == 1
    assert depot.blobs.has(attached) and not depot.blobs.has(left)


def test_what_was_made_or_used_lately_is_left_alone(artifacts: Artifacts, depot: Depot, folder: Path) -> None:
    site = _archive(artifacts, folder, "one")
    artifacts.materialise(site)
    assert artifacts.collect([], grace=60.0).trees == ()
    for path in depot.folder.rglob("*"):
        os.utime(path, (1000, 1000))
    artifacts.materialise(site)
    _archive(artifacts, folder, "one")
    assert artifacts.collect([], grace=60.0) == artifacts.collect([site], grace=0.0)
    assert len(artifacts.collect([], grace=0.0).trees) == 1


def test_what_crashed_processes_left_is_removed_and_what_works_is_not(
    artifacts: Artifacts, depot: Depot, folder: Path
) -> None:
    with depot.scratch() as fresh:
        dead = depot.folder / "tmp" / "work-dead"
        (dead / "deep").mkdir(parents=True)
        (dead / "deep" / "file").write_bytes(b"12345")
        half = depot.trees.root / "pypi-half" / "root"
        half.mkdir(parents=True)
        for old in (dead, half.parent):
            os.utime(old, (1000, 1000))
        collected = artifacts.collect([])
        assert collected.trees == ("pypi-half",) and collected.bytes == 5
        assert fresh.exists() and not dead.exists() and not half.exists()


def test_a_kept_artifact_whose_list_is_lost_does_not_stop_the_collection(
    artifacts: Artifacts, depot: Depot, folder: Path, links: Path
) -> None:
    make_wheel(links, "tinyapp", "1.0")
    app = artifacts.resolve(Reference.parse("pypi:tinyapp"), folder)
    tree = artifacts.materialise(app)
    depot.blobs.delete(app.digest)
    artifacts.collect([app], grace=0.0)
    assert Path(tree.root).exists()


def test_collecting_beside_building_never_breaks_what_is_built(
    artifacts: Artifacts, depot: Depot, folder: Path
) -> None:
    sites = [_archive(artifacts, folder, text) for text in ("one", "two", "three")]
    for path in depot.folder.rglob("*"):
        os.utime(path, (1000, 1000))
    stop = threading.Event()
    failed: list[BaseException] = []

    def collect() -> None:
        while not stop.is_set():
            artifacts.collect(sites, grace=0.0)
            for name in depot.trees:
                depot.trees.remove(name)

    def build() -> None:
        try:
            for turn in range(30):
                artifacts.materialise(sites[turn % 3])
        except BaseException as error:
            failed.append(error)

    builders = [threading.Thread(target=build) for _ in range(2)]
    collector = threading.Thread(target=collect)
    for thread in [collector, *builders]:
        thread.start()
    for thread in builders:
        thread.join()
    stop.set()
    collector.join()
    assert failed == []
