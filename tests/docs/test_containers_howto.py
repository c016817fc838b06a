"""docs/howto/deploy-containers.md is followed to the letter, with a real engine and a real registry."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.images import push, sample_image
from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "deploy-containers.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]
REGISTRY = "registry.example.org"


class Operator(Person):
    """Has an engine and a registry, and the page's files in the folder."""

    def __init__(self, folder: Path, engine: DockerEngine, registry: ImageRegistry) -> None:
        super().__init__(folder)
        self.registry = registry.host
        self.environ |= {"DOCKER_HOST": engine.url, "SHOP_TOKEN": "open-sesame"}
        application, environments, *_ = blocks("yaml", pages=[HOWTO])
        (folder / "prices.json").write_text("{}")
        (folder / "lockgate.yaml").write_text(self.here(application.text))
        (folder / "environments.yaml").write_text(self.here(environments.text))

    def here(self, text: str) -> str:
        """With this machine's addresses."""
        for old, new in zip(("8081", "8082"), self.ports, strict=False):
            text = text.replace(f"listen: {old}", f"listen: {new}")
        return text.replace(REGISTRY, self.registry)

    def types(self, command: str) -> str:
        return super().types(self.here(command).removeprefix("SHOP_TOKEN=open-sesame "))


@pytest.fixture
def operator(tmp_path: Path, docker_engine: DockerEngine, image_registry: ImageRegistry) -> Iterator[Operator]:
    with contextlib.closing(docker_engine.client()) as client:
        for version in ("1.0", "1.1"):
            image = f"{image_registry.host}/shop/web:{version}"
            sample_image(client, image, version)
            push(client, image)
    found = Operator(tmp_path, docker_engine, image_registry)
    try:
        yield found
    finally:
        found.interrupts()
        found.types("lockgate down --yes")


@pytest.mark.real
@pytest.mark.timeout(180)
def test_deploy_containers_does_what_it_says(operator: Operator) -> None:
    for step in STEPS:
        printed = operator.types(step.command)
        missing = first_missing([operator.here(line) for line in step.printed], printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"
