"""Figures as people read them: three digits, a unit, and nothing that is not a number."""

import math

from lockgate.messages import QuantileView

MOST = 1e12
"""Nothing that is drawn is larger; beyond that, sums lose what makes up a picture."""

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

HOUR, DAY = 3600.0, 86_400.0


def finite(value: float | None) -> float | None:
    """The value, within :data:`MOST`; None for what is no finite number."""
    if value is None or not math.isfinite(value):
        return None
    return max(-MOST, min(MOST, value))


def digits(value: float, significant: int = 3) -> str:
    """``0.0312``, ``1.42``, ``12.3``, ``1420``: rounded to so many digits, none of them idle."""
    known = finite(value)
    if not known:
        return "0"
    rounded = float(f"{known:.{significant}g}")
    if not 1e-6 <= abs(rounded) < 1e7:
        return f"{rounded:.{significant}g}"
    places = max(0, significant - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """``0.014`` is ``1.4 %``."""
    return f"{digits(share * 100)} %"


def milliseconds(value: float) -> str:
    """``4.2 ms``, ``240 ms``, ``1.2 s``, ``2 min``."""
    if abs(value) < 1000:
        return f"{digits(value)} ms"
    return f"{digits(value / 1000)} s" if abs(value) < 120_000 else f"{digits(value / 60_000)} min"


def latency(found: QuantileView) -> str:
    """``240 ms``, ``≤ 250 ms``, ``> 1 h``: as sure as it is."""
    sign = {"at most": "≤ ", "more than": "> "}.get(found.sure, "")
    return sign + milliseconds(found.milliseconds)


def e_value(logarithm: float) -> str:
    """From its decimal logarithm: ``0.31``, ``12``, ``10⁵⁷``."""
    if logarithm < -2:
        return "under 0.01"
    if logarithm < 4:
        return digits(10**logarithm, 2)
    return "10" + str(round(logarithm)).translate(SUPERSCRIPTS)


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``1.5 h``, ``3 d``: a length of time, exact enough for an axis."""
    if abs(seconds) < 120 and seconds != 60:
        return f"{digits(seconds)} s"
    for limit, unit, name in ((2 * HOUR, 60.0, "min"), (2 * DAY, HOUR, "h")):
        if abs(seconds) < limit:
            return f"{digits(seconds / unit)} {name}"
    return f"{digits(seconds / DAY)} d"
