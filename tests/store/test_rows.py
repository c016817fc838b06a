"""What is stored and loaded again is equal, whatever the value."""

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.audit import Event
from lockgate.core.deployment import Deployment, Progress
from lockgate.core.errors import Invalid
from lockgate.core.ids import canonical, digest_of
from lockgate.core.inventory import Observed
from lockgate.core.notification import Delivery
from lockgate.core.plan import Plan
from lockgate.core.release import Release
from lockgate.ports import Feed, Quarantine
from lockgate.store import rows
from lockgate.testing.samples import a_deployment, a_release

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(-(2**53) + 1, 2**53 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
}


@cache
def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type of the vocabulary, with something in every field."""
    kind = getattr(kind, "__supertype__", kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if is_dataclass(kind):
        return st.builds(kind, **{name: values(hint) for name, hint in get_type_hints(kind).items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    parts = [values(part) for part in get_args(kind) if part is not ...]
    origin = get_origin(kind)
    if origin is Mapping:
        return st.dictionaries(*parts, max_size=3)
    if origin is frozenset:
        return st.frozensets(*parts, max_size=3)
    if origin is tuple:
        return st.lists(*parts, max_size=3).map(tuple)
    return st.one_of(parts)


class Columns:
    """A row as a query gives it."""

    def __init__(self, row: Deployment) -> None:
        self.__dict__.update(rows.deployment_columns(row))


@pytest.mark.parametrize("kind", [Progress, Event, Observed, Quarantine, Feed, Plan, Delivery])
def test_every_value_comes_back_equal(kind: type) -> None:
    @given(values(kind))
    def holds(value: object) -> None:
        assert rows.value(kind, rows.document(value)) == value

    holds()


@given(values(Deployment))
def test_every_deployment_comes_back_equal(row: Deployment) -> None:
    assert rows.deployment(Columns(row)) == row


@given(values(Release))
def test_every_release_comes_back_equal_with_its_checks_in_order(release: Release) -> None:
    found = rows.release(rows.release_document(release), release.number)
    assert found == release
    assert found.number == release.number
    assert digest_of(found) == digest_of(release)


@given(values(Plan))
def test_a_plan_keeps_its_digest(plan: Plan) -> None:
    assert rows.value(Plan, canonical(plan).decode()).digest == plan.digest


def test_rows_of_another_version_are_read() -> None:
    """A field that was not written yet gets its default; one that is not known any more is passed over."""
    columns = Columns(a_deployment(reason="why"))
    details = json.loads(columns.details)
    del details["progress"]["attempts"], details["who"]
    columns.details = json.dumps({**details, "mood": "calm"})
    assert rows.deployment(columns) == a_deployment(reason="why")

    written = json.loads(rows.release_document(a_release()))
    del written["url"], written["application"]["values"], written["application"]["components"]["web"]["stop"]
    found = rows.release(json.dumps({**written, "mood": "calm"}), 3)
    assert (found.url, found.application.values, found.number) == ("", {}, 3)


def test_text_that_is_not_unicode_is_refused_with_the_way_to_mend_it() -> None:
    with pytest.raises(Invalid, match="errors='replace'"):
        rows.details_of(a_deployment(because="\udc80"))
