"""What tests see of an instance: from outside over HTTP, by the target, and by the engine."""

import http.client
from typing import Any

import docker

from lockgate.core.inventory import Condition, Instance
from lockgate.drivers import shim
from lockgate.drivers.targets.docker import DockerTarget
from lockgate.testing.contracts.target import KEY
from lockgate.testing.waiting import wait_until


def ask(instance: Instance, path: str) -> str:
    connection = http.client.HTTPConnection(instance.endpoint, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def the_only(target: DockerTarget) -> Instance:
    (instance,) = target.observe(KEY).instances
    return instance


def in_condition(target: DockerTarget, condition: Condition) -> Instance:
    return wait_until(lambda: next((i for i in target.observe(KEY).instances if i.condition is condition), None))


def containers(api: docker.APIClient, target: DockerTarget) -> list[dict[str, Any]]:
    """Of the target's data folder, whatever their state."""
    listed: list[dict[str, Any]] = api.containers(
        all=True, filters={"label": f"lockgate.installation={target._whose}"}
    )
    return listed


def container_of(api: docker.APIClient, instance: Instance) -> dict[str, Any]:
    """As the engine describes it."""
    (listed,) = api.containers(all=True, filters={"label": f"lockgate.instance={instance.id}"})
    described: dict[str, Any] = api.inspect_container(listed["Id"])
    return described


def programs(container: dict[str, Any]) -> list[int]:
    """Processes of this machine that are its programs, without the small one that is process 1 inside."""
    return sorted(shim.descendants(container["State"]["Pid"]))
