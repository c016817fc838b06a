"""Ranges of versions: what they hold, and what cannot be compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.requirement import fault_of, numbers_of, range_of

NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("wanted", "version", "fault"),
    [
        (">=2.0 <3", "2.0", ""),
        (">=2.0 <3", "2", ""),
        (">=2.0, <3", "v2.9.1", ""),
        (">=2.0 <3", "3.0", "is not >=2.0 <3"),
        (">=2.0", "10.1+build.7", ""),
        ("==1.2", "1.2.0", ""),
        ("!=1.2", "1.2.0", "is not !=1.2"),
        ("> 1", "1.0.1", ""),
        (">=2", "2.0rc1", "cannot be compared with >=2, because '2.0rc1' is not made of dotted numbers"),
        (">=2", "71e788037b65", "cannot be compared with >=2, because '71e788037b65' is not made of dotted numbers"),
        (">=2", "web 2.1, worker 0.9",
         "cannot be compared with >=2, because 'web 2.1, worker 0.9' is not made of dotted numbers"),
        ("newest", "2", "cannot be compared with 'newest', which is no range of versions"),
    ],
)  # fmt: skip
def test_a_version_is_in_a_range_or_it_is_said_why_not(wanted: str, version: str, fault: str) -> None:
    assert fault_of(wanted, version) == fault


@pytest.mark.parametrize("text", ["", "2", ">=", ">=2<3x", ">=2 <", "~=2", ">=2;<3", ">=a"])
def test_what_is_no_range_is_not_read(text: str) -> None:
    assert range_of(text) is None


@given(NUMBERS, NUMBERS)
def test_every_version_is_below_at_or_above_every_other(left: list[int], right: list[int]) -> None:
    one, other = ".".join(map(str, left)), ".".join(map(str, right))
    held = [sign for sign in ("<", "==", ">") if not fault_of(f"{sign}{other}", one)]
    assert len(held) == 1
    assert (not fault_of(f">={other}", one)) is (held != ["<"])
    assert (not fault_of(f"!={other}", one)) is (held != ["=="])


@given(st.text(max_size=20))
def test_anything_can_be_asked(text: str) -> None:
    assert numbers_of(text) is None or fault_of(f"=={text.strip().split('+')[0]}", text) == ""
    range_of(text)
