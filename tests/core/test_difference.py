"""Two plans differ in nothing exactly when they are the same plan; where they do, it is said where."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lockgate.core.application import StrategyKind
from lockgate.core.difference import Difference, differences
from lockgate.core.environment import Listen
from lockgate.core.plan import Plan
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.testing.samples import a_plan, a_release

PLAN = a_plan()


def with_spec(plan: Plan, **changes: Any) -> Plan:
    """The last component with another spec."""
    *others, last = plan.components
    return replace(plan, components=(*others, replace(last, spec=replace(last.spec, **changes))))


def told(other: Plan) -> list[str]:
    return [one.sentence() for one in differences(PLAN, other)]


def test_a_plan_differs_from_itself_in_nothing() -> None:
    assert differences(PLAN, a_plan()) == ()


CHANGES = some.sampled_from(
    [
        lambda p, t: replace(p, values={**p.values, t: t}),
        lambda p, t: replace(p, environment=t),
        lambda p, t: replace(p, listen=Listen("127.0.0.1", 8000 + len(t))),
        lambda p, t: replace(p, target_settings={"ports": t}),
        lambda p, t: replace(p, components=p.components[:1]),
        lambda p, t: replace(p, components=tuple(reversed(p.components))),
        lambda p, t: with_spec(p, env={t: t}),
        lambda p, t: with_spec(p, command=("web", t)),
        lambda p, t: with_spec(p, secrets={"TOKEN": SecretSource(SecretStore.FILE, t)}),
        lambda p, t: replace(p, http_checks=p.http_checks[: len(t) % 3]),
        lambda p, t: replace(p, strategy=replace(p.strategy, kind=StrategyKind.RECREATE)),
    ]
)


@given(some.lists(some.tuples(CHANGES, some.text("abc.", max_size=3)), max_size=4))
def test_plans_differ_in_nothing_exactly_when_their_digests_agree(changes: list[Any]) -> None:
    other = PLAN
    for change, text in changes:
        other = change(other, text)
    assert (differences(PLAN, other) == ()) == (other.digest == PLAN.digest)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (replace(PLAN, values={"limit": "30"}), 'values.limit was recorded as "20" and would be now "30".'),
        (replace(PLAN, values={**PLAN.values, "new": "1"}), 'values.new would be now "1"; there was none.'),
        (replace(PLAN, values={}), 'values.limit was recorded as "20"; there would be none now.'),
        (
            with_spec(PLAN, env={"LIMIT": "5"}),
            'components.web.spec.env.LIMIT was recorded as "20" and would be now "5".',
        ),
        (
            with_spec(PLAN, secrets={"TOKEN": SecretSource(SecretStore.FILE, "/run/token")}),
            'components.web.spec.secrets would be now {"TOKEN":{"name":"/run/token","store":"file"}}; there was none.',
        ),
    ],
)
def test_a_difference_is_a_sentence(other: Plan, sentence: str) -> None:
    assert told(other) == [sentence]


def test_another_version_is_told_at_its_component() -> None:
    other = a_plan(a_release(version="2.0"))
    assert {one.path for one in differences(PLAN, other)} >= {
        "components.web.spec.artifact.digest",
        "components.web.spec.artifact.version",
        "release",
    }


def test_a_component_in_another_place_of_the_order_is_told() -> None:
    other = replace(PLAN, components=tuple(reversed(PLAN.components)))
    assert differences(PLAN, other) == (Difference("order of components", '["worker","web"]', '["web","worker"]'),)
