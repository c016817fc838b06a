"""State: all that the windows so far have shown, as plain values for a row of a database.

Numbers, tuples and mappings only, and no infinities, so that JSON gives back the same value: the infinite bound of a
histogram is implied, and logarithms of e-values are finite whatever happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.analysis.arrivals import Arrivals
from lockgate.analysis.cases import Case
from lockgate.analysis.dispersion import Dispersion
from lockgate.analysis.gauges import Drift
from lockgate.analysis.latency import Latency


@dataclass(frozen=True, slots=True)
class State:
    """What is carried from window to window."""

    dispersion: Dispersion = field(default_factory=Dispersion)
    """Of errors; fixed at the beginning."""
    sticky: bool = False
    """Users stick to a side, so that the ratio of requests proves nothing."""
    windows: int = 0
    """That counted."""
    errors: Case = field(default_factory=Case)
    latency: Latency | None = None
    """None: not tested."""
    counters: Mapping[str, Case] = field(default_factory=dict)
    """Metric -> its case."""
    gauges: Mapping[str, Drift] = field(default_factory=dict)
    objective: tuple[float, ...] = ()
    """Logarithms of the e-values (:mod:`lockgate.analysis.objective`)."""
    seen: int = 0
    """Requests of the canary, whether the baseline had any or not; ``failed`` of them did."""
    failed: int = 0
    failing: int = 0
    """Windows with at least one of those."""
    other: int = 0
    """Requests of the baseline, whether the canary had any or not."""
    arrivals: Arrivals = field(default_factory=Arrivals)
