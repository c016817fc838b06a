"""A digest names a value: the same on every machine and in every year, whatever order it was written in."""

import json
from dataclasses import dataclass
from enum import StrEnum

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as some

from lockgate.core.errors import Invalid
from lockgate.core.ids import canonical, digest_of, digest_of_bytes, plain, short

TEXT = some.text('aZ0 "\\\n\x7fé€😀', max_size=4)
SCALARS = some.none() | some.booleans() | some.integers(-(2**53) + 1, 2**53 - 1) | TEXT
VALUES = some.recursive(
    SCALARS, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXT, inner, max_size=3)
)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    colour: Colour
    parts: tuple[int, ...] = ()


@given(some.dictionaries(TEXT, VALUES, max_size=5))
def test_equal_values_have_equal_digests_in_any_order(value: dict[str, object]) -> None:
    backwards = dict(reversed(value.items()))

    assert canonical(value) == canonical(backwards)
    assert digest_of(value) == digest_of(backwards)


@given(VALUES, VALUES)
def test_different_values_have_different_bytes(one: object, other: object) -> None:
    assert (canonical(one) == canonical(other)) == (
        json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )


@given(
    some.recursive(
        SCALARS | some.floats(allow_nan=False, allow_infinity=False),
        lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXT, inner, max_size=3),
    )
)
def test_the_quick_way_writes_the_same_bytes_as_the_library(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(plain(value))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-4, 1e-5, 1e15, 1e16, 2.0**53, 2.0**53 - 1, 123456.789, 5e-324, 1e22])
def test_numbers_at_the_edges_are_written_as_the_library_does(value: float) -> None:
    assert canonical([value, -value]) == rfc8785.dumps([value, -value])


def test_the_bytes_are_those_of_rfc_8785_section_3_2_2() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )

    assert canonical(value) == expected.encode()


def test_names_are_sorted_as_in_rfc_8785_section_3_2_3() -> None:
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    order = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]

    assert list(json.loads(canonical(value))) == order


def test_a_value_becomes_plain_json_by_its_fields() -> None:
    sample = Sample("a", Colour.RED, (1, 2))

    assert plain(sample) == {"name": "a", "colour": "red", "parts": [1, 2]}
    assert plain({"b": {"y", "x"}, Colour.RED: sample})["b"] == ["x", "y"]
    assert digest_of(sample) == digest_of({"parts": [1, 2], "colour": "red", "name": "a"})


def test_a_whole_number_is_the_same_written_as_a_fraction() -> None:
    assert digest_of({"timeout": 5}) == digest_of({"timeout": 5.0})


@pytest.mark.parametrize("value", [2**60, float("nan"), float("inf"), "\ud800", {"\ud800": 1}])
def test_what_json_cannot_carry_everywhere_is_refused_with_a_sentence(value: object) -> None:
    with pytest.raises(Invalid, match="cannot be recorded unambiguously"):
        digest_of({"value": value})


def test_a_digest_says_its_algorithm_and_shortens_for_people() -> None:
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    assert digest_of_bytes(b"") == empty
    assert short(empty) == "e3b0c44298fc"
