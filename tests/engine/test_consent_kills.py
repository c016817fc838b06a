"""Whoever dies when, and whatever is altered in that moment: nothing begins that was not agreed to as it is."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.governed import GovernedRig

from lockgate.core.deployment import State
from lockgate.core.ids import Digest
from lockgate.drivers.policies.worker import CelPolicies
from lockgate.ports import Deployments
from lockgate.store.database import open_store


class Killed(BaseException):
    """The server has died."""


class Doomed:
    """The door to deployments. At the write of that number, something is altered, and the server may die, before it or
    after."""

    def __init__(self, inner: Deployments, rig: GovernedRig, at: int, dies: str) -> None:
        self._inner, self._rig, self._left, self._dies = inner, rig, at, dies

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def save(self, *given: Any, **more: Any) -> Any:
        self._left -= 1
        now = self._left == 0
        if now and self._dies == "before":
            self._rig.rewrite(values={"limit": "666"})
            raise Killed
        written = self._inner.save(*given, **more)
        if now:
            self._rig.rewrite(values={"limit": "666"})
        if now and self._dies == "after":
            raise Killed
        return written


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.integers(1, 6), st.sampled_from(["before", "after", "never"]))
def test_what_is_altered_between_any_two_writes_was_agreed_to_or_does_not_begin(
    policies: CelPolicies, at: int, dies: str
) -> None:
    with open_store("sqlite://") as store:
        rig = GovernedRig(store, policies)
        waiting = rig.on_prod()
        rig.approve(waiting.id, "alice", "bob")
        agreed: set[Digest] = {rig.consent.planned(rig.promoter.admission(rig.row(waiting.id))).digest}
        row = rig.store.deployments.claim("first", rig.clock.now(), 10.0, 1)[0]
        honest = rig.store.deployments
        rig.store.deployments = Doomed(honest, rig, at, dies)  # type: ignore[assignment,misc]
        try:
            rig.worker.flow.advance(row)
        except Killed:
            pass
        finally:
            rig.store.deployments = honest  # type: ignore[misc]
        rig.clock.pass_by(11)  # the lease of whoever died is over
        rig.run(20)
        after = rig.row(waiting.id)
        if after.started_at is not None:
            assert after.plan in agreed and rig.plan(waiting.id).values["limit"] == "20"
            assert after.state is State.SUCCEEDED
        else:
            assert after.state is State.GATED and "void: values.limit is 666 now, not 20" in after.because
            assert not rig.serving("prod")
