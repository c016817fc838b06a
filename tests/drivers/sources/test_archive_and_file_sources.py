"""Archives and single files: by path or URL, fixed by their content."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.core.errors import (
    ArtifactAltered,
    ArtifactMissing,
    ArtifactMistyped,
    Invalid,
    LockgateError,
    StorageFull,
    Unavailable,
)
from lockgate.drivers.depot import Depot
from lockgate.drivers.sources.archive import ArchiveSource
from lockgate.drivers.sources.file import FileSource
from lockgate.drivers.trees import tree_name
from lockgate.drivers.unpacking import Limits
from tests.drivers.sources.handmade import Web, make_tar_gz

SITE = make_tar_gz({"index.html": "hello", "bin/run": "#!/bin/sh\necho run\n"})


def _archive(name: str) -> Reference:
    return Reference(ArtifactKind.ARCHIVE, name)


def _file(name: str) -> Reference:
    return Reference(ArtifactKind.FILE, name)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _nothing_kept(depot: Depot) -> bool:
    tmp = depot.folder / "tmp"
    return list(depot.blobs) == [] and (not tmp.exists() or list(tmp.iterdir()) == []) and list(depot.trees) == []


def test_an_archive_is_unpacked_with_its_programs_on_the_path(depot: Depot, folder: Path) -> None:
    (folder / "site.tar.gz").write_bytes(SITE)
    source = ArchiveSource(depot)
    artifact = source.resolve(_archive("./site.tar.gz"), folder)
    assert (artifact.name, artifact.digest) == ("site", "sha256:" + _sha256(SITE))
    tree = source.materialise(artifact)
    assert (Path(tree.root) / "index.html").read_text() == "hello"
    assert tree.path == (tree.root, tree.root / "bin")
    assert source.blobs_of(artifact) == {artifact.digest}


def test_an_archive_that_changes_later_does_not_change_the_release(depot: Depot, folder: Path) -> None:
    (folder / "site.tar.gz").write_bytes(SITE)
    source = ArchiveSource(depot)
    artifact = source.resolve(_archive("site.tar.gz"), folder)
    (folder / "site.tar.gz").unlink()
    root = Path(source.materialise(artifact).root)
    depot.trees.remove(tree_name(artifact))
    assert not root.exists()
    assert (Path(source.materialise(artifact).root) / "index.html").read_text() == "hello"


def test_an_archive_at_a_url_is_fetched_once_and_fixed(depot: Depot, folder: Path, web: Web) -> None:
    web.pages["/site.tgz"] = SITE
    source = ArchiveSource(depot)
    fixed = source.latest(_archive(f"{web.url}/site.tgz"), folder)
    assert fixed == _archive(f"{web.url}/site.tgz#sha256={_sha256(SITE)}")
    assert source.latest(fixed, folder) == fixed
    web.asked.clear()
    assert source.resolve(fixed, folder).name == "site"
    assert web.asked == []


def test_a_name_and_password_in_the_url_are_used_and_not_shown(depot: Depot, folder: Path, web: Web) -> None:
    web.owner, web.pages["/site.tgz"] = "me:s3cret", SITE
    url = web.url.replace("//", "//me:s3cret@")
    artifact = ArchiveSource(depot).resolve(_archive(f"{url}/site.tgz"), folder)
    assert artifact.reference == f"archive:{web.url}/site.tgz"
    with pytest.raises(ArtifactMissing) as missing:
        ArchiveSource(depot).resolve(_archive(f"{url}/other.tgz"), folder)
    assert "s3cret" not in str(missing.value)
    web.owner = "me:changed"
    with pytest.raises(ArtifactMissing, match="may not be read"):
        ArchiveSource(depot).resolve(_archive(f"{url}/site.tgz"), folder)


def test_bytes_other_than_the_reference_fixes_are_refused(depot: Depot, folder: Path, web: Web) -> None:
    web.pages["/site.tgz"] = SITE
    with pytest.raises(ArtifactAltered, match="has other bytes than when it was fixed"):
        ArchiveSource(depot).resolve(_archive(f"{web.url}/site.tgz#sha256={'0' * 64}"), folder)
    assert _nothing_kept(depot)


@pytest.mark.parametrize(
    ("name", "error", "because"),
    [
        ("./nowhere.tar.gz", ArtifactMissing, "There is no file"),
        (".", ArtifactMistyped, "is not a file"),
        ("/dev/null", ArtifactMistyped, "is not a file"),
        ("text.tar.gz", ArtifactMistyped, "neither a tar archive"),
        ("evil.zip", ArtifactMistyped, "leads outside"),
        ("WEB/nowhere.zip", ArtifactMissing, "HTTP 404"),
        ("http://127.0.0.1:9/x.zip", Unavailable, "could not be fetched"),
        ("ftp://127.0.0.1/x.zip", ArtifactMistyped, "not a scheme known here"),
        ("x.zip#sha256=12", Invalid, "64 hexadecimal digits"),
        ("#sha256=" + "0" * 64, Invalid, "does not name a file"),
    ],
)
def test_what_cannot_be_used_is_refused_and_leaves_nothing(
    depot: Depot, folder: Path, web: Web, name: str, error: type[LockgateError], because: str
) -> None:
    (folder / "text.tar.gz").write_text("hello")
    with zipfile.ZipFile(folder / "evil.zip", "w") as evil:
        evil.writestr("../up", "x")
    with pytest.raises(error, match=because):
        ArchiveSource(depot).resolve(_archive(name.replace("WEB", web.url)), folder)
    assert _nothing_kept(depot)


def test_a_fixed_reference_to_a_kept_file_that_is_no_archive_is_refused(depot: Depot, folder: Path) -> None:
    digest = depot.blobs.put_bytes(b"hello")
    with pytest.raises(ArtifactMistyped):
        ArchiveSource(depot).resolve(_archive("x.zip#" + digest.replace(":", "=")), folder)


def test_a_bomb_is_refused_when_it_is_resolved(depot: Depot, folder: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("a", bytes(1 << 20))
    (folder / "bomb.zip").write_bytes(out.getvalue())
    with pytest.raises(ArtifactMistyped, match="unpacks to more than"):
        ArchiveSource(depot, Limits(ratio_from=1 << 16)).resolve(_archive("bomb.zip"), folder)
    assert _nothing_kept(depot)


def test_a_full_disk_while_unpacking_leaves_nothing_half_made(small_disk: Path, folder: Path) -> None:
    (folder / "big.tar.gz").write_bytes(make_tar_gz({"a": "small", "b": "x" * (8 << 20)}))
    depot = Depot.at(small_disk)
    artifact = ArchiveSource(depot).resolve(_archive("big.tar.gz"), folder)
    with pytest.raises(StorageFull, match="is full"):
        ArchiveSource(depot).materialise(artifact)
    assert list(depot.trees) == [] and list((depot.folder / "tmp").iterdir()) == []
    assert depot.blobs.put_bytes(b"y" * (1 << 20))


def test_a_damaged_blob_is_not_unpacked(depot: Depot, folder: Path) -> None:
    (folder / "site.tgz").write_bytes(SITE)
    artifact = ArchiveSource(depot).resolve(_archive("site.tgz"), folder)
    depot.blobs.path(artifact.digest).chmod(0o644)
    depot.blobs.path(artifact.digest).write_bytes(make_tar_gz({"evil": "x"}))
    with pytest.raises(ArtifactAltered):
        ArchiveSource(depot).materialise(artifact)
    assert list(depot.trees) == []


def test_a_collected_archive_is_missing_with_the_way_to_mend_it(depot: Depot, folder: Path) -> None:
    (folder / "site.tgz").write_bytes(SITE)
    artifact = ArchiveSource(depot).resolve(_archive("site.tgz"), folder)
    depot.blobs.delete(artifact.digest)
    with pytest.raises(ArtifactMissing, match="Make the release again"):
        ArchiveSource(depot).materialise(artifact)


def test_a_file_keeps_its_name_and_is_a_copy_of_its_own(depot: Depot, folder: Path) -> None:
    (folder / "data.db").write_bytes(b"SQLite")
    source = FileSource(depot)
    artifact = source.resolve(_file("./data.db"), folder)
    tree = source.materialise(artifact)
    path = Path(tree.root)
    assert (path.name, path.read_bytes(), path.stat().st_mode & 0o777) == ("data.db", b"SQLite", 0o555)
    assert not path.samefile(depot.blobs.path(artifact.digest))
    assert tree.path == (tree.root.parent,)


def test_two_files_of_the_same_bytes_keep_their_names(depot: Depot, folder: Path) -> None:
    source = FileSource(depot)
    trees = []
    for name in ("a.db", "b.db"):
        (folder / name).write_bytes(b"same")
        trees.append(source.materialise(source.resolve(_file(name), folder)))
    assert [Path(tree.root).name for tree in trees] == ["a.db", "b.db"]
    assert all(Path(tree.root).read_bytes() == b"same" for tree in trees)


def test_a_file_is_fixed_by_its_content(depot: Depot, folder: Path) -> None:
    (folder / "data.db").write_bytes(b"one")
    source = FileSource(depot)
    fixed = source.latest(_file("data.db"), folder)
    (folder / "data.db").write_bytes(b"two")
    assert depot.blobs.read(source.resolve(fixed, folder).digest) == b"one"
    assert source.latest(_file("data.db"), folder) != fixed
    depot.blobs.delete(source.resolve(fixed, folder).digest)
    with pytest.raises(ArtifactAltered):
        source.resolve(fixed, folder)


def test_a_file_name_from_elsewhere_stays_in_its_tree(depot: Depot, folder: Path, web: Web) -> None:
    web.pages["/a/%2e%2e%2Fup"] = b"x"
    artifact = FileSource(depot).resolve(_file(f"{web.url}/a/%2e%2e%2Fup"), folder)
    assert Path(FileSource(depot).materialise(artifact).root).name == "up"
    for name in (f"{web.url}/a/%2e%2e", web.url, "..", "./" + "a" * 300):
        with pytest.raises(Invalid, match="does not name a file"):
            FileSource(depot).resolve(_file(name), folder)
    digest = depot.blobs.put_bytes(b"x")
    with pytest.raises(Invalid, match="does not name a file"):
        FileSource(depot).materialise(Artifact(ArtifactKind.FILE, "../up", "1", digest, "file:x"))
