"""Every source keeps the contract of its port."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.core.artifact import Reference
from lockgate.drivers.depot import Depot
from lockgate.drivers.sources.archive import ArchiveSource
from lockgate.drivers.sources.file import FileSource
from lockgate.drivers.sources.git import GitSource
from lockgate.drivers.sources.npm import NpmSource
from lockgate.drivers.sources.pypi import PypiSource
from lockgate.ports import Source
from lockgate.testing.contracts.source import SourceCase, SourceContract
from tests.drivers.sources.handmade import commit, git, make_tar_gz, make_wheel


def _case(source: Source, folder: Path, moving: str, missing: str, origin: Path) -> SourceCase:
    return SourceCase(source, folder, Reference.parse(moving), Reference.parse(missing), origin)


class TestPypi(SourceContract):
    @pytest.fixture
    def case(self, depot: Depot, folder: Path, links: Path) -> SourceCase:
        make_wheel(links, "tinyapp", "1.0")
        return _case(PypiSource(depot), folder, "pypi:tinyapp", "pypi:nosuchapp", links)


class TestNpm(SourceContract):
    @pytest.fixture
    def case(self, depot: Depot, folder: Path, tmp_path: Path, registry: Callable[..., None]) -> SourceCase:
        registry("tinyapp", "1.0.0")
        return _case(NpmSource(depot), folder, "npm:tinyapp", "npm:nosuchapp", tmp_path / "npmrc")


class TestArchive(SourceContract):
    @pytest.fixture
    def case(self, depot: Depot, folder: Path) -> SourceCase:
        (folder / "site.tgz").write_bytes(make_tar_gz({"page": "one"}))
        return _case(ArchiveSource(depot), folder, "archive:site.tgz", "archive:no.tgz", folder / "site.tgz")


class TestFile(SourceContract):
    @pytest.fixture
    def case(self, depot: Depot, folder: Path) -> SourceCase:
        (folder / "data.db").write_bytes(b"SQLite")
        return _case(FileSource(depot), folder, "file:data.db", "file:no.db", folder / "data.db")


class TestGit(SourceContract):
    @pytest.fixture(params=["path", "url"])
    def case(self, request: pytest.FixtureRequest, depot: Depot, folder: Path) -> SourceCase:
        git(folder, "init", "-qb", "main", "shop")
        commit(folder / "shop", {"page": "one"})
        place = "shop" if request.param == "path" else (folder / "shop").as_uri()
        return _case(GitSource(depot), folder, f"git:{place}@main", f"git:{place}@no", folder / "shop")
