"""An approved deployment that is altered in anything waits: every field, as the classes themselves tell them."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import get_type_hints

import pytest
from tests.engine.governed import GovernedRig

from lockgate.core.admission import Admission
from lockgate.core.application import Strategy, StrategyKind
from lockgate.core.canary import Canary
from lockgate.core.environment import Environment, Listen, Rollout, TargetSpec
from lockgate.core.gate import Answer, weigh
from lockgate.core.plan import Plan
from lockgate.core.policy import Policy
from lockgate.drivers.policies.worker import CelPolicies
from lockgate.engine.consent import ASKED
from lockgate.gates import approval
from lockgate.store.database import open_store
from lockgate.testing.alterations import altered

OWN_GATE = {"windows"}
"""What is asked again at the turn by a gate of its own, whose days come from a file. ``ways_in.py`` shuts it late."""

IDLE = re.compile(r"rules\[\d\]\.(about|source|tests)")
"""What a policy tells people and tries beforehand decides nothing."""

HINTS = get_type_hints(Environment)


@pytest.fixture
def rig(policies: CelPolicies) -> Iterator[GovernedRig]:
    with open_store("sqlite://") as store:
        rig = GovernedRig(store, policies)
        rig.rewrite(
            listen={"*": Listen("127.0.0.1", 8083)},
            target=TargetSpec("process", {"ports": "20000-20999"}),
            replicas={"web": 3},
            strategy=Strategy(StrategyKind.CANARY, canary=Canary()),
            rollout=Rollout(),
            rules=(Policy("any", "1 < 2", "It is not so."),),
            owner="platform",
            users=("shoppers",),
            endpoints={"site": "https://shop.example"},
            capabilities=("gpu",),
        )
        yield rig


def approved(rig: GovernedRig) -> Admission:
    waiting = rig.on_prod("2", secrets=("api_key",))
    rig.approve(waiting.id, "alice", "bob")
    admission = rig.promoter.admission(rig.row(waiting.id))
    assert weigh(rig.promoter.verdicts(admission)).answer is Answer.PASS
    return admission


def refused(rig: GovernedRig, admission: Admission) -> str:
    """Why the gate of approvals does not let it in; empty: it does."""
    told = next(v for v in rig.promoter.verdicts(admission) if v.gate == approval.GATE)
    assert told.answer is Answer.PASS or told.because.endswith((".", "dep-2")), told.because
    return "" if told.answer is Answer.PASS else told.because


def test_whatever_is_altered_in_its_environment(rig: GovernedRig) -> None:
    admission, tried = approved(rig), 0
    for one in fields(Environment):
        if one.name in OWN_GATE or one.metadata.get("aside"):
            continue
        for where, other in altered(getattr(rig.prod, one.name), HINTS[one.name]):
            if IDLE.match(one.name + where) or (one.name, other) == ("approvals", None):
                continue  # where nobody is asked, nobody needs to agree
            changed = replace(admission.environment, **{one.name: other})
            assert refused(rig, replace(admission, environment=changed)), f"environment.{one.name}{where}"
            tried += 1
    assert tried > 80 and not refused(rig, admission)


def test_whatever_is_altered_in_its_plan(rig: GovernedRig) -> None:
    """As somebody with a hand in the database could."""
    admission, tried = approved(rig), 0
    for where, other in altered(admission.plan, Plan):
        assert refused(rig, replace(admission, plan=other)), f"plan{where}"
        tried += 1
    assert tried > 80


def test_whatever_is_altered_in_how_it_was_asked_for(rig: GovernedRig) -> None:
    admission, hints = approved(rig), get_type_hints(Admission)
    known = {"release", "environment", "plan", "row"}
    assert known | set(ASKED) == {one.name for one in fields(Admission)}, "does consent bind the new field?"
    for name in ASKED:
        for where, other in altered(getattr(admission, name), hints[name]):
            asked = replace(admission, **{name: other})
            if rig.consent.facts(asked).exempt:
                continue  # a rollback and an emergency need no approvals, and say so
            assert refused(rig, asked), f"{name}{where}"


def test_whatever_is_altered_in_a_secret(rig: GovernedRig) -> None:
    admission = approved(rig)
    rig.vault.texts["/etc/api_key.v1"] = "another"
    assert "fingerprint" in refused(rig, admission)
