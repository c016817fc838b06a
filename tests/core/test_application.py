"""What the application's own file says."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lockgate.core.application import Application, HttpCheck, Strategy
from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.core.errors import Invalid
from tests.core.samples import WEB, artifact

NAMES = [f"c{i}" for i in range(6)]


@some.composite
def applications(draw: some.DrawFn) -> Application:
    """Components that come after any of those with a lower number, written in any order: never a cycle."""
    components = {
        name: replace(
            WEB, name=name, after=tuple(draw(some.lists(some.sampled_from(NAMES[:i]), unique=True)) if i else ())
        )
        for i, name in enumerate(NAMES)
    }
    return Application("app", {name: components[name] for name in draw(some.permutations(NAMES))})


@given(applications())
def test_every_component_comes_once_and_behind_those_it_is_after(application: Application) -> None:
    order = [component.name for component in application.in_order()]

    assert sorted(order) == NAMES
    for component in application.components.values():
        assert all(order.index(name) < order.index(component.name) for name in component.after)


def test_components_that_do_not_depend_on_each_other_stay_as_written() -> None:
    application = Application("app", {name: replace(WEB, name=name) for name in ("b", "a", "c")})

    assert [c.name for c in application.in_order()] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("batch", "replicas", "count"),
    [
        ("25%", 4, 1),
        ("25%", 5, 2),
        ("25%", 1, 1),
        ("100%", 3, 3),
        ("1%", 10, 1),
        ("2", 10, 2),
        ("9", 3, 3),
        ("0", 3, 1),
    ],
)
def test_a_batch_is_at_least_one_and_at_most_all(batch: str, replicas: int, count: int) -> None:
    assert Strategy(batch=batch).batch_of(replicas) == count


def test_only_a_command_with_a_port_takes_traffic() -> None:
    assert WEB.takes_traffic
    assert not replace(WEB, run=("worker", "--host", "{host}")).takes_traffic


def test_checks_and_artifacts_have_labels_for_people() -> None:
    assert HttpCheck("/x", method="HEAD").label() == "HEAD /x"
    assert artifact().label() == "datasette 0.65.2"
    assert artifact("data.db", "").label() == "data.db"
    assert isinstance(artifact(), Artifact)


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("pypi:datasette==0.65.5", ArtifactKind.PYPI, "datasette==0.65.5"),
        ("  npm:http-server@14.1.1\n", ArtifactKind.NPM, "http-server@14.1.1"),
        ("git:https://host:8443/repo.git@v1", ArtifactKind.GIT, "https://host:8443/repo.git@v1"),
        ("file: ./data.db", ArtifactKind.FILE, "./data.db"),
    ],
)
def test_a_reference_is_kind_and_name(text: str, kind: ArtifactKind, name: str) -> None:
    reference = Reference.parse(text)

    assert (reference.kind, reference.name) == (kind, name)
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize("text", ["", "datasette", "pypi:", "pypi:  ", "PYPI:x", "rpm:x", ":x", "pypi"])
def test_what_is_no_reference_is_refused_and_the_kinds_are_named(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        Reference.parse(text, where="lockgate.yaml", line=4, field="components.web.artifact")

    sentence = str(caught.value)
    assert sentence.startswith(f"lockgate.yaml:4: components.web.artifact: {text!r} is not an artifact reference.")
    assert "pypi, npm, archive, git, file, oci" in sentence
