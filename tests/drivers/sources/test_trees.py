"""Trees: built once at their final place; what is half made is never used."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lockgate.core.errors import ArtifactAltered, PreparationFailed, StorageFull
from lockgate.core.ids import Digest, digest_of
from lockgate.drivers.storage import locked
from lockgate.drivers.trees import Site, Trees

ONE = digest_of("one")


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path)


def _build(site: Site) -> None:
    (site.root / "bin").mkdir(parents=True)
    (site.root / "bin" / "run").write_text("#!/bin/sh\n")
    (site.root / "bin" / "run").chmod(0o755)


def test_a_tree_is_built_once_and_is_read_only(trees: Trees) -> None:
    calls: list[Site] = []

    def build(site: Site) -> None:
        calls.append(site)
        _build(site)

    root = trees.make("pypi-one", ONE, build)
    assert trees.make("pypi-one", ONE, build) == root
    assert len(calls) == 1 and calls[0].root == root
    assert (root / "bin" / "run").stat().st_mode & 0o777 == 0o555
    assert (root / "bin").stat().st_mode & 0o222 == 0


def test_many_threads_that_ask_at_once_build_it_once(trees: Trees) -> None:
    calls: list[int] = []

    def build(site: Site) -> None:
        calls.append(1)
        _build(site)

    threads = [threading.Thread(target=trees.make, args=("pypi-one", ONE, build)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_build_that_fails_leaves_nothing_and_can_be_tried_again(trees: Trees) -> None:
    def fail(site: Site) -> None:
        _build(site)
        raise PreparationFailed("no")

    with pytest.raises(PreparationFailed):
        trees.make("pypi-one", ONE, fail)
    assert list(trees) == []
    assert (trees.make("pypi-one", ONE, _build) / "bin" / "run").exists()


@pytest.mark.parametrize("marker", [None, "", "sha256:12"])
def test_a_tree_without_its_whole_marker_is_built_anew(trees: Trees, marker: str | None) -> None:
    half = trees.root / "pypi-one" / "root"
    half.mkdir(parents=True)
    (half / "left over").write_text("half")
    if marker is not None:
        (trees.root / "pypi-one" / "complete").write_text(marker)
    root = trees.make("pypi-one", ONE, _build)
    assert not (root / "left over").exists() and (root / "bin" / "run").exists()


def test_a_tree_whose_root_was_deleted_is_built_anew(trees: Trees) -> None:
    root = trees.make("pypi-one", ONE, _build)
    root.rename(root.parent / "gone")
    assert (trees.make("pypi-one", ONE, _build) / "bin" / "run").exists()
    assert not (root.parent / "gone").exists()


def test_another_digest_at_the_same_name_is_refused_as_an_attack(trees: Trees) -> None:
    trees.make("pypi-one", ONE, _build)
    with pytest.raises(ArtifactAltered, match="made to look alike"):
        trees.make("pypi-one", digest_of("two"), _build)


def test_only_a_tree_that_nobody_builds_or_used_since_is_removed(trees: Trees) -> None:
    trees.make("pypi-one", ONE, _build)
    os.utime(trees.root / "pypi-one" / "complete", (1000, 1000))
    trees.make("pypi-one", ONE, _build)
    assert trees.remove("pypi-one", unused_since=2000) is None
    os.utime(trees.root / "pypi-one" / "complete", (1000, 1000))
    removed: list[int | None] = []

    def build(site: Site) -> None:
        removed.append(trees.remove("pypi-two"))
        _build(site)

    trees.make("pypi-two", ONE, build)
    assert removed == [None]
    assert trees.remove("pypi-one", unused_since=2000) == len("#!/bin/sh\n")
    assert list(trees) == ["pypi-two"]
    assert trees.remove("pypi-one") is None


def test_a_lock_on_a_removed_file_is_taken_on_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    order: list[str] = []

    def second() -> None:
        with locked(path):
            order.append("second")
            assert path.exists()

    with locked(path):
        waiting = threading.Thread(target=second)
        waiting.start()
        path.unlink()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_a_full_disk_while_building_leaves_nothing(small_disk: Path) -> None:
    trees = Trees(small_disk)

    def build(site: Site) -> None:
        site.root.mkdir()
        for name in range(8):
            (site.root / str(name)).write_bytes(b"x" * (1 << 20))

    with pytest.raises(StorageFull, match="is full"):
        trees.make("pypi-one", ONE, build)
    assert list(trees) == []
    assert trees.make("pypi-one", ONE, _build).exists()


_SLOW = """
import os, subprocess, sys, time
from pathlib import Path
from lockgate.core.ids import Digest
from lockgate.drivers.trees import Site, Trees
def build(site: Site) -> None:
    site.root.mkdir()
    writes = "import sys,time,pathlib; time.sleep(0.6); pathlib.Path(sys.argv[1],'orphan').write_text('late')"
    child = subprocess.Popen([sys.executable, "-c", writes, str(site.root)], pass_fds=[site.lock])
    print("half", flush=True)
    child.wait()
Trees(Path(sys.argv[1])).make("pypi-one", Digest(sys.argv[2]), build)
"""


def test_the_installer_of_a_killed_builder_is_waited_for(trees: Trees, tmp_path: Path) -> None:
    words = [sys.executable, "-c", _SLOW, str(tmp_path), ONE]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        root = trees.make("pypi-one", Digest(ONE), _build)
        assert sorted(one.name for one in root.iterdir()) == ["bin"]
