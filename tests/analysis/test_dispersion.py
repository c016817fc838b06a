"""Dispersion: how errors scatter, as far as the traffic before tells."""

from random import Random

import pytest

from lockgate.analysis.counts import Counts
from lockgate.analysis.dispersion import TRUSTED, Dispersion, dispersion, learnt, successive
from lockgate.core.window import Minute, Ratio
from tests.analysis.traffic import past_of, poisson


def test_independent_errors_hardly_scatter_more_than_they_should() -> None:
    found = [learnt(past_of(Random(seed), 120, 10, 100.0, 0.01), 0.1) for seed in range(10)]

    assert all(one.known and one.trusted for one in found)
    assert all(1 <= one.factor < 2 for one in found)


@pytest.mark.parametrize(("burst", "least", "most"), [(3, 3.0, 12.0), (10, 12.0, 45.0)])
def test_bursts_are_seen(burst: int, least: float, most: float) -> None:
    found = [learnt(past_of(Random(seed), 120, 10, 100.0, 0.01, burst), 0.1).factor for seed in range(10)]

    assert least < sorted(found)[5] < most


def test_great_bursts_are_not_trusted() -> None:
    found = learnt(past_of(Random(1), 120, 10, 100.0, 0.01, 200), 0.1)

    assert found.factor > TRUSTED
    assert found.known and not found.trusted


def test_what_befalls_all_instances_alike_is_no_dispersion() -> None:
    random = Random(4)
    past = []
    for n in range(120):
        share = 0.1 if n % 20 < 3 else 0.005
        ratios = {f"i{i}": Ratio(poisson(random, 300 * share), 300) for i in range(6)}
        past.append(Minute(60.0 * (n + 1), ratios))

    assert learnt(past, 0.2).factor < 2


def test_an_instance_that_is_always_worse_is_dispersion() -> None:
    random = Random(5)
    past = [
        Minute(60.0 * n, {f"i{i}": Ratio(poisson(random, 20 if i == 3 else 5), 1000) for i in range(5)})
        for n in range(1, 121)
    ]

    assert learnt(past, 0.2).factor > 3


@pytest.mark.parametrize(
    "past",
    [
        (),
        tuple(Minute(60.0 * n, {}) for n in range(100)),
        tuple(Minute(60.0 * n, {"one": Ratio(5, 100)}) for n in range(100)),
        tuple(Minute(60.0 * n, {"one": Ratio(0, 100), "two": Ratio(0, 100)}) for n in range(100)),
        tuple(Minute(60.0 * n, {"one": Ratio(5, 100), "two": Ratio(5, 100)}) for n in range(9)),
        tuple(Minute(60.0 * n, {"one": Ratio(100, 100), "two": Ratio(100, 100)}) for n in range(100)),
    ],
    ids=["nothing", "idle", "one instance", "no errors", "too short", "nothing but errors"],
)
def test_too_little_teaches_nothing(past: tuple[Minute, ...]) -> None:
    assert learnt(past, 0.3) == Dispersion(1.0, 0)


def test_the_order_of_the_minutes_is_irrelevant() -> None:
    past = past_of(Random(6), 60, 4, 50.0, 0.02, 3)
    mixed = list(past)
    Random(7).shuffle(mixed)

    assert learnt(past, 0.25) == learnt(mixed, 0.25)


def test_the_worst_length_of_blocks_counts() -> None:
    calm, wild = [Counts(100, 5, 100, 5)] * 20, [Counts(100, 0, 100, 40), Counts(100, 40, 100, 0)] * 10

    assert dispersion({60.0: calm, 300.0: wild}).factor == dispersion({300.0: wild}).factor > 20


def test_something_that_jumps_from_block_to_block_scatters() -> None:
    assert successive([(100, 1000), (100, 1000)] * 10).factor == 1.0
    assert successive([(50, 1000), (150, 1000)] * 10).factor > 10


def test_where_errors_are_common_they_are_measured_by_what_such_errors_scatter() -> None:
    """Half of the requests: k = 450 of E = 1000 errors, w = 1/2, of N = 2000; the variance is E w (1-w) (N-E)/(N-1)."""
    variance = 1000 * 0.25 * 1000 / 1999

    found = successive([(450, 1000), (550, 1000)] * 10)
    assert found.factor == pytest.approx(50**2 / variance * (1 + 1.645 * (2 / 19) ** 0.5))
