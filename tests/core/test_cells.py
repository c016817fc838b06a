"""An environment in cells: what each of them gets, and what a plan of several says."""

from dataclasses import replace

import pytest

from lockgate.core.application import Strategy, StrategyKind
from lockgate.core.canary import Canary
from lockgate.core.environment import Cell, Environment, Listen, OnFailure, Rollout, TargetSpec
from lockgate.core.errors import Invalid
from lockgate.core.ids import digest_of
from lockgate.core.plan import Plan, make_plan, mixture
from lockgate.core.traffic import Key
from tests.core.samples import PROD, release

NORTH = Cell("north", listen={"*": Listen("127.0.0.1", 8101)}, values={"name": "north"})
SOUTH = Cell("south", TargetSpec("process", {"user": "web"}), {"catalogue": Listen("127.0.0.1", 8102)})
WORLD = replace(PROD, listen={}, cells={"north": NORTH, "south": SOUTH})


def plan_in(environment: Environment = WORLD, limit: str = "1000") -> Plan:
    return make_plan(release(), replace(environment, values={**environment.values, "limit": limit}))


def test_what_was_recorded_before_there_were_cells_keeps_its_digest() -> None:
    assert (
        digest_of(Key("shop", "prod", "web"))
        == "sha256:c1b5143ae86c7082b9d47554b1aafeae31e5af0363b0112c929c57fb1e6764ef"
    )
    assert (
        make_plan(release(), PROD).digest == "sha256:7ae375be7a099f12ade6d0825bac16d7fc17516fce17268278d42adb714d5866"
    )


def test_a_key_with_a_cell_is_another_one() -> None:
    key = Key("shop", "prod", "web", "north")
    assert (str(key), key.part) == ("prod/north/shop/web", "north/web")
    assert digest_of(key) != digest_of(Key("shop", "prod", "web"))
    assert Key("shop", "prod", "web").part == "web"


def test_each_cell_has_its_own_target_addresses_and_values() -> None:
    plan = plan_in()
    north, south = plan.parts()
    assert plan.names == ("north", "south") and plan.listen is None
    assert [c.key for c in plan.components] == [Key("catalogue", "prod", "web", cell) for cell in plan.names]
    assert (str(north.listen), str(south.listen)) == ("127.0.0.1:8101", "127.0.0.1:8102")
    assert (north.target_settings, south.target_settings) == ({}, {"user": "web"})
    assert north.command_checks[0].run == ("smoke", "north") and south.command_checks[0].run == ("smoke", "prod")
    assert north.components[0].spec.env == {"GREETING": "hello north"}
    assert north.components[0].revision != south.components[0].revision


def test_a_part_is_the_plan_that_an_environment_like_the_cell_would_have() -> None:
    north = plan_in().within("north")
    alone = make_plan(release(), replace(PROD, listen=NORTH.listen, values={**PROD.values, "name": "north"}))
    (mine,), (its,) = north.components, alone.components
    assert replace(mine, key=its.key) == its
    assert replace(north, components=()) == replace(alone, components=())


def test_the_order_of_the_rollout_is_the_order_of_the_plan() -> None:
    turned = replace(WORLD, rollout=Rollout(order=("south", "north")))
    assert plan_in(turned).names == ("south", "north")
    assert plan_in(turned).digest == plan_in(replace(WORLD, cells={"south": SOUTH, "north": NORTH})).digest


@pytest.mark.parametrize(
    "rollout", [Rollout(parallel=2), Rollout(bake=60.0), Rollout(on_failure=OnFailure.BAD), Rollout(("south", "north"))]
)
def test_consent_is_given_to_the_rollout_too(rollout: Rollout) -> None:
    assert plan_in(replace(WORLD, rollout=rollout)).digest != plan_in().digest


def test_a_cell_without_an_address_is_named() -> None:
    silent = replace(WORLD, cells={"north": NORTH, "south": replace(SOUTH, listen={})})
    with pytest.raises(Invalid, match=r"environments\.prod\.cells\.south\.listen.*the cell south of prod"):
        plan_in(silent)


def test_of_a_cell_that_it_does_not_have_a_plan_has_no_components() -> None:
    assert plan_in().within("west").components == ()
    assert make_plan(release(), PROD).within("north").components == ()
    whole = make_plan(release(), PROD)
    assert whole.within("") == whole and whole.parts() == (whole,)


def test_a_mixture_has_each_cell_from_one_of_both() -> None:
    older, newer = plan_in(limit="1"), plan_in(limit="2")
    mixed = mixture(newer, {"north"}, older)
    assert mixed.within("north").components == newer.within("north").components
    assert mixed.within("south").components == older.within("south").components
    assert mixture(newer, set(newer.names), older).components == newer.components
    assert mixture(newer, {"south"}, None).names == ("south",)
    assert mixture(mixed, {"south"}, mixed).parts() == mixed.parts()


def test_a_mixture_with_what_was_there_before_there_were_cells_keeps_it() -> None:
    whole = make_plan(release(), PROD)
    mixed = mixture(plan_in(), {"north"}, whole)
    assert mixed.names == ("north", "")
    assert mixed.within("").components == whole.components and mixed.within("").listen == whole.listen


def test_the_canaries_of_all_cells_share_one_alpha() -> None:
    world = replace(WORLD, strategy=Strategy(StrategyKind.CANARY, canary=Canary()))
    alphas = [part.strategy.canary.criteria.alpha for part in plan_in(world).parts() if part.strategy.canary]
    assert alphas == [0.005, 0.005]
