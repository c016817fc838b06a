"""Nothing of a plan, a release or an environment's rules can be another without another digest: field by field."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest

from lockgate.core import statement
from lockgate.core.approval import Subject
from lockgate.core.environment import Environment, Soak
from lockgate.core.errors import RecordAltered
from lockgate.core.ids import digest_of
from lockgate.core.plan import Plan
from lockgate.core.release import Release
from lockgate.store import rows
from lockgate.testing.alterations import altered, sample
from lockgate.testing.samples import a_plan, a_release

WHOLE: dict[Any, Any] = {kind: sample(kind) for kind in (Plan, Release, Environment, Subject)}
WHOLE[Environment] = replace(WHOLE[Environment], windows=())
"""The days that windows come to are no JSON; windows have a gate of their own, that is asked at the turn."""


@pytest.mark.parametrize("value", [*WHOLE.values(), a_plan(), a_release()], ids=lambda v: type(v).__name__)
def test_every_field_is_in_the_digest(value: Any) -> None:
    """Two values that differ in one thing never have one digest, whatever the thing."""
    seen = {digest_of(value): "as it is"}
    for where, other in altered(value):
        digest = digest_of(other)
        assert digest not in seen, f"{where} makes the same digest as {seen[digest]}"
        seen[digest] = where
    assert len(seen) > 5


def test_what_is_aside_is_known() -> None:
    """A field outside of every digest is one that tells people of the value, and is no part of it."""

    def aside(kind: Any) -> set[str]:
        return {one.name for one in fields(kind) if one.metadata.get("aside") or not (one.init and one.compare)}

    assert {kind.__name__: aside(kind) for kind in WHOLE} == {
        "Plan": set(),
        "Release": {"credited", "number"},
        "Environment": {"origins"},
        "Subject": set(),
    }


@dataclass(frozen=True, slots=True)
class Odd:
    """One field of each kind."""

    text: str = "a"
    several: tuple[str, ...] = ("b", "c")
    named: Mapping[str, int] = field(default_factory=dict)
    inner: Soak | None = None


def test_the_walk_goes_everywhere() -> None:
    assert {where for where, _ in altered(Odd("a", ("b", "c"), {"d": 1}, Soak("e", 2.0)))} == {
        *(".text", ".several[+]", ".several[order]", ".several[-0]", ".several[0]", ".several[-1]", ".several[1]"),
        *(".named[-d]", ".named[d]", ".named[+]", ".inner.place", ".inner.seconds", ".inner.none"),
    }
    assert ".inner" in {where for where, _ in altered(Odd())}


def test_what_is_signed_of_a_plan_is_all_of_it() -> None:
    for plan in (WHOLE[Plan], a_plan()):
        content = _content(statement.of_plan(plan))
        statement.demand_plan(plan, content)
        for where, other in altered(plan):
            with pytest.raises(RecordAltered):
                statement.demand_plan(other, content)
                pytest.fail(where)
            assert rows.value(Plan, rows.document(other)).digest == other.digest, where


def test_what_is_signed_of_a_release_is_all_of_it() -> None:
    release = a_release()
    content = _content(statement.of_release(release))
    statement.demand_release(release, content)
    for where, other in altered(release):
        with pytest.raises(RecordAltered):
            statement.demand_release(other, content)
            pytest.fail(where)


def _content(payload: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payload)
    return found
