"""A component that needs what an environment does not have is refused, in a sentence."""

from dataclasses import replace

import pytest

from lockgate.core.capability import DRIVERS, refuse_unmet, stated
from lockgate.core.environment import Environment, Listen
from lockgate.core.errors import CapabilityMissing
from lockgate.core.ids import plain
from lockgate.core.plan import make_plan
from lockgate.core.release import Release
from lockgate.core.traffic import RouterCaps, TargetCaps
from lockgate.engine.planner import refuse_unless_able
from lockgate.testing.samples import a_release

ROUTER = RouterCaps(weights=True, inflight=True, hold=True)


def needing(*needs: str) -> Release:
    release = a_release()
    web = replace(release.application.components["web"], needs=needs)
    components = {**release.application.components, "web": web}
    return replace(release, application=replace(release.application, components=components))


def prod(*capabilities: str) -> Environment:
    return Environment("prod", listen={"*": Listen("127.0.0.1", 80)}, values={"limit": "1"}, capabilities=capabilities)


def test_what_its_owner_says_is_enough() -> None:
    plan = make_plan(needing("gpu"), prod("internet", "gpu"))
    assert all(part.needs == () for part in plan.components)


def test_what_nobody_says_is_refused_with_the_way_to_mend_it() -> None:
    with pytest.raises(CapabilityMissing) as refused:
        make_plan(needing("gpu", "pci"), prod("internet"))
    assert str(refused.value) == (
        "web needs gpu, pci, which prod does not have; it has: internet. If it has, its owner adds "
        "`capabilities: [gpu, pci]` to it; else deploy to another environment."
    )


def test_what_drivers_state_is_asked_of_them() -> None:
    plan = make_plan(needing("histogram", "weights"), prod())
    with pytest.raises(CapabilityMissing, match=r"web needs histogram, which prod does not have; it has: .*weights"):
        refuse_unless_able(plan, TargetCaps(), ROUTER)
    refuse_unless_able(plan, TargetCaps(), replace(ROUTER, histogram=True))


def test_drivers_state_nothing_but_their_own_words() -> None:
    assert stated(TargetCaps(instances=False, artifacts=frozenset()), ROUTER) == {"weights", "inflight", "hold"}
    assert stated(TargetCaps(), replace(ROUTER, histogram=True, pins=True, sticky=True)) == DRIVERS


def test_what_needs_nothing_is_recorded_as_ever() -> None:
    plan = make_plan(a_release(), prod())
    assert "needs" not in plain(plan)["components"][0]
    refuse_unmet("web", (), "prod", ())
