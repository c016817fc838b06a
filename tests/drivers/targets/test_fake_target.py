"""The fake keeps the contract too: whoever tests against it may trust it."""

from dataclasses import dataclass, field, replace

import pytest

from lockgate.core.plan import InstanceSpec
from lockgate.ports import Target
from lockgate.testing.contracts.target import Ground, TargetContract
from lockgate.testing.fakes import FakeClock, FakeTarget
from lockgate.testing.samples import a_plan


@dataclass
class FakeGround:
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self._target = FakeTarget(self.clock)

    def target(self) -> Target:
        return self._target

    def good(self, version: str) -> InstanceSpec:
        web = next(c.spec for c in a_plan().components if c.spec.takes_traffic)
        return InstanceSpec(
            web.artifact, web.files, (*web.command, version), web.env, web.health, web.resources, web.stop
        )

    def broken(self, version: str) -> InstanceSpec:
        spec = self.good(f"broken {version}")
        self._target.broken[spec.revision] = "It ended with exit code 1."
        return spec

    def silent(self) -> InstanceSpec:
        return replace(self.good("silent"), command=("sleep", "1000"))

    def pass_by(self) -> None:
        self.clock.pass_by(0.01)


class TestFakeTarget(TargetContract):
    @pytest.fixture
    def ground(self) -> Ground:
        return FakeGround()
