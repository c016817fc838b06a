"""What is not ours is left alone: containers, images, and the instances of another data folder."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from lockgate.core.artifact import Artifact
from lockgate.core.errors import PortTaken, Unavailable
from lockgate.drivers.targets.docker import DockerTarget, berths
from lockgate.testing.contracts.target import FENCE, KEY, identities, made_ready, prepared
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.docker_ground import DockerGround
from lockgate.testing.waiting import wait_until
from tests.drivers.targets.docker.absent import absent_image, is_there, reference
from tests.drivers.targets.docker.seeing import container_of, containers

pytestmark = pytest.mark.real


# --- containers ---


def test_a_container_of_somebody_else_by_the_name_of_a_slot_is_named_and_not_touched(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    spec = ground.good("1")
    prepared(ground, target, spec)
    name = berths.name_of(target._whose, KEY, spec.revision, 0)
    body = {"Image": f"{spec.artifact.name}@{spec.artifact.digest}", "Cmd": ["--port", "1"]}
    stranger = api.create_container_from_config(body, name)["Id"]
    try:
        with pytest.raises(PortTaken, match=f"has a container '{name}' that Lockgate has not made.*Rename or remove"):
            target.ensure(KEY, spec, 1, FENCE)
        assert target.observe(KEY).instances == ()
        assert api.inspect_container(stranger)["State"]["Status"] == "created"
        assert containers(api, target) == []
    finally:
        api.remove_container(stranger, force=True)
    made_ready(ground, target, spec, 1)


@pytest.fixture
def neighbour(tmp_path: Path, docker_engine: DockerEngine, artifact: Artifact) -> Iterator[DockerGround]:
    """Another data folder on the same engine."""
    made = DockerGround(tmp_path / "neighbour", docker_engine, artifact)
    yield made
    made.clear()


def test_two_data_folders_on_one_engine_do_not_see_each_other(
    ground: DockerGround, neighbour: DockerGround, target: DockerTarget
) -> None:
    spec, other = ground.good("1"), neighbour.target()
    ours = made_ready(ground, target, spec, 2)
    assert other.observe(KEY).instances == ()
    theirs = made_ready(neighbour, other, spec, 2)
    assert not {i.endpoint for i in ours} & {i.endpoint for i in theirs}
    other.retire(KEY, [i.id for i in ours], FENCE)
    assert target.observe(KEY).ready(spec.revision) == ours


def test_ending_all_ends_ours_alone(
    ground: DockerGround, neighbour: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    spec, other = ground.good("1"), neighbour.target()
    made_ready(ground, target, spec, 2)
    theirs = made_ready(neighbour, other, spec, 1)
    assert target.end_all() == 2
    assert containers(api, target) == []
    assert identities(other.observe(KEY).ready(spec.revision)) == identities(theirs)


# --- images ---


@pytest.fixture
def pulled(docker_engine: DockerEngine, image_registry: ImageRegistry) -> Artifact:
    return absent_image(docker_engine, image_registry)


def test_an_image_that_was_pulled_is_removed_when_nothing_needs_it(
    target: DockerTarget, api: docker.APIClient, pulled: Artifact
) -> None:
    image = target._images.make(pulled)
    assert is_there(api, pulled)
    assert target._images.collect([pulled], grace=0) == ()
    assert target.collect([]) == ()  # it was prepared only just now
    assert is_there(api, pulled)
    assert target._images.collect([], grace=0) == (reference(pulled),)
    assert not is_there(api, pulled)
    with pytest.raises(ImageNotFound):
        api.inspect_image(image.id)
    assert target._images.collect([], grace=0) == ()


def test_an_image_that_was_there_before_is_never_removed(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    prepared(ground, target, ground.good("1"))
    assert target._images.collect([], grace=0) == ()
    assert is_there(api, ground.artifact)


def test_an_image_that_a_container_uses_stays(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, pulled: Artifact
) -> None:
    (instance,) = made_ready(ground, target, ground.sample(artifact=pulled), 1)
    assert target._images.collect([], grace=0) == ()
    target.retire(KEY, [instance.id], FENCE)
    wait_until(lambda: not containers(api, target))
    assert target._images.collect([], grace=0) == (reference(pulled),)


def test_an_image_that_somebody_has_named_keeps_that_name(
    target: DockerTarget, api: docker.APIClient, pulled: Artifact
) -> None:
    api.tag(target._images.make(pulled).id, "somebody/elses", "1")
    target._images.collect([], grace=0)
    api.inspect_image("somebody/elses:1")
    api.remove_image("somebody/elses:1")
    assert not is_there(api, pulled)


def test_removing_images_without_a_name_leaves_ours(
    target: DockerTarget, api: docker.APIClient, pulled: Artifact
) -> None:
    target._images.make(pulled)
    api.prune_images({"dangling": True})
    assert is_there(api, pulled)


def test_an_image_that_was_removed_after_it_was_prepared_is_fetched_again(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, pulled: Artifact
) -> None:
    spec = ground.sample(artifact=pulled)
    prepared(ground, target, spec)
    api.remove_image(api.inspect_image(reference(pulled))["Id"], force=True)
    with pytest.raises(Unavailable, match="has just been removed"):
        target.ensure(KEY, spec, 1, FENCE)
    (instance,) = made_ready(ground, target, spec, 1)
    assert container_of(api, instance)["State"]["Running"]
