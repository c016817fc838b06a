"""npm packages: locked once, installed from what was kept, scripts never run."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.core.errors import (
    ArtifactAltered,
    ArtifactMissing,
    ArtifactMistyped,
    ComponentMissing,
    Invalid,
    PreparationFailed,
    Unavailable,
)
from lockgate.drivers.depot import Depot
from lockgate.drivers.sources.npm import NpmSource
from lockgate.drivers.trees import tree_name
from tests.conftest import require_real
from tests.drivers.sources.handmade import Web, make_tar_gz


def _npm(name: str) -> Reference:
    return Reference(ArtifactKind.NPM, name)


def _says(depot: Depot, artifact: Artifact, program: str = "tinyapp") -> str:
    tree = NpmSource(depot).materialise(artifact)
    done = subprocess.run([Path(tree.path[0]) / program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _nothing_left(depot: Depot) -> bool:
    return list((depot.folder / "tmp").iterdir()) == []


def test_a_package_is_resolved_with_what_it_needs_and_its_scripts_are_not_run(
    depot: Depot, folder: Path, registry: Callable[..., None]
) -> None:
    registry("tinylib", "2.1.0")
    registry("tinyapp", "1.0.0", dependencies={"tinylib": "^2"})
    artifact = NpmSource(depot).resolve(_npm("tinyapp@1.0.0"), folder)
    assert (artifact.name, artifact.version) == ("tinyapp", "1.0.0")
    assert _says(depot, artifact) == "1.0.0"
    root = Path(NpmSource(depot).materialise(artifact).root)
    assert (root / "node_modules" / "tinylib" / "package.json").is_file()
    assert list(root.rglob("SCRIPT_WAS_RUN")) == []
    assert len(NpmSource(depot).blobs_of(artifact)) == 3


def test_a_tree_is_built_again_without_registry_and_caches(
    depot: Depot, folder: Path, web: Web, registry: Callable[..., None]
) -> None:
    registry("tinyapp", "1.0.0")
    artifact = NpmSource(depot).resolve(_npm("tinyapp"), folder)
    shutil.rmtree(depot.folder / "cache")
    web.pages.clear()
    web.asked.clear()
    assert _says(depot, artifact) == "1.0.0"
    depot.trees.remove(tree_name(artifact))
    assert _says(depot, artifact) == "1.0.0"
    assert web.asked == []


def test_the_digest_does_not_depend_on_the_registry_s_address(
    depot: Depot, folder: Path, web: Web, registry: Callable[..., None]
) -> None:
    registry("tinyapp", "1.0.0")
    artifact = NpmSource(depot).resolve(_npm("tinyapp"), folder)
    assert web.url.encode() not in depot.blobs.read(artifact.digest)
    assert NpmSource(depot).resolve(_npm("tinyapp@^1.0.0"), folder).digest == artifact.digest


def test_a_tag_is_pinned_to_the_version_it_names_now(
    depot: Depot, folder: Path, web: Web, registry: Callable[..., None]
) -> None:
    registry("tinyapp", "1.0.0")
    registry("tinyapp", "1.1.0")
    assert NpmSource(depot).latest(_npm("tinyapp"), folder) == _npm("tinyapp@1.1.0")
    web.asked.clear()
    assert NpmSource(depot).latest(_npm("tinyapp@1.0.0"), folder) == _npm("tinyapp@1.0.0")
    assert web.asked == []


@pytest.mark.parametrize("name", ["nosuchapp@1.0.0", "tinyapp@9.0.0"])
def test_what_the_registry_does_not_have_is_missing(
    depot: Depot, folder: Path, registry: Callable[..., None], name: str
) -> None:
    registry("tinyapp", "1.0.0")
    with pytest.raises(ArtifactMissing, match=name.partition("@")[0]):
        NpmSource(depot).resolve(_npm(name), folder)
    assert _nothing_left(depot) and list(depot.blobs) == []


def test_bytes_other_than_the_registry_names_are_refused(
    depot: Depot, folder: Path, registry: Callable[..., None]
) -> None:
    registry("tinyapp", "1.0.0", serve=make_tar_gz({"package/package.json": json.dumps({"name": "evil"})}))
    with pytest.raises(ArtifactAltered, match="other bytes"):
        NpmSource(depot).resolve(_npm("tinyapp@1.0.0"), folder)
    assert _nothing_left(depot) and list(depot.blobs) == []


def test_a_blob_damaged_on_the_disk_is_found_before_it_is_used(
    depot: Depot, folder: Path, registry: Callable[..., None]
) -> None:
    registry("tinyapp", "1.0.0")
    artifact = NpmSource(depot).resolve(_npm("tinyapp@1.0.0"), folder)
    (blob,) = set(NpmSource(depot).blobs_of(artifact)) - {artifact.digest}
    depot.blobs.path(blob).chmod(0o644)
    depot.blobs.path(blob).write_bytes(make_tar_gz({"package/package.json": "{}"}))
    with pytest.raises(ArtifactAltered, match="damaged"):
        NpmSource(depot).materialise(artifact)
    assert list(depot.trees) == [] and _nothing_left(depot)


def test_a_dependency_outside_of_the_registry_is_refused(
    depot: Depot, folder: Path, web: Web, registry: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "package.json").write_text('{"name": "local", "version": "1.0.0"}')
    registry("tinyapp", "1.0.0", dependencies={"local": f"file:{tmp_path / 'local'}"})
    with pytest.raises((ArtifactMistyped, ArtifactMissing), match="local"):
        NpmSource(depot).resolve(_npm("tinyapp@1.0.0"), folder)
    assert _nothing_left(depot)


def test_an_optional_package_for_other_machines_is_not_kept_and_binds_the_release_to_this_kind(
    depot: Depot, folder: Path, registry: Callable[..., None]
) -> None:
    registry("only-mac", "1.0.0", os=["darwin"])
    registry("only-linux", "1.0.0", os=["linux"])
    registry("tinyapp", "1.0.0", optionalDependencies={"only-mac": "1.0.0", "only-linux": "1.0.0"})
    artifact = NpmSource(depot).resolve(_npm("tinyapp"), folder)
    root = Path(NpmSource(depot).materialise(artifact).root)
    assert sorted(one.name for one in (root / "node_modules").glob("[a-z]*")) == ["only-linux", "tinyapp"]
    manifest = depot.blobs.value(artifact.digest)
    other = depot.blobs.put_value(manifest | {"platform": "linux-s390x-glibc"})
    with pytest.raises(PreparationFailed, match="was resolved for linux-s390x-glibc"):
        NpmSource(depot).materialise(Artifact(artifact.kind, artifact.name, artifact.version, other, "npm:tinyapp"))


def test_a_registry_that_does_not_answer_may_be_asked_again(
    depot: Depot, folder: Path, registry: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="does not answer"):
        NpmSource(depot).resolve(_npm("tinyapp@1.0.0"), folder)


@pytest.mark.parametrize("name", ["../up", "--prefix=/tmp", "a b", "git+ssh://x/y", "tinyapp@file:/etc", "@scope"])
def test_what_is_not_a_package_is_refused(depot: Depot, folder: Path, name: str) -> None:
    with pytest.raises(Invalid, match="does not name a package"):
        NpmSource(depot).resolve(_npm(name), folder)


def test_without_npm_the_sentence_says_what_to_install(
    depot: Depot, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ComponentMissing, match="'npm' is not on this machine's PATH"):
        NpmSource(depot).resolve(_npm("tinyapp"), folder)


@pytest.mark.real
def test_a_real_application_is_installed_offline_and_runs(depot: Depot, folder: Path) -> None:
    if shutil.which("npm") is None:
        require_real("npm is not on PATH")
    artifact = NpmSource(depot).resolve(_npm("http-server@14.1.1"), folder)
    shutil.rmtree(depot.folder / "cache")
    program = Path(NpmSource(depot).materialise(artifact).path[0]) / "http-server"
    assert "14.1.1" in subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
