"""Git trees: the files of one commit, whatever becomes of the repository."""

import shutil
from pathlib import Path

import pytest

from lockgate.core.artifact import ArtifactKind, Reference
from lockgate.core.errors import ArtifactMissing, ArtifactMistyped, Invalid, LockgateError, Unavailable
from lockgate.drivers.depot import Depot
from lockgate.drivers.sources.git import GitSource, repository_of
from lockgate.drivers.trees import tree_name
from tests.drivers.sources.handmade import commit, git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "shop"
    place.mkdir()
    git(place, "init", "-qb", "main")
    (place / "bin").mkdir()
    (place / "bin" / "run").write_text("#!/bin/sh\n")
    (place / "bin" / "run").chmod(0o755)
    (place / "here").symlink_to("page")
    commit(place, {"page": "one"})
    git(place, "tag", "-am", "first", "v1")
    return place


@pytest.fixture(params=["path", "url"])
def address(request: pytest.FixtureRequest, repository: Path) -> str:
    return str(repository) if request.param == "path" else repository.as_uri()


def _git(name: str) -> Reference:
    return Reference(ArtifactKind.GIT, name)


def test_the_files_of_a_tag_are_unpacked(depot: Depot, folder: Path, address: str) -> None:
    source = GitSource(depot)
    artifact = source.resolve(_git(f"{address}@v1"), folder)
    assert (artifact.name, artifact.version) == ("shop", "v1")
    tree = source.materialise(artifact)
    root = Path(tree.root)
    assert sorted(one.name for one in root.iterdir()) == ["bin", "here", "page"]
    assert (root / "here").read_text() == "one"
    assert (root / "bin" / "run").stat().st_mode & 0o777 == 0o555
    assert tree.path == (tree.root, tree.root / "bin")
    assert len(source.blobs_of(artifact)) == 2


def test_the_default_branch_is_meant_without_a_ref(depot: Depot, folder: Path, repository: Path, address: str) -> None:
    tip = commit(repository, {"page": "two"})
    source = GitSource(depot)
    artifact = source.resolve(_git(address), folder)
    assert artifact.version == tip[:12]
    assert source.latest(_git(address), folder) == _git(f"{address}@{tip}")


def test_a_branch_is_pinned_to_its_commit_and_a_commit_stays(
    depot: Depot, folder: Path, repository: Path, address: str
) -> None:
    source = GitSource(depot)
    first = source.latest(_git(f"{address}@main"), folder)
    second = commit(repository, {"page": "two"})
    assert source.latest(_git(f"{address}@main"), folder) == _git(f"{address}@{second}")
    assert source.latest(first, folder) == first
    assert (Path(source.materialise(source.resolve(first, folder)).root) / "page").read_text() == "one"
    assert source.resolve(_git(f"{address}@{second[:8]}"), folder).version == second[:8]


def test_the_digest_is_of_the_content(depot: Depot, folder: Path, repository: Path, address: str) -> None:
    source = GitSource(depot)
    one = source.resolve(_git(f"{address}@main"), folder)
    commit(repository, {})
    assert source.resolve(_git(f"{address}@main"), folder).digest == one.digest
    (repository / "page").chmod(0o755)
    commit(repository, {})
    assert source.resolve(_git(f"{address}@main"), folder).digest != one.digest


def test_a_tree_is_built_again_when_the_repository_is_gone(
    depot: Depot, folder: Path, repository: Path, address: str
) -> None:
    source = GitSource(depot)
    artifact = source.resolve(_git(f"{address}@v1"), folder)
    shutil.rmtree(repository)
    shutil.rmtree(depot.folder / "cache", ignore_errors=True)
    root = Path(source.materialise(artifact).root)
    depot.trees.remove(tree_name(artifact))
    assert not root.exists()
    assert (Path(source.materialise(artifact).root) / "page").read_text() == "one"


def test_a_commit_that_is_no_longer_reached_by_a_branch_is_found(depot: Depot, folder: Path, repository: Path) -> None:
    lost = commit(repository, {"page": "lost"})
    git(repository, "reset", "-q", "--hard", "v1")
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    artifact = GitSource(depot).resolve(_git(f"{repository.as_uri()}@{lost}"), folder)
    assert (Path(GitSource(depot).materialise(artifact).root) / "page").read_text() == "lost"


def test_a_rewritten_or_deleted_branch_is_followed(depot: Depot, folder: Path, repository: Path) -> None:
    source, url = GitSource(depot), repository.as_uri()
    commit(repository, {"page": "two"})
    git(repository, "branch", "other")
    source.resolve(_git(f"{url}@other"), folder)
    git(repository, "reset", "-q", "--hard", "v1")
    tip = commit(repository, {"page": "three"})
    git(repository, "branch", "-qf", "other")
    assert source.latest(_git(f"{url}@other"), folder) == _git(f"{url}@{tip}")
    git(repository, "branch", "-qD", "other")
    with pytest.raises(ArtifactMissing, match="no branch, tag or commit 'other'"):
        source.resolve(_git(f"{url}@other"), folder)


