"""Redeploying runs exactly the recorded plan, through every gate, or says in what it would have differed."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lockgate.core.application import Strategy, StrategyKind
from lockgate.core.canary import Canary, Criteria, Stage
from lockgate.core.deployment import State
from lockgate.core.environment import Catalogue, Environment, Listen, TargetSpec
from lockgate.core.errors import Conflict, Denied, NotFound
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.messages import RollBack
from lockgate.messages.audit import Redeploy
from lockgate.testing.rig import Rig

ONCE_MORE = Redeploy("once more", actor="ann")
AS_RECORDED = Redeploy("even so", as_recorded=True, actor="ann")


def changed(rig: Rig, change: Callable[[Environment], Environment]) -> None:
    """Of dev, as it is written from now on."""
    rig.catalogue = Catalogue({**rig.catalogue.environments, "dev": change(rig.catalogue.get("dev"))})


def two_deployed(rig: Rig) -> list[str]:
    found = []
    for version in ("1", "2"):
        found.append(rig.deploy(rig.release(version, env={"LIMIT": "{values.limit}"}, values={"limit": "10"})).id)
        rig.run(10)
    return found


def test_the_same_plan_runs_again(rig: Rig) -> None:
    first, second = two_deployed(rig)
    again = rig.operations.redeployment.redeploy(first, ONCE_MORE)
    rig.run(10)
    assert rig.state(again.id) is State.SUCCEEDED and rig.all_on(first)
    assert rig.row(again.id).plan == rig.row(first).plan != rig.row(second).plan
    assert (rig.row(again.id).reason, rig.row(again.id).actor) == ("once more", "ann")


def test_a_canary_that_could_notice_nothing_is_refused_as_it_is_on_any_way_in(rig: Rig) -> None:
    short = Canary((Stage(100, 60.0),), within=120.0, criteria=Criteria(warm_up=0.0))
    strategy = Strategy(StrategyKind.CANARY, canary=short)
    rig.router.rate = 1.0
    first = rig.deploy(rig.release("1", strategy=strategy)).id
    rig.run(10)
    rig.deploy(rig.release("2", strategy=Strategy()))
    for _ in range(130):
        rig.turn()
        rig.clock.pass_by(5.0)
    with pytest.raises(Conflict, match="cannot notice") as refused:
        rig.operations.redeployment.redeploy(first, ONCE_MORE)
    assert "--blind" in refused.value.mend
    again = rig.operations.redeployment.redeploy(first, replace(ONCE_MORE, blind=True))
    assert again.release == rig.row(first).release


CHANGES: tuple[tuple[Callable[[Environment], Environment], str], ...] = (
    (lambda e: replace(e, values={"limit": "99"}), 'values.limit was recorded as "10" and would be now "99".'),
    (lambda e: replace(e, replicas={"web": 5}), "components.web.replicas was recorded as 2 and would be now 5."),
    (
        lambda e: replace(e, listen={"*": Listen("127.0.0.1", 9999)}),
        "listen.port was recorded as 8081 and would be now 9999.",
    ),
    (
        lambda e: replace(e, target=TargetSpec("process", {"ports": "1-2"})),
        'target_settings.ports would be now "1-2"; there was none.',
    ),
    (lambda e: replace(e, listen={}), "cannot be planned there any more"),
)


@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_what_would_differ_is_refused_with_each_difference(
    rig: Rig, change: Callable[[Environment], Environment], sentence: str
) -> None:
    first, second = two_deployed(rig)
    changed(rig, change)
    with pytest.raises(Conflict) as refused:
        rig.operations.redeployment.redeploy(first, ONCE_MORE)
    assert sentence in str(refused.value) and "--as-recorded" in str(refused.value)
    rig.run(5)
    assert rig.all_on(second)


def test_a_secret_is_told_by_where_it_is_kept(rig: Rig) -> None:
    kept = SecretSource(SecretStore.FILE, "/run/old")
    rig.vault.texts.update({"/run/old": "the same", "/run/new": "the same"})
    changed(rig, lambda e: replace(e, secrets={"TOKEN": kept}))
    first = rig.deploy(rig.release("1", secrets=("TOKEN",))).id
    rig.run(10)
    changed(rig, lambda e: replace(e, secrets={"TOKEN": replace(kept, name="/run/new")}))
    with pytest.raises(Conflict, match=r'secrets.TOKEN.name was recorded as "/run/old" and would be now "/run/new"'):
        rig.operations.redeployment.redeploy(first, ONCE_MORE)


def test_what_was_recorded_can_be_had_even_so(rig: Rig) -> None:
    first, _ = two_deployed(rig)
    changed(rig, lambda e: replace(e, values={"limit": "99"}))
    again = rig.operations.redeployment.redeploy(first, AS_RECORDED)
    rig.run(10)
    assert rig.state(again.id) is State.SUCCEEDED and rig.row(again.id).plan == rig.row(first).plan


@pytest.mark.parametrize(
    "change",
    [
        lambda e: replace(e, target=TargetSpec("docker")),
        lambda e: replace(e, target=TargetSpec("process", {"user": "other"})),
    ],
)
def test_but_not_on_a_target_that_is_gone(rig: Rig, change: Callable[[Environment], Environment]) -> None:
    first, _ = two_deployed(rig)
    changed(rig, change)
    with pytest.raises(Conflict, match="target of dev is another one"):
        rig.operations.redeployment.redeploy(first, AS_RECORDED)


def test_nor_in_an_environment_that_is_gone(rig: Rig) -> None:
    first, _ = two_deployed(rig)
    rig.catalogue = Catalogue({"prod": Environment("prod")})
    with pytest.raises(NotFound, match="dev"):
        rig.operations.redeployment.redeploy(first, AS_RECORDED)


@pytest.mark.parametrize("request_", [ONCE_MORE, AS_RECORDED])
def test_no_gate_is_passed_by(rig: Rig, request_: Redeploy) -> None:
    first, second = two_deployed(rig)
    rig.operations.roll_back(RollBack("shop", "dev", "users complain", "ann"))
    rig.run(10)
    with pytest.raises(Denied, match="users complain"):
        rig.operations.redeployment.redeploy(second, request_)
    assert rig.all_on(first)


def test_a_deployment_that_is_not_there_is_not_found(rig: Rig) -> None:
    with pytest.raises(NotFound, match="dep-9"):
        rig.operations.redeployment.redeploy("dep-9", ONCE_MORE)
