"""What must hold of containers whatever happens around them: the engine dies, the registry fails, tags move."""

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import httpx2
import pytest
from tests.acceptance.campaign import campaign
from tests.acceptance.sample import PASSERS_BY, STRATEGIES

from lockgate.config.settings import read_settings
from lockgate.core.errors import LockgateError, Unavailable
from lockgate.messages import DeploymentView
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.images import PYTHON, build, push, python_base, sample_image
from lockgate.testing.installation import Installation, free_ports, wait_until
from lockgate.testing.load import Load
from lockgate.testing.sites import ContainerSite, container_site, definition, one_environment
from lockgate.wiring.serving import down

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(900)]

KILLS = 6
"""Of the engine, for each strategy."""

SPAN = 3.0


@pytest.fixture
def site(docker_engine: DockerEngine, image_registry: ImageRegistry) -> ContainerSite:
    return container_site(docker_engine, image_registry)


@pytest.fixture
def dev(tmp_path: Path, site: ContainerSite) -> Iterator[Installation]:
    """With one environment, whose target is the engine."""
    with Installation(tmp_path / "dev", one_environment(site, free_ports(1)[0])) as installation:
        yield installation


def address(installation: Installation) -> str:
    """Where users reach dev."""
    return "http://" + installation.client.status().environments[0].listen["*"]


def nothing_is_left(site: ContainerSite, installation: Installation, count: int) -> None:
    wait_until(lambda: site.living(installation) == count, f"Exactly {count} containers")


# --- the engine dies ---