def test_a_mirror_broken_by_a_kill_is_made_anew(depot: Depot, folder: Path, repository: Path) -> None:
    source, url = GitSource(depot), repository.as_uri()
    source.resolve(_git(f"{url}@v1"), folder)
    (mirror,) = (depot.folder / "cache" / "git").glob("*.git")
    tip = commit(repository, {"page": "two"})
    for lock in ("HEAD.lock", "packed-refs.lock", "refs/lockgate/refs/heads/main.lock"):
        (mirror / lock).parent.mkdir(parents=True, exist_ok=True)
        (mirror / lock).write_text("")
    assert source.latest(_git(f"{url}@main"), folder) == _git(f"{url}@{tip}")
    shutil.rmtree(mirror / "objects")
    assert source.resolve(_git(f"{url}@main"), folder).version == "main"


def test_a_subfolder_or_work_tree_of_a_repository_will_do(depot: Depot, repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "tree"), "v1")
    for folder in (repository / "bin", tmp_path / "tree"):
        assert GitSource(depot).resolve(_git(".@v1"), folder).version == "v1"


@pytest.mark.parametrize("evil", ["/etc/passwd", "../../x"])
def test_a_link_that_leads_outside_is_refused(depot: Depot, folder: Path, repository: Path, evil: str) -> None:
    (repository / "link").symlink_to(evil)
    commit(repository, {})
    with pytest.raises(ArtifactMistyped, match="outside of the archive"):
        GitSource(depot).resolve(_git(str(repository)), folder)
    assert list(depot.blobs) == []


def test_what_is_not_in_the_repository_is_refused(depot: Depot, folder: Path, repository: Path) -> None:
    commit(repository, {"big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"})
    with pytest.raises(ArtifactMistyped, match=r"'big\.bin' in Git LFS"):
        GitSource(depot).resolve(_git(str(repository)), folder)
    git(repository, "rm", "-q", "big.bin")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{git(repository, 'rev-parse', 'HEAD')},sub")
    git(repository, "commit", "-qm", "x")
    with pytest.raises(ArtifactMistyped, match="submodule at 'sub'"):
        GitSource(depot).resolve(_git(str(repository)), folder)


@pytest.mark.parametrize(
    ("name", "error", "because"),
    [
        ("REPO@nosuch", ArtifactMissing, "no branch, tag or commit 'nosuch'"),
        ("URL@nosuch", ArtifactMissing, "no branch, tag or commit 'nosuch'"),
        ("URL@" + "0" * 40, ArtifactMissing, "no branch, tag or commit"),
        ("REPO@" + "0" * 40, ArtifactMissing, "no branch, tag or commit"),
        ("./nowhere", ArtifactMissing, "is not in a git repository"),
        ("file:///nowhere@v1", ArtifactMissing, "is not there"),
        ("http://127.0.0.1:9/x.git@v1", Unavailable, "could not be fetched"),
        ("ext::sh -c date@v1", Unavailable, "not allowed"),
        ("--upload-pack=x@v1", Invalid, "does not name a repository"),
        ("REPO@--x", Invalid, "does not name a repository"),
        ("REPO@", Invalid, "does not name a repository"),
    ],
)
def test_what_is_not_there_is_told(
    depot: Depot, folder: Path, repository: Path, name: str, error: type[LockgateError], because: str
) -> None:
    whole = name.replace("REPO", str(repository)).replace("URL", repository.as_uri())
    with pytest.raises(error, match=because):
        GitSource(depot).resolve(_git(whole), folder)
    assert list(depot.blobs) == []


def test_an_empty_repository_is_told(depot: Depot, folder: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "empty")
    for place in (str(tmp_path / "empty"), (tmp_path / "empty").as_uri()):
        with pytest.raises(ArtifactMissing, match="no commit yet"):
            GitSource(depot).resolve(_git(place), folder)


@pytest.mark.parametrize(
    ("text", "place", "ref"),
    [
        ("https://host/shop.git@v1", "https://host/shop.git", "v1"),
        ("https://me@host/shop.git", "https://me@host/shop.git", ""),
        ("https://me:pw@host/shop.git@feature/x", "https://me:pw@host/shop.git", "feature/x"),
        ("ssh://git@host:22/shop@v1", "ssh://git@host:22/shop", "v1"),
        ("git@host:org/shop.git", "git@host:org/shop.git", ""),
        ("git@host:org/shop.git@v1", "git@host:org/shop.git", "v1"),
        ("/srv/shop@v1", "/srv/shop", "v1"),
    ],
)
def test_the_ref_is_split_from_the_place(folder: Path, text: str, place: str, ref: str) -> None:
    found = repository_of(_git(text), folder)
    assert (found.url, found.ref, found.name) == (place, ref, "shop")
