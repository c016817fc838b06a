"""What every source of artifacts must do. Inherit :class:`SourceContract` in a test module and give it a ``case``
fixture that makes a new :class:`SourceCase`."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from lockgate.core.artifact import Reference
from lockgate.core.errors import ArtifactMissing
from lockgate.ports import Source


@dataclass(frozen=True, slots=True)
class SourceCase:
    """A source with something to find."""

    source: Source
    folder: Path
    """Of the application's file."""
    moving: Reference
    """Names something that can become something else."""
    missing: Reference
    """Names nothing."""
    origin: Path
    """What the source reads; the contract removes it to show that it is not needed any more."""


class SourceContract:
    """All of it."""

    def test_an_artifact_is_of_the_source_s_kind_and_says_what_it_is(self, case: SourceCase) -> None:
        artifact = case.source.resolve(case.moving, case.folder)
        assert artifact.kind is case.source.kind is case.moving.kind
        assert artifact.digest.startswith("sha256:") and artifact.name and artifact.version

    def test_resolving_again_gives_the_same_digest(self, case: SourceCase) -> None:
        first = case.source.resolve(case.moving, case.folder)
        assert case.source.resolve(case.moving, case.folder) == first

    def test_the_latest_is_exact_and_means_the_same(self, case: SourceCase) -> None:
        exact = case.source.latest(case.moving, case.folder)
        assert exact != case.moving and exact.kind is case.source.kind
        artifact = case.source.resolve(case.moving, case.folder)
        assert case.source.resolve(exact, case.folder).digest == artifact.digest

    def test_an_exact_reference_is_returned_without_looking(self, case: SourceCase) -> None:
        exact = case.source.latest(case.moving, case.folder)
        _remove(case.origin)
        assert case.source.latest(exact, case.folder) == exact

    def test_making_ready_needs_nothing_of_the_origin_and_happens_once(self, case: SourceCase) -> None:
        artifact = case.source.resolve(case.moving, case.folder)
        _remove(case.origin)
        tree = case.source.materialise(artifact)
        made = Path(tree.root).stat()
        assert case.source.materialise(artifact) == tree
        assert Path(tree.root).stat().st_ino == made.st_ino
        assert all(Path(folder).is_dir() for folder in tree.path)

    def test_what_is_not_there_is_missing_and_says_so(self, case: SourceCase) -> None:
        with pytest.raises(ArtifactMissing) as told:
            case.source.resolve(case.missing, case.folder)
        assert str(told.value).rstrip().endswith(".")


def _remove(origin: Path) -> None:
    if origin.is_dir():
        shutil.rmtree(origin)
    else:
        origin.unlink()
