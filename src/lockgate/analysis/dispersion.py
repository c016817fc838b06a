"""Dispersion: how much more error counts scatter than those of independent requests would.

From traffic before the rollout, its instances split into two sides of the planned sizes, in blocks of several lengths.
For a block with ``k`` errors of the small side among ``E`` on both, expected share ``w``: ``X2 = (k - E w)^2 /
(E w (1 - w))``, which is 1 on average for independent errors. The factor is the largest upper 95 % bound over the
lengths, ``mean(X2) (1 + 1.645 sqrt(2/m))`` over ``m`` blocks, and at least 1. A quasi-likelihood tempering:
validated by simulation, not proven.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lockgate.analysis.counts import Counts
from lockgate.core.window import Minute, Ratio

TRUSTED = 300.0
"""Above it errors come in such bursts that counting them says nothing. At 45, as of bursts of thirty errors, the
tempered evidence still finds every release that is five times as bad, without false alarms (canarybench)."""
FEWEST_BLOCKS = 10
"""Of one length, for it to count."""
FEWEST_ERRORS = 5.0
"""That were to be expected on the smaller side in all of them."""
LENGTHS = (60.0, 300.0)
"""Of the blocks, in seconds."""
SPLITS = 8
"""Ways to choose the small side that are looked at, at most."""


@dataclass(frozen=True, slots=True)
class Dispersion:
    """``factor``: at least 1. ``blocks``: how many it rests on; 0: there was nothing to learn it from."""

    factor: float = 1.0
    blocks: int = 0

    @property
    def known(self) -> bool:
        return self.blocks > 0

    @property
    def trusted(self) -> bool:
        """Whether tests on counts may decide; what is not known is taken for independent."""
        return self.factor <= TRUSTED


def learnt(past: Sequence[Minute], share: float) -> Dispersion:
    """From minutes before the rollout; ``share``: of the instances that are to be the canary. Of one instance, or of
    hardly any errors, nothing can be learnt."""
    names = sorted({name for minute in past for name in minute.instances})
    if len(names) < 2:
        return Dispersion()
    size = min(max(1, round(share * len(names))), len(names) - 1)
    sides = _sides(names, size)
    found = [_of(_blocks(past, length, sides)) for length in LENGTHS]
    return _largest(found)


def dispersion(blocks: Mapping[float, Sequence[Counts]]) -> Dispersion:
    """``blocks``: length in seconds -> the two sides of the traffic before, block by block."""
    return _largest([_of([[counts] for counts in several]) for several in blocks.values()])


def successive(sides: Sequence[tuple[int, int]]) -> Dispersion:
    """Of something that is only known of all instances together: each block, as errors and requests, is compared with
    the next. What moves all instances counts as scatter too, so it is rather too much."""
    blocks = [Counts(n, k, m, j) for (k, n), (j, m) in pairwise(sides)]
    return _of([[counts] for counts in blocks])


def _largest(found: Iterable[Dispersion]) -> Dispersion:
    enough = [one for one in found if one.known]
    if not enough:
        return Dispersion()
    return Dispersion(max(1.0, *(one.factor for one in enough)), max(one.blocks for one in enough))


def _sides(names: Sequence[str], size: int) -> list[frozenset[str]]:
    """Small sides, spread over all instances."""
    starts = range(0, len(names), max(1, len(names) // SPLITS))
    return [frozenset(names[(start + n) % len(names)] for n in range(size)) for start in list(starts)[:SPLITS]]


def _blocks(past: Sequence[Minute], length: float, sides: Sequence[frozenset[str]]) -> list[list[Counts]]:
    """Block by block, for each split what both sides got."""
    blocks: dict[Hashable, list[Mapping[str, Ratio]]] = defaultdict(list)
    for minute in sorted(past, key=lambda one: one.at):
        blocks[math.ceil(minute.at / length)].append(minute.instances)
    return [[_split(minutes, side) for side in sides] for minutes in blocks.values()]


def _split(minutes: Sequence[Mapping[str, Ratio]], side: frozenset[str]) -> Counts:
    whole, bad, other, other_bad = 0, 0, 0, 0
    for instances in minutes:
        for name, ratio in instances.items():
            if name in side:
                whole, bad = whole + ratio.whole, bad + ratio.bad
            else:
                other, other_bad = other + ratio.whole, other_bad + ratio.bad
    return Counts(whole, bad, other, other_bad)


def _of(blocks: Sequence[Sequence[Counts]]) -> Dispersion:
    """Of one length; nothing when they are too few."""
    scatter, expected = [], 0.0
    for splits in blocks:
        used = [one for one in splits if one.usable and 0 < _errors(one) < one.canary + one.baseline]
        if used:
            scatter.append(math.fsum(_scatter(one) for one in used) / len(used))
            expected += math.fsum(_expected(one) for one in used) / len(used)
    if len(scatter) < FEWEST_BLOCKS or expected < FEWEST_ERRORS:
        return Dispersion()
    mean = math.fsum(scatter) / len(scatter)
    return Dispersion(max(1.0, mean * (1 + 1.645 * math.sqrt(2 / len(scatter)))), len(scatter))


def _errors(counts: Counts) -> int:
    return counts.canary_errors + counts.baseline_errors


def _expected(counts: Counts) -> float:
    """Errors on the smaller side."""
    return _errors(counts) * min(counts.weight, 1 - counts.weight)


def _scatter(counts: Counts) -> float:
    w, errors, whole = counts.weight, _errors(counts), counts.canary + counts.baseline
    # Where errors are common their number scatters less: the variance is that of drawing without putting back.
    variance = errors * w * (1 - w) * (whole - errors) / (whole - 1)
    return float((counts.canary_errors - errors * w) ** 2 / variance)
