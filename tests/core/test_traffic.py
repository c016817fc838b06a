"""Weights sum exactly, and what is added to a rotation is never taken from it."""

from hypothesis import given
from hypothesis import strategies as some

from lockgate.core.ids import RevisionId
from lockgate.core.traffic import ALL, Key, Pool, Scene, even
from lockgate.core.walk import fill, shares

PARTS = some.dictionaries(some.text("abcdef", min_size=1, max_size=3).map(RevisionId), some.integers(0, 50), max_size=6)


@given(some.integers(0, ALL), PARTS)
def test_a_split_sums_exactly(total: int, parts: dict[RevisionId, int]) -> None:
    given_out = even(total, parts)

    assert set(given_out) == set(parts)
    assert sum(given_out.values()) == (total if any(parts.values()) else 0)


@given(some.integers(0, ALL), PARTS)
def test_each_part_is_within_one_of_its_exact_share_and_nothing_stays_nothing(
    total: int, parts: dict[RevisionId, int]
) -> None:
    whole = sum(parts.values())
    for name, got in even(total, parts).items():
        assert abs(got * whole - total * parts[name]) < max(whole, 1)
        assert parts[name] or not got
        assert total > whole or got <= parts[name]


@given(some.integers(0, ALL), PARTS)
def test_a_split_does_not_depend_on_the_order_of_the_parts(total: int, parts: dict[RevisionId, int]) -> None:
    assert even(total, parts) == even(total, dict(reversed(parts.items())))


@given(PARTS)
def test_shares_are_all_of_the_traffic_and_only_for_those_with_seats(seats: dict[RevisionId, int]) -> None:
    found = shares(seats)

    assert {name: share.seats for name, share in found.items()} == {n: s for n, s in seats.items() if s}
    assert sum(share.weight for share in found.values()) == (ALL if found else 0)
    assert all(share.weight > 0 for share in found.values())


@given(PARTS, some.integers(0, 200), PARTS)
def test_filling_raises_up_to_the_limits_and_lowers_nothing(
    before: dict[RevisionId, int], total: int, limits: dict[RevisionId, int]
) -> None:
    filled = fill(before, total, limits)

    assert all(filled[name] >= count for name, count in before.items())
    assert all(count <= max(limits.get(n, 0), before.get(n, 0)) for n, count in filled.items())
    full = all(filled[name] >= limit for name, limit in limits.items())
    assert full or sum(filled.values()) >= total
    assert sum(filled.values()) <= max(total, sum(before.values()))


def test_others_are_those_that_still_run_or_are_routed() -> None:
    a, b, c, d = (RevisionId(name) for name in "abcd")
    scene = Scene({a: Pool(a, started=1), b: Pool(b, started=1), c: Pool(c), d: Pool(d, weight=ALL)})

    assert [pool.revision for pool in scene.others(a)] == [b, d]
    assert [pool.revision for pool in scene.others(None)] == [a, b, d]
    assert scene.pool(RevisionId("e")) == Pool(RevisionId("e"))


def test_a_key_reads_as_a_path() -> None:
    assert str(Key("shop", "prod", "web")) == "prod/shop/web"
