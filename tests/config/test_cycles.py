"""Circles are found, each once, whatever hangs on them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.config.cycles import cycles


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ({"a": [], "b": ["a"]}, []),
        ({"a": ["a"]}, [("a", "a")]),
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, [("a", "b", "c", "a")]),
        ({"x": ["b"], "b": ["c"], "c": ["b"]}, [("b", "c", "b")]),
        ({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]}, [("a", "b", "a"), ("c", "d", "c")]),
        ({"a": ["nowhere"]}, []),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, []),
    ],
)
def test_each_circle_begins_with_its_first_written_member(
    after: Mapping[str, Sequence[str]], found: list[tuple[str, ...]]
) -> None:
    assert cycles(after) == found


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3)))
def test_there_is_a_circle_where_and_only_where_no_order_exists(after: dict[str, list[str]]) -> None:
    left = {name: {other for other in others if other in after} for name, others in after.items()}
    while ready := {name for name, others in left.items() if not others}:
        left = {name: others - ready for name, others in left.items() if name not in ready}
    found = cycles(after)
    assert bool(found) == bool(left)
    assert all(following in after[name] for ring in found for name, following in pairwise(ring))


def test_a_long_chain_is_no_matter() -> None:
    assert cycles({str(i): [str(i + 1)] for i in range(5000)}) == []
