"""Axes with round ticks."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lockgate.charts.figures import DAY, HOUR, digits, e_value

MINUTE = 60.0

TIMES = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(MINUTE * count for count in (1, 2, 3, 5, 10, 15, 20, 30)),
    *(HOUR * count for count in (1, 2, 4, 6, 12)),
)
"""Steps of an axis of time, in seconds; then whole days."""

UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"))

FEW = 5
"""More ticks than so many are read no better."""


@dataclass(frozen=True, slots=True)
class Axis:
    """``ticks``: value -> label, from low to high."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def part(self, value: float) -> float:
        """0 at the low end, 1 at the high end; what lies outside is put on the nearer end."""
        return max(0.0, min(1.0, (value - self.low) / (self.high - self.low)))


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 ... that is no less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def from_zero(values: Iterable[float], told: Callable[[float], str], least: float, whole: bool = False) -> Axis:
    """Linear from 0, up to at least ``least``. ``told`` makes labels; ``whole``: only whole numbers are ticks."""
    top = max([least, *values])
    step = round_step(top / (FEW - 1))
    step = max(1.0, math.ceil(step)) if whole else step
    count = math.ceil(top / step - 1e-9)
    return Axis(0.0, step * count, tuple((step * i, told(step * i)) for i in range(count + 1)))


def decades(values: Iterable[float], lowest: float, highest: float) -> Axis:
    """Of decimal logarithms: whole decades round the values, 1 among them, within these bounds."""
    known = [max(lowest, min(highest, value)) for value in values]
    low, high = math.floor(min([0.0, *known])), math.ceil(max([1.0, *known]))
    step = max(1, math.ceil((high - low) / FEW))
    ticks = range(-step * (-low // step), high + 1, step)
    return Axis(low, high, tuple((float(power), _power(power)) for power in ticks))


def _power(power: int) -> str:
    return digits(10.0**power) if -4 <= power < 4 else e_value(power)


def of_time(seconds: float, most: int) -> Axis:
    """From 0 to ``seconds``, with at most ``most`` ticks; the last may stand before the end."""
    end = max(1.0, seconds)
    step = next((step for step in TIMES if end / step <= most), None) or DAY * round_step(max(1.0, end / DAY / most))
    unit, name = next(
        ((u, n) for u, n in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")) if step >= u or end >= 4 * u), (1, "s")
    )
    count = math.floor(end / step + 1e-9)
    told = [(step * i, f"{digits(step * i / unit)} {name}" if i else "0") for i in range(count + 1)]
    return Axis(0.0, end, tuple(told))
