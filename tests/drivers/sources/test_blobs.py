"""Blobs: whole or not at all, under the name of their bytes, safe beside a collection."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgate.core.errors import ArtifactAltered, ArtifactMissing, StorageFull
from lockgate.core.ids import Digest, digest_of
from lockgate.drivers.blobs import Blobs


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path)


def _nothing_left(blobs: Blobs) -> bool:
    return not blobs.scratch.exists() or list(blobs.scratch.iterdir()) == []


@given(data=st.binary(max_size=3000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_what_is_put_comes_back_under_its_sha256(blobs: Blobs, data: bytes) -> None:
    digest = blobs.put_bytes(data)
    assert digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert blobs.read(digest) == data
    assert blobs.path(digest).stat().st_mode & 0o777 == 0o444
    assert _nothing_left(blobs)


def test_a_value_has_the_digest_that_the_core_gives_it(blobs: Blobs) -> None:
    value = {"b": [1, 2], "a": "ü"}
    assert blobs.put_value(value) == digest_of(value)
    assert blobs.value(digest_of(value)) == value


def test_many_files_go_in_with_one_flush(blobs: Blobs, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_text(path.name)
    kept = blobs.put_files(paths)
    assert {path: blobs.read(digest).decode() for path, digest in kept.items()} == {p: p.name for p in paths}
    assert sorted(blobs) == sorted(kept.values())


def test_what_is_not_kept_leaves_nothing(blobs: Blobs) -> None:
    with pytest.raises(KeyError), blobs.incoming() as new:
        new.write(b"half")
        raise KeyError
    assert _nothing_left(blobs) and list(blobs) == []


def test_other_bytes_than_expected_are_not_kept(blobs: Blobs) -> None:
    with pytest.raises(ArtifactAltered, match=r"the file has other bytes"), blobs.incoming() as new:
        new.write(b"evil")
        new.expect(Digest("sha256:" + "0" * 64), "the file")
    assert _nothing_left(blobs) and list(blobs) == []


def test_damage_on_the_disk_is_found_when_asked_for_and_mended_by_storing_again(blobs: Blobs) -> None:
    digest = blobs.put_bytes(b"good")
    blobs.path(digest).chmod(0o644)
    blobs.path(digest).write_bytes(b"evil")
    with pytest.raises(ArtifactAltered, match="other bytes"):
        blobs.open(digest, verify=True)
    blobs.put_bytes(b"good")
    assert blobs.read(digest) == b"good"


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "sha256:../../etc/passwd", "latest"])
def test_what_is_not_there_is_missing(blobs: Blobs, digest: str) -> None:
    with pytest.raises(ArtifactMissing):
        blobs.open(Digest(digest))
    with pytest.raises(ArtifactMissing):
        blobs.use([Digest(digest)])


def test_only_what_was_not_used_since_is_deleted(blobs: Blobs) -> None:
    digest = blobs.put_bytes(b"x" * 10)
    os.utime(blobs.path(digest), (1000, 1000))
    blobs.use([digest])
    assert blobs.delete(digest, unused_since=2000) is None and blobs.has(digest)
    os.utime(blobs.path(digest), (1000, 1000))
    assert blobs.delete(digest, unused_since=2000) == 10 and not blobs.has(digest)
    assert blobs.delete(digest) is None
    assert not blobs.claim(digest)


def test_threads_that_store_and_one_that_collects_do_not_lose_what_was_just_stored(blobs: Blobs) -> None:
    stop = threading.Event()
    lost: list[Digest] = []

    def collect() -> None:
        while not stop.is_set():
            for digest in blobs:
                blobs.delete(digest, unused_since=1000)

    def store(name: int) -> None:
        for turn in range(40):
            digest = blobs.put_bytes(b"%d" % (turn % 5))
            if not blobs.claim(digest):
                lost.append(digest)

    threads = [threading.Thread(target=store, args=(n,)) for n in range(3)]
    collector = threading.Thread(target=collect)
    for thread in [collector, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    collector.join()
    assert lost == [] and len(list(blobs)) == 5 and _nothing_left(blobs)


def test_a_full_disk_is_told_and_leaves_nothing(small_disk: Path) -> None:
    blobs = Blobs(small_disk)
    small = blobs.put_bytes(b"small")
    with pytest.raises(StorageFull, match="is full; what was half made has been removed"):
        blobs.put_stream(b"x" * (1 << 20) for _ in range(4))
    assert list(blobs) == [small] and _nothing_left(blobs)
    assert blobs.put_bytes(b"y" * (1 << 20))


_LIMITED = """
import resource, sys
from pathlib import Path
from lockgate.core.errors import StorageFull
from lockgate.drivers.blobs import Blobs
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
blobs = Blobs(Path(sys.argv[1]))
try:
    blobs.put_bytes(b"x" * 200_000)
except StorageFull as full:
    print(full, list(blobs), list(blobs.scratch.iterdir()))
"""


def test_a_file_size_limit_is_told_like_a_full_disk(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "is full" in done.stdout and done.stdout.strip().endswith("[] []")
