"""Python packages: locked once, built again from what was kept, refused with a sentence."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.core.errors import (
    ArtifactAltered,
    ArtifactMissing,
    ArtifactYanked,
    Invalid,
    PreparationFailed,
    StorageFull,
    Unavailable,
)
from lockgate.drivers.depot import Depot
from lockgate.drivers.sources.pypi import PypiSource
from lockgate.drivers.trees import tree_name
from tests.drivers.sources.handmade import Web, make_wheel, only_pip


def _pypi(name: str) -> Reference:
    return Reference(ArtifactKind.PYPI, name)


def _says(depot: Depot, artifact: Artifact, program: str = "tinyapp") -> str:
    tree = PypiSource(depot).materialise(artifact)
    done = subprocess.run([Path(tree.path[0]) / program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _left(depot: Depot) -> list[str]:
    return sorted(one.name for one in (depot.folder / "tmp").iterdir())


def test_a_package_is_resolved_with_what_it_needs_and_runs(depot: Depot, folder: Path, links: Path) -> None:
    make_wheel(links, "tinyapp", "1.0", needs=("tinylib>=2",))
    make_wheel(links, "tinylib", "2.1")
    source = PypiSource(depot)
    artifact = source.resolve(_pypi("tinyapp==1.0"), folder)
    assert (artifact.name, artifact.version) == ("tinyapp", "1.0")
    assert _says(depot, artifact) == "1.0"
    assert _says(depot, artifact, "tinylib") == "2.1"
    assert len(source.blobs_of(artifact)) == 3


def test_the_same_lock_has_the_same_digest_in_another_data_folder(
    depot: Depot, folder: Path, links: Path, tmp_path: Path
) -> None:
    make_wheel(links, "tinyapp", "1.0")
    artifact = PypiSource(depot).resolve(_pypi("tinyapp"), folder)
    assert PypiSource(Depot.at(tmp_path / "other")).resolve(_pypi("tinyapp"), folder) == artifact


def test_a_moving_reference_is_pinned_to_what_it_gives_now(depot: Depot, folder: Path, links: Path) -> None:
    make_wheel(links, "tinyapp", "1.0")
    make_wheel(links, "tinylib", "2.1")
    source = PypiSource(depot)
    assert source.latest(_pypi("tinyapp, tinylib >= 2"), folder) == _pypi("tinyapp==1.0 tinylib==2.1")
    make_wheel(links, "tinyapp", "1.1")
    assert source.latest(_pypi("tinyapp"), folder) == _pypi("tinyapp==1.1")
    assert source.latest(_pypi("tinyapp==1.0"), folder) == _pypi("tinyapp==1.0")


def test_a_resolved_release_does_not_change_when_a_newer_version_appears(
    depot: Depot, folder: Path, links: Path
) -> None:
    make_wheel(links, "tinyapp", "1.0")
    artifact = PypiSource(depot).resolve(_pypi("tinyapp"), folder)
    make_wheel(links, "tinyapp", "1.1")
    assert _says(depot, artifact) == "1.0"


def test_an_environment_is_built_again_without_network_and_caches(depot: Depot, folder: Path, links: Path) -> None:
    make_wheel(links, "tinyapp", "1.0")
    artifact = PypiSource(depot).resolve(_pypi("tinyapp==1.0"), folder)
    assert _says(depot, artifact) == "1.0"
    depot.trees.remove(tree_name(artifact))
    shutil.rmtree(depot.folder / "cache")
    shutil.rmtree(links)
    assert _says(depot, artifact) == "1.0"


def test_making_ready_twice_builds_once(depot: Depot, folder: Path, links: Path) -> None:
    make_wheel(links, "tinyapp", "1.0")
    artifact = PypiSource(depot).resolve(_pypi("tinyapp==1.0"), folder)
    first = PypiSource(depot).materialise(artifact)
    inode = (Path(first.root) / "bin" / "tinyapp").stat().st_ino
    assert PypiSource(depot).materialise(artifact) == first
    assert (Path(first.root) / "bin" / "tinyapp").stat().st_ino == inode


def test_an_environment_shares_no_file_with_another(depot: Depot, folder: Path, links: Path) -> None:
    make_wheel(links, "tinylib", "2.1")
    for version in ("1.0", "1.1"):
        make_wheel(links, "tinyapp", version, needs=("tinylib",))
    trees = [
        PypiSource(depot).materialise(PypiSource(depot).resolve(_pypi(f"tinyapp=={v}"), folder)) for v in ("1.0", "1.1")
    ]
    files = [next(Path(tree.root).rglob("tinylib.py")) for tree in trees]
    assert [file.stat().st_nlink for file in files] == [1, 1]
    assert not files[0].samefile(files[1])
    assert [file.stat().st_mode & 0o222 for file in files] == [0, 0]


def test_a_yanked_version_is_refused_with_its_reason(
    depot: Depot, folder: Path, tmp_path: Path, index: Callable[..., None]
) -> None:
    index(make_wheel(tmp_path, "tinyapp", "1.0"))
    index(make_wheel(tmp_path, "tinyapp", "2.0"), yanked="loses data")
    with pytest.raises(ArtifactYanked, match=r"tinyapp 2\.0 was yanked: loses data"):
        PypiSource(depot).resolve(_pypi("tinyapp==2.0"), folder)
    with pytest.raises(ArtifactYanked, match="loses data"):
        PypiSource(depot).resolve(_pypi("tinyapp>1"), folder)
    assert PypiSource(depot).resolve(_pypi("tinyapp"), folder).version == "1.0"
    assert _left(depot) == []


def test_a_yanked_version_that_a_dependency_pins_is_refused_too(
    depot: Depot, folder: Path, tmp_path: Path, index: Callable[..., None]
) -> None:
    index(make_wheel(tmp_path, "tinyapp", "1.0", needs=("tinylib==2.1",)))
    index(make_wheel(tmp_path, "tinylib", "2.1"), yanked="")
    with pytest.raises(ArtifactYanked, match=r"tinylib==2\.1 was yanked"):
        PypiSource(depot).resolve(_pypi("tinyapp"), folder)
    with pytest.raises(ArtifactYanked, match=r"tinylib 2\.1 was yanked"):
        PypiSource(depot).resolve(_pypi("tinyapp tinylib==2.1"), folder)


@pytest.mark.parametrize("name", ["nosuchapp", "tinyapp==9", "tinyapp>=1 tinyapp<1"])
def test_what_the_index_does_not_have_is_missing(depot: Depot, folder: Path, links: Path, name: str) -> None:
    make_wheel(links, "tinyapp", "1.0")
    with pytest.raises(ArtifactMissing, match=r"tinyapp|nosuchapp"):
        PypiSource(depot).resolve(_pypi(name), folder)
    assert list(depot.blobs) == []


def test_bytes_other_than_the_index_names_are_refused(
    depot: Depot, folder: Path, tmp_path: Path, index: Callable[..., None]
) -> None:
    other = make_wheel(tmp_path, "tinylib", "1.0").read_bytes()
    index(make_wheel(tmp_path, "tinyapp", "1.0", needs=("tinylib",)))
    index(make_wheel(tmp_path, "tinylib", "1.0", fill=5), serve=other)
    with pytest.raises(ArtifactAltered, match=r"tinylib-1\.0.*expected sha256:.*found sha256:"):
        PypiSource(depot).resolve(_pypi("tinyapp"), folder)
    assert _left(depot) == [] and list(depot.blobs) == []


def test_a_blob_damaged_on_the_disk_is_found_before_it_is_used(depot: Depot, folder: Path, links: Path) -> None:
    make_wheel(links, "tinyapp", "1.0")
    artifact = PypiSource(depot).resolve(_pypi("tinyapp==1.0"), folder)
    other = make_wheel(links, "tinyapp", "1.0", fill=9).read_bytes()
    (blob,) = set(PypiSource(depot).blobs_of(artifact)) - {artifact.digest}
    depot.blobs.path(blob).chmod(0o644)
    depot.blobs.path(blob).write_bytes(other)
    with pytest.raises(ArtifactAltered, match="damaged"):
        PypiSource(depot).materialise(artifact)
    assert list(depot.trees) == [] and _left(depot) == []


def test_an_index_that_does_not_answer_may_be_asked_again(
    depot: Depot, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_pip(monkeypatch, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    with pytest.raises(Unavailable, match="does not answer"):
        PypiSource(depot).resolve(_pypi("tinyapp"), folder)


@pytest.mark.parametrize(
    "name",
    [
        "-r /etc/passwd",
        "--index-url=http://127.0.0.1",
        "tinyapp @ file:///etc/passwd",
        "./x.whl",
        "tinyapp==",
        " ",
        "a;b",
    ],
)
def test_what_is_not_a_requirement_is_refused(depot: Depot, folder: Path, name: str) -> None:
    with pytest.raises(Invalid, match="is not a requirement"):
        PypiSource(depot).resolve(_pypi(name), folder)


def test_a_name_and_password_of_the_index_reach_the_files_and_are_not_kept(
    depot: Depot, folder: Path, tmp_path: Path, web: Web, index: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    index(make_wheel(tmp_path, "tinyapp", "1.0"))
    web.owner = "reader:s3cret"
    monkeypatch.setenv("PIP_INDEX_URL", web.url.replace("//", "//reader:s3cret@") + "/simple")
    artifact = PypiSource(depot).resolve(_pypi("tinyapp"), folder)
    assert _says(depot, artifact) == "1.0"
    assert b"s3cret" not in depot.blobs.read(artifact.digest)


def test_a_release_for_another_python_is_not_built_here(depot: Depot, folder: Path, links: Path) -> None:
    make_wheel(links, "tinyapp", "1.0")
    artifact = PypiSource(depot).resolve(_pypi("tinyapp"), folder)
    manifest = depot.blobs.value(artifact.digest) | {"python": "cpython-3.4"}
    digest = depot.blobs.put_value(manifest)
    other = Artifact(artifact.kind, artifact.name, artifact.version, digest, artifact.reference)
    with pytest.raises(PreparationFailed, match=r"resolved for cpython-3\.4"):
        PypiSource(depot).materialise(other)


def test_a_full_disk_leaves_nothing_half_made(depot: Depot, small_disk: Path, folder: Path, links: Path) -> None:
    make_wheel(links, "tinyapp", "1.0", fill=8 << 20)
    artifact = PypiSource(depot).resolve(_pypi("tinyapp"), folder)
    small = Depot.at(small_disk)
    for digest in depot.blobs:
        small.blobs.put_file(depot.blobs.path(digest))
    with pytest.raises(StorageFull, match="no space"):
        PypiSource(small).materialise(artifact)
    assert list(small.trees) == [] and _left(small) == []
    with pytest.raises(StorageFull, match="no space"):
        PypiSource(small).resolve(_pypi("tinyapp"), folder)
    assert _left(small) == []


_MATERIALISE = """
import sys
from pathlib import Path
from lockgate.core.artifact import Artifact, ArtifactKind
from lockgate.drivers.depot import Depot
from lockgate.drivers.sources.pypi import PypiSource
depot = Depot.at(Path(sys.argv[1]))
print("ready", flush=True)
PypiSource(depot).materialise(Artifact(ArtifactKind.PYPI, "tinyapp", "1.0", sys.argv[2], "pypi:tinyapp"))
"""


def test_killed_at_any_moment_the_next_one_builds_it_whole(depot: Depot, home: Path, folder: Path, links: Path) -> None:
    make_wheel(links, "tinyapp", "1.0", fill=4 << 20)
    artifact = PypiSource(depot).resolve(_pypi("tinyapp"), folder)
    for round_ in range(6):
        words = [sys.executable, "-c", _MATERIALISE, str(home), artifact.digest]
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=os.environ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                process.wait(0.02 + 0.04 * round_)
            except subprocess.TimeoutExpired:
                process.kill()
        assert _says(depot, artifact) == "1.0"
        depot.trees.remove(tree_name(artifact))


@pytest.mark.real
def test_a_real_application_is_resolved_built_offline_and_runs(depot: Depot, folder: Path) -> None:
    source = PypiSource(depot)
    artifact = source.resolve(_pypi("datasette==0.65.5"), folder)
    shutil.rmtree(depot.folder / "cache")
    assert (
        "0.65.5"
        in subprocess.run(
            [Path(source.materialise(artifact).path[0]) / "datasette", "--version"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


@pytest.mark.real
def test_a_real_package_that_exists_only_as_source_is_built_once(depot: Depot, folder: Path) -> None:
    source = PypiSource(depot)
    artifact = source.resolve(_pypi("flasgger==0.9.7.1 setuptools<81"), folder)
    assert source.resolve(_pypi("flasgger==0.9.7.1 setuptools<81"), folder) == artifact
    shutil.rmtree(depot.folder / "cache")
    assert list(Path(source.materialise(artifact).root).rglob("flasgger/__init__.py"))
