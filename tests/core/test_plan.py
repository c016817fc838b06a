"""The plan is a pure function of release and environment, and its digest is what is consented to."""

from dataclasses import replace

import pytest

from lockgate.core.application import Component
from lockgate.core.environment import Environment, Listen, TargetSpec
from lockgate.core.errors import Invalid
from lockgate.core.ids import canonical
from lockgate.core.plan import InstanceSpec, make_plan
from lockgate.core.traffic import Key
from tests.core.samples import CATALOGUE, PROD, WEB, artifact, release


def spec(**changes: object) -> InstanceSpec:
    plan = make_plan(release(), PROD)
    return replace(plan.components[0].spec, **changes)  # type: ignore[arg-type]


def with_web(**changes: object) -> Component:
    return replace(WEB, **changes)  # type: ignore[arg-type]


def test_the_same_release_and_environment_give_the_same_bytes() -> None:
    one, other = make_plan(release(), PROD), make_plan(release(by="bob", at=99.0), replace(PROD))

    assert canonical(one) == canonical(other)
    assert one.digest == other.digest


def test_the_order_in_which_values_were_written_does_not_count() -> None:
    backwards = replace(CATALOGUE, values=dict(reversed(CATALOGUE.values.items())))

    assert make_plan(release(), PROD).digest == make_plan(release(backwards), PROD).digest


@pytest.mark.parametrize(
    "changed",
    [
        replace(PROD, values={"name": "elsewhere"}),
        replace(PROD, listen={"*": Listen("127.0.0.1", 8081)}),
        replace(PROD, target=TargetSpec("process", {"user": "web"})),
        replace(PROD, replicas={"web": 5}),
        replace(PROD, name="staging"),
    ],
    ids=["value", "address", "target", "replicas", "name"],
)
def test_whatever_changes_the_environment_changes_the_digest(changed: Environment) -> None:
    assert make_plan(release(), changed).digest != make_plan(release(), PROD).digest


def test_who_owns_the_environment_does_not_change_the_digest() -> None:
    assert make_plan(release(), replace(PROD, owner="ops", purpose="money")).digest == make_plan(release(), PROD).digest


def test_the_environments_values_win_and_the_rest_is_left_for_the_target() -> None:
    plan = make_plan(release(), PROD)
    (web,) = plan.components

    assert web.key == Key("catalogue", "prod", "web")
    assert web.spec.command[-1] == "1000"
    assert web.spec.command[3] == "{host}"
    assert web.spec.env == {"GREETING": "hello prod"}
    assert plan.command_checks[0].run == ("smoke", "prod")
    assert plan.values == {"name": "prod", "limit": "1000"}
    assert [check.label() for check in plan.checks] == ["GET /items.json", "smoke prod"]


@pytest.mark.parametrize(
    ("component", "where"),
    [
        (with_web(run=("serve", "{port}", "{values.colour}")), "components.web.run"),
        (with_web(env={"COLOUR": "{values.colour}"}), "components.web.env.COLOUR"),
    ],
)
def test_a_missing_value_names_itself_its_place_and_the_environment(component: Component, where: str) -> None:
    with pytest.raises(Invalid) as caught:
        make_plan(release(replace(CATALOGUE, components={"web": component})), PROD)

    (problem,) = caught.value.problems
    assert problem.field == where
    assert "'colour'" in problem.because and "'prod'" in problem.because and "limit, name" in problem.because
    assert problem.mend.startswith("Add values: {colour: ...} to prod")


def test_traffic_without_an_address_is_refused() -> None:
    with pytest.raises(Invalid, match=r"environments\.prod\.listen: nothing says where traffic for catalogue arrives"):
        make_plan(release(), replace(PROD, listen={}))


def test_an_application_without_traffic_needs_no_address() -> None:
    worker = replace(CATALOGUE, components={"web": with_web(run=("work",))})
    plan = make_plan(release(worker), replace(PROD, listen={}))

    assert plan.listen is None
    assert not plan.components[0].spec.takes_traffic


def test_components_are_planned_in_the_order_they_are_deployed() -> None:
    components = {name: with_web(name=name, after=after) for name, after in [("a", ("c",)), ("b", ()), ("c", ())]}
    plan = make_plan(release(replace(CATALOGUE, components=components)), PROD)

    assert [c.key.component for c in plan.components] == ["c", "a", "b"]


def test_a_revision_is_not_changed_by_what_things_are_called() -> None:
    renamed = replace(artifact(), name="other", version="9", reference="pypi:other")
    files = {"data.db": replace(artifact("data.db", ""), reference="file:../data.db", version="2")}

    assert spec(artifact=renamed, files=files).revision == spec().revision


@pytest.mark.parametrize(
    "changes",
    [
        {"artifact": artifact(content="other bytes")},
        {"files": {"data.db": artifact(content="other bytes")}},
        {"files": {"other.db": artifact("data.db", "")}},
        {"env": {"GREETING": "bye"}},
        {"command": ("datasette", "{port}")},
    ],
    ids=["artifact", "file", "file name", "env", "command"],
)
def test_a_revision_is_changed_by_what_runs(changes: dict[str, object]) -> None:
    assert spec(**changes).revision != spec().revision


def test_a_revision_is_changed_by_a_value_that_is_used_and_by_no_other() -> None:
    def revision(**values: str) -> str:
        return make_plan(release(), replace(PROD, values={"name": "prod", **values})).components[0].revision

    assert revision(limit="1") != revision()
    assert revision(unused="1") == revision()


def test_the_same_revision_runs_in_two_environments_with_the_same_values() -> None:
    staging = replace(PROD, name="staging", listen={"*": Listen("127.0.0.1", 8081)})

    assert make_plan(release(), staging).components[0].revision == make_plan(release(), PROD).components[0].revision
