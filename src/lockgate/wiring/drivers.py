"""What touches this machine, made once and shared by every plan that needs it."""

import logging
import threading
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from lockgate.config.settings import Settings
from lockgate.core import capability
from lockgate.core.artifact import Artifact
from lockgate.core.environment import Environment, TargetSpec
from lockgate.core.errors import ComponentMissing, LockgateError
from lockgate.core.plan import Plan
from lockgate.drivers import capabilities, metrics
from lockgate.drivers.clock import SystemClock
from lockgate.drivers.custody import Custody
from lockgate.drivers.depot import Depot
from lockgate.drivers.documents.shelf import Shelf
from lockgate.drivers.http import HttpClient
from lockgate.drivers.policies.worker import CelPolicies
from lockgate.drivers.routers.envoy import EnvoyRouter, EnvoySettings
from lockgate.drivers.targets.process import ProcessTarget
from lockgate.drivers.targets.process import Settings as ProcessSettings
from lockgate.drivers.tasks.command import CommandTask
from lockgate.drivers.tasks.command import Settings as CommandSettings
from lockgate.engine import planner
from lockgate.engine.analyst import Analyst
from lockgate.engine.chronicle import Chronicle
from lockgate.engine.executor import Executor
from lockgate.engine.verifier import Verifier
from lockgate.store.database import SqlStore
from lockgate.wiring.containers import docker_target, port_range
from lockgate.wiring.sources import artifacts_of

if TYPE_CHECKING:
    from lockgate.drivers.targets.docker import DockerTarget

log = logging.getLogger("lockgate")


class Drivers:
    """What touches this machine, made once and shared by every plan that needs it."""

    def __init__(
        self, settings: Settings, clock: SystemClock, store: SqlStore, catalogue: Chronicle, custody: Custody
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._custody = custody
        self._metrics = metrics.sources(custody.lookup(catalogue), custody.redactor.masked)
        self.artifacts = artifacts_of(settings.data)
        self.documents = Shelf(Depot.at(settings.data).blobs)
        self.router = EnvoyRouter(EnvoySettings(settings.data / "router", settings.envoy))
        self.commands = CommandTask(CommandSettings(settings.data), custody.redactor.redaction)
        self._verifier = Verifier(HttpClient(), self.commands, clock, custody.redactor.masked)
        self._executors: dict[str, Executor] = {}
        self._targets: list[ProcessTarget | DockerTarget] = []
        self._lock = threading.Lock()
        self.judges: tuple[CelPolicies, ...] = ()

    def executor(self, plan: Plan) -> Executor:
        """Of the plan's target with its settings. Raises ComponentMissing for a kind that this version lacks."""
        name = f"{plan.target} {sorted(plan.target_settings.items())}"
        with self._lock:
            if name not in self._executors:
                analyst = Analyst(self.router, self._store.traffic, self._clock, self._metrics)
                self._executors[name] = Executor(
                    self._target(plan), self.router, self._verifier, analyst, self._clock, self._custody
                )
            return self._executors[name]

    def stated(self, environment: Environment) -> frozenset[str]:
        """What the drivers of an environment can do. Raises ComponentMissing for a kind that this version lacks."""
        return capability.stated(capabilities.of(environment.target.kind), EnvoyRouter.caps)

    def refuse_unless_able(self, plan: Plan) -> None:
        """Raises CapabilityMissing."""
        for part in plan.parts():
            executor = self.executor(part)
            planner.refuse_unless_able(part, executor.target.caps, executor.router.caps)

    def collect(self, kept: Collection[Artifact]) -> None:
        collected = self.artifacts.collect(kept, attached=self._store.attachments.digests())
        log.info("artifacts collected: %s", collected)
        for target in self._containers():
            try:
                log.info("images collected: %s", target.collect(kept))
            except LockgateError as error:
                log.warning("images were not collected: %s", error)

    def start(self) -> None:
        """The router serves what it served before, also if it has died meanwhile."""
        try:
            self.router.start()
        except LockgateError as error:
            log.warning("the router is not up yet: %s", error)

    def close(self) -> None:
        """Threads end; instances and the router go on."""
        for started in (*self._targets, *self.judges):
            started.close()
        self.router.close()

    def _containers(self) -> list["DockerTarget"]:
        with self._lock:
            return [target for target in self._targets if not isinstance(target, ProcessTarget)]

    def _target(self, plan: Plan) -> "ProcessTarget | DockerTarget":
        spec = TargetSpec(plan.target, plan.target_settings)
        if spec.kind == "process":
            target: ProcessTarget | DockerTarget = self._process_target(spec.settings)
        elif spec.kind == "docker":
            target = docker_target(spec, self._settings, self.artifacts, self._clock, self._custody.reveal)
        else:
            because = f"{plan.environment} has the target {spec.kind!r}, which this version does not have."
            raise ComponentMissing(because, "Its targets are: process, docker.")
        self._targets.append(target)
        return target

    def _process_target(self, given: Mapping[str, str]) -> ProcessTarget:
        ports = port_range(given.get("ports", ""), self._settings.ports)
        settings = ProcessSettings(self._settings.data, ports=ports, user=given.get("user") or None)
        return ProcessTarget(settings, self.artifacts.materialise, self._clock, self._custody.reveal)
