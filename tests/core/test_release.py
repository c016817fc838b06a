"""A release is its definition and its artifacts by digest; nothing else makes a difference."""

from dataclasses import replace

from lockgate.core.artifact import Reference
from lockgate.core.release import freeze
from tests.core.samples import CATALOGUE, WEB, artifact, release


def test_the_same_parts_make_the_same_release_whoever_makes_it_and_when() -> None:
    one, other = release(by="ada", at=1.0), release(by="bob", at=2.0)

    assert (one.id, one.digest) == (other.id, other.digest)
    assert one.id.startswith("rel-") and len(one.id) == 16


def test_the_commit_does_not_make_another_release() -> None:
    frozen = freeze(
        CATALOGUE, {"web": artifact()}, {"web": {"data.db": artifact("data.db", "")}}, at=3.0, by="ci", commit="abc"
    )

    assert frozen.digest == release().digest


def test_a_moving_reference_that_resolves_to_the_same_bytes_makes_the_same_release() -> None:
    moved = replace(CATALOGUE, components={"web": replace(WEB, artifact=Reference.parse("pypi:datasette"))})

    assert release(moved).digest == release().digest


def test_other_bytes_or_another_definition_make_another_release() -> None:
    slower = replace(CATALOGUE, components={"web": replace(WEB, replicas=3)})

    assert release(web=artifact(version="0.65.3")).digest != release().digest
    assert release(slower).digest != release().digest


def test_it_is_labelled_by_its_versions() -> None:
    pair = replace(CATALOGUE, components={"web": WEB, "worker": replace(WEB, name="worker")})

    assert release().label() == "catalogue 0.65.2"
    assert replace(release(), number=4).label() == "catalogue 0.65.2 (#4)"
    assert release(pair).version == "0.65.2"
    assert release(pair, worker=artifact(version="1.0")).version == "web 0.65.2, worker 1.0"