def test_the_engine_may_die_in_the_middle_of_a_deployment(
    tmp_path: Path, image_registry: ImageRegistry, site: ContainerSite, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its containers go on serving; the deployment goes on when it is back."""

    def one(strategy: str) -> str:
        # An engine for each, so that none dies of the kill of another.
        with DockerEngine() as engine:
            own = container_site(engine, image_registry)
            with campaign(tmp_path / strategy, own, strategy, seed=11) as fought:
                for _ in range(KILLS):
                    deployment = fought.next_deployment()
                    time.sleep(fought.rng.uniform(0, SPAN))
                    engine.kill()
                    time.sleep(fought.rng.uniform(0, 1.5))
                    engine.start()
                    fought.kills["engine"] += 1
                    fought.whole(deployment, ("succeeded", "rolled_back"))
                    fought.forgive()
            assert fought.load and fought.load.failed == 0, (strategy, fought.load)
            return fought.told()

    with ThreadPoolExecutor(len(STRATEGIES)) as pool:
        told = list(pool.map(one, STRATEGIES))
    with capsys.disabled():
        print("\n" + "\n".join(told))


# --- the release is bad ---

BAD = {
    "its entry point ends": ("--exit 7", "exit code 7"),
    "it never listens": ("--start-delay 1000", "not ready within"),
    "it needs more memory than it may use": ("--eat 300", "64 MiB"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_release_is_taken_back_and_the_reason_told(dev: Installation, site: ContainerSite, what: str) -> None:
    options, told = BAD[what]
    assert dev.run(dev.release(definition(site, "1")), "dev").state == "succeeded"
    bad = definition(site, "2", options=options).replace(
        "    health: /health", "    health: {path: /health, start_within: 3s}\n    resources: {memory: 64MiB}"
    )
    with Load(address(dev), PASSERS_BY) as load:
        done = dev.run(dev.release(bad), "dev")
        report = load.stop()
    assert done.state == "rolled_back", done.because
    assert told in done.because
    assert report.failed == 0 and report.requests > 10, report.reasons
    nothing_is_left(site, dev, 2)


# --- the registry ---


def test_a_tag_that_moves_after_the_release_was_made_changes_nothing(
    dev: Installation, site: ContainerSite, docker_engine: DockerEngine, image_registry: ImageRegistry
) -> None:
    image = f"{image_registry.host}/moving/web:stable"
    with contextlib.closing(docker_engine.client()) as client:
        sample_image(client, image, "approved")
        approved = push(client, image)
        text = definition(site, "1").replace(site.image, image)
        release = dev.release(text)
        sample_image(client, image, "another")
        assert push(client, image) != approved
        client.images.remove(image, force=True)
        assert dev.run(release, "dev").state == "succeeded"
        running = [c for c in client.api.containers() if c["Labels"].get("lockgate.environment") == "dev"]
        ours = [c for c in running if image_registry.host in c["Image"] and "moving" in c["Image"]]
    assert [c["Image"].partition("@")[2] for c in ours] == [approved, approved]


def test_a_registry_that_is_down_delays_a_deployment_and_fails_nobody(
    tmp_path: Path, docker_engine: DockerEngine, site: ContainerSite
) -> None:
    with ImageRegistry() as registry:
        image = f"{registry.host}/sample/web:1"
        with contextlib.closing(docker_engine.client()) as client:
            sample_image(client, image, "1")
            push(client, image)
            client.images.remove(image, force=True)
            own = ContainerSite(docker_engine, image)
            with Installation(tmp_path / "dev", one_environment(own, free_ports(1)[0])) as dev:
                release = dev.release(definition(own, "1"))
                registry.stop()
                with pytest.raises(LockgateError, match="cannot be asked"):
                    dev.release(definition(own, "2"))
                deployment = dev.deploy(release, "dev")
                wait_until(lambda: "registry" in told_now(dev, deployment), "A word about the registry")
                registry.start()
                assert dev.until_final(deployment.id).state == "succeeded"


def told_now(dev: Installation, deployment: DeploymentView) -> str:
    return dev.client.deployment(deployment.id).because


def test_an_image_for_another_machine_is_refused_before_anything_changes(
    dev: Installation, site: ContainerSite, docker_engine: DockerEngine, image_registry: ImageRegistry
) -> None:
    image = f"{image_registry.host}/foreign/web:1"
    with contextlib.closing(docker_engine.client()) as client:
        build(client, image, python_base(client), {"app": b"#!/bin/sh\n"}, [f'ENTRYPOINT ["{PYTHON}"]'])
        push_as(client, image, image_registry, "arm64")
    done = dev.run(dev.release(definition(site, "1").replace(site.image, image)), "dev")
    assert done.state in ("failed", "rolled_back")
    assert "arm64" in done.because and "amd64" in done.because
    nothing_is_left(site, dev, 0)


def push_as(client: docker.DockerClient, image: str, registry: ImageRegistry, architecture: str) -> None:
    """Pushes it with another architecture in its configuration."""
    push(client, image)
    client.images.remove(image, force=True)
    name, _, tag = image.removeprefix(f"{registry.host}/").rpartition(":")
    at = f"http://{registry.host}/v2/{name}"
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = httpx2.get(f"{at}/manifests/{tag}", headers={"Accept": kind}).json()
    settings = httpx2.get(f"{at}/blobs/{manifest['config']['digest']}").json()
    data = json.dumps({**settings, "architecture": architecture}).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    begun = httpx2.post(f"{at}/blobs/uploads/")
    httpx2.put(f"{begun.headers['location']}&digest={digest}", content=data).raise_for_status()
    manifest["config"] |= {"digest": digest, "size": len(data)}
    body = json.dumps(manifest).encode()
    httpx2.put(f"{at}/manifests/{tag}", content=body, headers={"Content-Type": kind}).raise_for_status()


# --- the end ---


def test_down_ends_containers_too_and_names_an_engine_that_does_not_answer(
    tmp_path: Path, image_registry: ImageRegistry, site: ContainerSite
) -> None:
    with DockerEngine() as engine:
        own = container_site(engine, image_registry)
        with Installation(tmp_path, one_environment(own, free_ports(1)[0])) as dev:
            assert dev.run(dev.release(definition(own, "1")), "dev").state == "succeeded"
            settings = read_settings(dev.environ(), tmp_path)
            dev.end_server()
            engine.kill()
            with pytest.raises(Unavailable, match=f"{engine.url} does not answer.*gone for good, delete"):
                down(settings)
            engine.start()
            assert own.living(dev) == 2
            assert down(settings) == 2
            assert own.living(dev) == 0
            assert down(settings) == 0


# --- strangers ---


def test_containers_and_images_of_others_are_never_touched(
    dev: Installation, site: ContainerSite, docker_engine: DockerEngine
) -> None:
    with contextlib.closing(docker_engine.client()) as client:
        words = ["--port", str(free_ports(1)[0])]
        stranger = client.containers.run(site.image, words, detach=True, network_mode="host", name="somebody-elses")
        try:
            for version in ("1", "2", "3"):
                assert dev.run(dev.release(definition(site, version, "recreate")), "dev").state == "succeeded"
            stranger.reload()
            assert stranger.status == "running" and stranger.attrs["RestartCount"] == 0
        finally:
            stranger.remove(force=True)
