"""What becomes of instances when the engine itself dies. An engine of its own: it is killed."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from lockgate.core.artifact import Artifact
from lockgate.core.errors import ComponentMissing, Unavailable
from lockgate.core.inventory import Condition
from lockgate.drivers.targets.docker import DockerTarget
from lockgate.testing.contracts.target import FENCE, KEY, identities, made_ready, prepared
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.docker_ground import DockerGround, sample_artifact
from lockgate.testing.waiting import wait_until
from tests.conftest import require_real
from tests.drivers.targets.docker.seeing import ask, container_of, containers, the_only

pytestmark = [
    pytest.mark.real,
    # The SDK leaves a socket open that it could not connect, until it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def docker_engine() -> Iterator[DockerEngine]:
    engine = DockerEngine()
    try:
        engine.start()
    except ComponentMissing as missing:
        require_real(str(missing))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def artifact(docker_engine: DockerEngine, image_registry: ImageRegistry) -> Artifact:
    return sample_artifact(docker_engine, image_registry)


@pytest.fixture
def ground(tmp_path: Path, docker_engine: DockerEngine, artifact: Artifact) -> Iterator[DockerGround]:
    if not docker_engine.answers():
        docker_engine.start()
    made = DockerGround(tmp_path / "home", docker_engine, artifact)
    yield made
    made.clear()


@pytest.fixture
def api(docker_engine: DockerEngine) -> Iterator[docker.APIClient]:
    with contextlib.closing(docker_engine.client()) as client:
        yield client.api


def test_instances_serve_while_the_engine_is_dead_and_are_the_same_when_it_is_back(
    ground: DockerGround, target: DockerTarget, docker_engine: DockerEngine, api: docker.APIClient
) -> None:
    spec = ground.good("1")
    before = made_ready(ground, target, spec, 2)
    made = {one["Id"] for one in containers(api, target)}
    answers: list[str] = []
    enough = threading.Event()

    def keep_asking() -> None:
        while not enough.is_set():
            answers.extend(ask(instance, "/health") for instance in before)
            time.sleep(0.01)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    docker_engine.kill()
    for call in (
        lambda: target.observe(KEY),
        lambda: target.ensure(KEY, spec, 3, FENCE),
        lambda: target.retire(KEY, [before[0].id], FENCE),
        lambda: target.logs(KEY, before[0].id, 0, 100),
    ):
        with pytest.raises(Unavailable, match=f"The Docker engine at {docker_engine.url} does not answer"):
            call()
    docker_engine.start()
    assert wait_until(lambda: target.observe(KEY).ready(spec.revision)) == before
    assert ground.target().observe(KEY).ready(spec.revision) == before
    target.ensure(KEY, spec, 2, FENCE)
    assert {one["Id"] for one in containers(api, target)} == made
    enough.set()
    asking.join()
    assert len(answers) > 10
    assert set(answers) == {"ok\n"}


def test_the_output_of_an_instance_goes_on_after_the_engine_came_back(
    ground: DockerGround, target: DockerTarget, docker_engine: DockerEngine, api: docker.APIClient
) -> None:
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    docker_engine.kill()
    docker_engine.start()
    container = container_of(api, instance)
    assert container["RestartCount"] == 0
    assert target.logs(KEY, instance.id, 0, 1000).text.startswith("sample 1 listens")


def test_one_that_ended_while_the_engine_was_dead_is_started_again(
    ground: DockerGround, target: DockerTarget, docker_engine: DockerEngine
) -> None:
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    docker_engine.kill()
    with contextlib.suppress(OSError):
        ask(instance, "/crash")
    docker_engine.start()
    wait_until(lambda: target.observe(KEY).instances)
    back = wait_until(lambda: i if (i := the_only(target)).condition is Condition.READY else None)
    assert (back.id, back.endpoint) == (instance.id, instance.endpoint)
    assert ask(back, "/health") == "ok\n"


@pytest.mark.parametrize("moment", [0.0, 0.03, 0.1, 0.2, 0.4])
def test_an_engine_that_dies_while_instances_start_fails_none_of_them(
    ground: DockerGround, target: DockerTarget, docker_engine: DockerEngine, api: docker.APIClient, moment: float
) -> None:
    """``moment``: seconds after they were asked for. It takes some 0.3 s until they run."""
    spec = ground.sample("--start-delay", "0.1")
    prepared(ground, target, spec)
    target.ensure(KEY, spec, 2, FENCE)
    time.sleep(moment)
    docker_engine.kill()
    docker_engine.start()

    def seen_through() -> bool:
        seen = target.observe(KEY)
        target.ensure(KEY, spec, 2, FENCE)
        assert [i.because for i in seen.instances if i.condition is Condition.FAILED] == []
        return len(seen.ready(spec.revision)) == 2

    assert wait_until(seen_through)
    assert len(containers(api, target)) == len(identities(target.observe(KEY).instances)) == 2
