"""Policies judge every deployment, on every path, by facts as they are; and what they said is on record."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.config.policies import starter
from lockgate.core.deployment import State
from lockgate.core.environment import Environment
from lockgate.core.errors import ComponentMissing, Denied
from lockgate.core.facts import ApprovalFacts, FindingsFacts, Moment, SeverityFacts
from lockgate.core.policy import Mode, Otherwise, Policy, PolicyUse
from lockgate.drivers.policies.worker import CelPolicies
from lockgate.engine.policies import Evidence
from lockgate.messages import CheckPolicy, Deploy, Promote, RollBack, TryPolicies
from lockgate.messages.audit import Redeploy
from lockgate.store.database import open_store
from lockgate.testing.rig import Rig

TICKET = Policy("ticket", 'deployment.reason.contains("SHOP-")', "The reason {deployment.reason} names no ticket.")


@pytest.fixture
def rig(tmp_path: Path, policies: CelPolicies) -> "Callable[..., Rig]":
    store = open_store(f"sqlite:///{tmp_path}/lockgate.db")

    def made(environment: str = "dev", *rules: Policy, evidence: Evidence | None = None) -> Rig:
        found = Rig(store, policies=policies, evidence=evidence)
        put(found, environment, *rules)
        return found

    with store:
        yield made  # type: ignore[misc]


def put(rig: Rig, environment: str, *rules: Policy) -> None:
    uses = tuple(PolicyUse(rule.name) for rule in rules)
    changed = replace(rig.catalogue.get(environment), policies=uses, rules=rules)
    rig.catalogue = replace(rig.catalogue, environments={**rig.catalogue.environments, environment: changed})


def judged(rig: Rig, deployment: str) -> list[dict[str, str]]:
    events = rig.store.history.events(0, 1000, deployment=deployment)
    return [
        {name: said for name, said in event.data.items() if "/" in name}
        for event in events
        if event.kind == "deployment.judged"
    ]


def test_a_deployment_that_a_policy_denies_is_refused(rig: Callable[..., Rig]) -> None:
    r = rig("dev", TICKET)
    release = r.release("1")
    with pytest.raises(Denied, match=r"Policy ticket \(version \w{12}\) denies it: The reason  names no ticket\."):
        r.deploy(release)
    assert r.operations.deployments("shop", "", frozenset(), 10) == ()
    view = r.operations.deploy(Deploy("shop", "dev", release, "SHOP-7", actor="ann"))
    r.run()
    assert r.state(view.id) is State.SUCCEEDED


def test_a_promotion_and_a_rollback_are_judged_too(rig: Callable[..., Rig]) -> None:
    r = rig("prod", TICKET)
    for version in ("1", "2"):
        r.deploy(r.release(version))
        r.run()
        with pytest.raises(Denied, match="Policy ticket"):
            r.operations.promote(Promote("shop", "prod", "", "ann"))
        r.operations.promote(Promote("shop", "prod", "SHOP-1", "ann"))
        r.run()
    with pytest.raises(Denied, match="Policy ticket"):
        r.operations.roll_back(RollBack("shop", "prod", "it is slow", "ann"))
    assert r.operations.quarantines() == ()


SAID = Policy("said", 'deployment.reason != ""', "Somebody must say why.")


def test_words_of_lockgate_itself_are_no_reason(rig: Callable[..., Rig]) -> None:
    """A promotion, an offer and a redeployment without a reason have none; how each came about is kept beside it."""
    r = rig("prod", SAID)
    first = r.deploy(r.release("1"))
    r.run()
    offered = r.operations.deployments("shop", "staging", frozenset(), 1)[0]
    assert (offered.reason, offered.occasion) == ("", "It succeeded in dev.")
    with pytest.raises(Denied, match="Somebody must say why"):
        r.operations.promote(Promote("shop", "prod", "", "ann"))
    view = r.operations.promote(Promote("shop", "prod", "the fair begins", "ann"))
    assert (view.reason, view.occasion) == ("the fair begins", "Promoted from staging.")
    (asked,) = (e for e in r.store.history.events(0, 500, deployment=view.id) if e.kind == "deployment.requested")
    assert asked.because == "shop 1 (#1) to prod: Promoted from staging: the fair begins"
    r.run()
    with pytest.raises(Denied, match="Somebody must say why"):
        r.operations.redeployment.redeploy(view.id, Redeploy(actor="ann"))
    put(r, "dev")
    assert r.operations.redeployment.redeploy(first.id, Redeploy(actor="ann")).reason == ""


def test_one_that_is_asked_at_its_turn_fails_there(rig: Callable[..., Rig]) -> None:
    r = rig()
    view = r.deploy(r.release("1"))
    put(r, "dev", TICKET)
    r.run(2)
    assert r.state(view.id) is State.FAILED
    assert r.row(view.id).because.startswith("Policy ticket")
    assert judged(r, view.id) == [{"policies/ticket": f"{TICKET.digest} deny"}]


def test_a_release_soaks_and_goes_on_by_itself(rig: Callable[..., Rig]) -> None:
    soaked = starter()["soaked"]
    r = rig("staging", soaked)
    r.deploy(r.release("1"))
    r.run(60)
    waiting = r.operations.deployments("shop", "staging", frozenset(), 1)[0]
    assert waiting.state == "gated"
    assert "shop 1 must have run in dev for 2 h, and has not yet. It enters by itself then." in waiting.because
    events = len(r.store.history.events(0, 1000, deployment=waiting.id))
    r.run(60)
    assert len(r.store.history.events(0, 1000, deployment=waiting.id)) == events
    r.clock.pass_by(7200)
    r.run(60)
    assert r.state(waiting.id) is State.SUCCEEDED
    said = [record["policies/soaked"] for record in judged(r, waiting.id)]
    assert said == [f"{soaked.digest} wait", f"{soaked.digest} pass"]


def test_time_that_another_release_ran_does_not_count(rig: Callable[..., Rig]) -> None:
    r = rig()
    r.deploy(r.release("1"))
    r.run(60)
    r.clock.pass_by(3600)
    r.deploy(r.release("2"))
    r.run(60)
    r.clock.pass_by(7200)
    ran = {
        version: r.operations.policies.attempt(TryPolicies("shop", "staging", version)).facts["release"]["ran"]["dev"]
        for version in ("1", "2")
    }
    assert 3600 <= float(ran["1"][:-1]) < 3800
    assert 7200 <= float(ran["2"][:-1]) < 7400


def test_advice_hinders_nothing_and_is_on_record(rig: Callable[..., Rig]) -> None:
    advice = replace(TICKET, mode=Mode.ADVISE)
    r = rig("dev", advice)
    release = r.release("1")
    verdicts = {v.gate: v for v in r.operations.preview(Deploy("shop", "dev", release)).verdicts}
    assert "Policy ticket advises against it" in verdicts["policies"].because
    view = r.deploy(release)
    r.run()
    assert r.state(view.id) is State.SUCCEEDED
    assert judged(r, view.id) == [{"policies/ticket": f"{advice.digest} advises"}]


def test_a_changed_policy_is_on_record_again(rig: Callable[..., Rig]) -> None:
    never = Policy("never", "false", "Not now.", otherwise=Otherwise.WAIT)
    r = rig("dev", never)
    view = r.deploy(r.release("1"))
    r.run(60)
    put(r, "dev", replace(never, rule="1 > 2"))
    r.run(60)
    put(r, "dev", replace(never, rule="true"))
    r.run(60)
    assert r.state(view.id) is State.SUCCEEDED
    assert [one["policies/never"].split()[1] for one in judged(r, view.id)] == ["wait", "wait", "pass"]
    assert len({one["policies/never"] for one in judged(r, view.id)}) == 3


def test_policies_that_were_not_looked_up_keep_the_gate_shut(rig: Callable[..., Rig]) -> None:
    r = rig()
    dev = replace(r.catalogue.get("dev"), policies=(PolicyUse("ticket"),))
    r.catalogue = replace(r.catalogue, environments={**r.catalogue.environments, "dev": dev})
    view = r.deploy(r.release("1"))
    r.run(2)
    assert r.state(view.id) is State.GATED


class Missing(CelPolicies):
    """On a machine without the library."""

    def judge(self, policies: object, document: object) -> tuple[object, ...]:  # type: ignore[override]
        raise ComponentMissing("Policies cannot be judged on this machine.", "Install cel-expr-python.")


def test_where_nothing_can_judge_environments_with_policies_wait_and_others_go_on(rig: Callable[..., Rig]) -> None:
    r = rig("staging", TICKET)
    broken = Rig(r.store, policies=Missing())
    put(broken, "staging", TICKET)
    first = broken.deploy(broken.release("1"))
    broken.run(10)
    assert broken.state(first.id) is State.SUCCEEDED
    staging = broken.operations.deployments("shop", "staging", frozenset(), 1)[0]
    assert staging.state == "gated"
    assert "could not be asked, so it stays shut: Policies cannot be judged on this machine." in staging.because


def test_advice_that_nobody_can_give_hinders_nothing(rig: Callable[..., Rig]) -> None:
    r = Rig(rig().store, policies=Missing())
    put(r, "dev", replace(TICKET, mode=Mode.ADVISE))
    view = r.deploy(r.release("1"))
    r.run()
    assert r.state(view.id) is State.SUCCEEDED


# --- what others know ---


def findings(critical: int) -> FindingsFacts:
    return FindingsFacts(critical=SeverityFacts(total=critical, open=critical))


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (Evidence(), "No findings have been attached to shop 1 (#1), and the rule asks for them."),
        (
            Evidence(findings=lambda admission, now: findings(2)),
            "2 critical vulnerabilities of shop 1 are open, 0 of them",
        ),
        (Evidence(findings=lambda *_: findings(0)), ""),
    ],
)
def test_vulnerabilities_are_denied_and_so_is_not_knowing(
    rig: Callable[..., Rig], evidence: Evidence, sentence: str
) -> None:
    r = rig("dev", starter()["no-critical-vulnerabilities"], evidence=evidence)
    release = r.release("1")
    if not sentence:
        r.deploy(release)
        return
    with pytest.raises(Denied) as denied:
        r.deploy(release)
    assert sentence in str(denied.value)


def test_an_author_does_not_approve_their_own_change(rig: Callable[..., Rig]) -> None:
    approvals: list[ApprovalFacts] = []
    evidence = Evidence(authors=lambda release: ("ann",), approvals=lambda admission: tuple(approvals))
    r = rig("dev", starter()["author-is-not-approver"], evidence=evidence)
    view = r.deploy(r.release("1"))
    for who, state in (("", State.GATED), ("ann", State.GATED), ("bob", State.SUCCEEDED)):
        approvals += [ApprovalFacts(who, Moment(r.clock.now()))] if who else []
        r.run(60)
        assert r.state(view.id) is state


# --- the desk ---


def test_a_trial_shows_the_facts_and_changes_nothing(rig: Callable[..., Rig]) -> None:
    r = rig("prod", TICKET, replace(starter()["business-hours"]))
    release = r.release("1")
    before = r.store.history.events(0, 1000)
    trial = r.operations.policies.attempt(TryPolicies("shop", "prod", release, reason="SHOP-7", at=1_799_996_400.0))
    assert (trial.answer, [one.answer for one in trial.answers]) == ("wait", ["pass", "wait"])
    assert trial.facts["deployment"]["reason"] == "SHOP-7"
    assert trial.facts["time"]["now"] == "2027-01-15T07:00:00Z"
    assert set(trial.unknown) == {"findings"}
    assert r.store.history.events(0, 1000) == before
    again = r.operations.policies.attempt(TryPolicies("shop", "prod", release, "business-hours", rollback=True))
    assert [one.policy for one in again.answers] == ["business-hours"] and again.answer == "pass"


def test_the_desk_lists_policies_with_where_they_judge(rig: Callable[..., Rig]) -> None:
    r = rig("prod", starter()["soaked"])
    found = {one.name: one for one in r.operations.policies.list()}
    assert [(place.environment, place.mode) for place in found["soaked"].environments] == [("prod", "enforce")]
    assert found["soaked"].parameters == {"least": "7200s", "where": ""}
    assert found["change-size"].environments == ()


def test_the_desk_checks_a_rule_with_its_place(rig: Callable[..., Rig]) -> None:
    desk = rig().operations.policies
    (problem,) = desk.check(CheckPolicy('true\n&& environment.teir == ""', "no"))
    assert (problem.line, problem.field) == (2, "rule")
    assert problem.because == "at character 21: an environment has no field 'teir'."
    assert desk.check(CheckPolicy("environment.name != with.other", "no", {"other": "x"})) == ()


def test_facts_tell_what_changes_and_how_it_begins(rig: Callable[..., Rig]) -> None:
    r = rig()
    r.deploy(r.release("1"))
    r.run()
    same = r.operations.policies.attempt(TryPolicies("shop", "dev", "1")).facts
    other = r.operations.policies.attempt(TryPolicies("shop", "dev", r.release("2"))).facts
    assert (same["deployment"]["first"], same["deployment"]["changed"]) == (False, [])
    assert other["deployment"]["changed"] == ["web"]
    assert other["inventory"]["dev"]["version"] == "1"
    assert other["environment"]["position"] == 0 and other["environment"]["after"] == ""


def test_an_environment_without_policies_is_not_asked_about(rig: Callable[..., Rig]) -> None:
    r = rig()
    assert isinstance(r.catalogue.get("dev"), Environment)
    assert r.operations.policies.attempt(TryPolicies("shop", "dev", r.release("1"))).because == "dev has no policies."
