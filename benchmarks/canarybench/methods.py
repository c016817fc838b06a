"""Methods: who judges, how often, and with which threshold as shipped.

Each gives a score for each rollout at each look, and takes the canary back at the first score above a threshold. So
each can be asked as it is shipped, and with the threshold at which 1 % of good releases would be taken back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from benchmarks.canarybench import eprocess, kayenta, thresholds
from benchmarks.canarybench.traffic import WINDOW, Floats, Rollouts, Sides


class Method(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def every(self) -> float:
        """Seconds between two looks."""

    @property
    def shipped(self) -> float | None:
        """The threshold; None: its users must find one."""

    @property
    def tuned(self) -> bool:
        """Whether the table has it with a threshold that is tuned to 1 % as well."""

    def scores(self, rollouts: Rollouts, stop: float = math.inf) -> Floats:
        """Shape (rollouts, looks). A rollout that has passed ``stop`` need not be followed further."""

    def seconds(self, look: int) -> float:
        """From the beginning until the canary is taken back because of this look (0 is the first)."""


@dataclass(frozen=True)
class Lockgate:
    """The e-process with the product's defaults; with ``tolerance=1, learns=False`` the bare, exact form."""

    every: float = WINDOW
    tolerance: float = 1.25
    learns: bool = True
    """It learns the dispersion from the traffic before."""
    waits: bool = True
    """It leaves out windows in which the canary's instances warm up."""
    label: str = "Lockgate"
    tuned: bool = True
    shipped: float | None = math.log(100)

    @property
    def name(self) -> str:
        return f"{self.label}, {_often(self.every)}"

    def scores(self, rollouts: Rollouts, stop: float = math.inf) -> Floats:
        sides = rollouts.sides
        if self.waits and rollouts.warming:
            sides = sides.without(np.arange(sides.shape[1]) < rollouts.warming)
        ones = np.ones(len(rollouts.dispersion))
        factor, known = (rollouts.dispersion, rollouts.known) if self.learns else (ones, None)
        return eprocess.log_evidence(sides.every(self.every), self.tolerance, factor, known, stop)

    def seconds(self, look: int) -> float:
        return (look + 1) * self.every


@dataclass(frozen=True)
class Kayenta:
    """``at``: numbers of points at which it judges all points so far; empty: at each from five on."""

    every: float = 60.0
    at: tuple[int, ...] = ()
    label: str = "Kayenta"
    tuned: bool = True
    equal: bool = False
    """The baseline is a cluster of the canary's size, as Spinnaker advises, not all that runs."""

    @property
    def name(self) -> str:
        return f"{self.label}, {_often(self.every)}"

    @property
    def shipped(self) -> float | None:
        return kayenta.level()

    def scores(self, rollouts: Rollouts, stop: float = math.inf) -> Floats:
        sides = rollouts.sides.every(self.every)
        if self.equal:
            sides = _equal(sides)
        mine = thresholds.error_shares(sides)
        theirs = sides.baseline_errors / np.maximum(sides.baseline, 1)
        return kayenta.scores(mine, theirs, self._looks(sides), stop)

    def seconds(self, look: int) -> float:
        return self.every * (self.at[look] if self.at else look + kayenta.LEAST_POINTS)

    def _looks(self, sides: Sides) -> Sequence[int]:
        return self.at or range(kayenta.LEAST_POINTS, sides.shape[1] + 1)


@dataclass(frozen=True)
class Argo:
    """Fails when the value of more than ``limit`` measurements is above the threshold."""

    label: str
    limit: int
    shipped: float | None
    every: float = 60.0
    relative: bool = False
    """The value is the ratio to the stable release, not the canary's own share of errors."""
    tuned: bool = False

    @property
    def name(self) -> str:
        return f"{self.label}, {_often(self.every)}"

    def scores(self, rollouts: Rollouts, stop: float = math.inf) -> Floats:
        sides = rollouts.sides.every(self.every)
        values = thresholds.ratios(sides) if self.relative else thresholds.error_shares(sides)
        return thresholds.scores(values, self.limit + 1)

    def seconds(self, look: int) -> float:
        return (look + 1) * self.every


@dataclass(frozen=True)
class Flagger:
    """``checks``: analysis.threshold; ``shipped``: the share of errors above which a check fails."""

    label: str
    checks: int
    shipped: float | None
    every: float = 60.0
    tuned: bool = False

    @property
    def name(self) -> str:
        return f"{self.label}, {_often(self.every)}"

    def scores(self, rollouts: Rollouts, stop: float = math.inf) -> Floats:
        # No requests, no value: a failed check.
        values = thresholds.error_shares(rollouts.sides.every(self.every), nothing=math.inf)
        return thresholds.scores(values, self.checks)

    def seconds(self, look: int) -> float:
        return (look + 2) * self.every


def _equal(sides: Sides) -> Sides:
    """A part of the baseline, as large as the canary, drawn without putting back; the same for the same traffic."""
    random = np.random.default_rng(int(sides.baseline_errors.sum()))
    wanted = np.minimum(sides.canary, sides.baseline)
    errors = random.hypergeometric(sides.baseline_errors, sides.baseline - sides.baseline_errors, wanted)
    return Sides(sides.canary, sides.canary_errors, wanted, errors)


def _often(seconds: float) -> str:
    return "1 min" if seconds == 60 else f"{seconds:g} s"


def at_cadence(every: float) -> list[Method]:
    """All of them with the same data, as often."""
    return [
        Lockgate(every),
        Lockgate(every, 1.0, learns=False, label="Lockgate, no tolerance"),
        Kayenta(every),
        Kayenta(every, label="Kayenta, equal baseline", equal=True),
        Argo("Argo, oracle, failureLimit 0", 0, None, every, tuned=True),
        Argo("Argo, oracle, failureLimit 2", 2, None, every, tuned=True),
        Argo("Argo, errors > 5 %, failureLimit 3", 3, 0.05, every),
        Argo("Argo, errors > 1 %, failureLimit 0", 0, 0.01, every),
        Argo("Argo, > 2x stable, failureLimit 3", 3, 2.0, every, relative=True),
        Flagger("Flagger, success < 99 %, threshold 5", 5, 0.01, every),
        Flagger("Flagger, oracle, threshold 5", 5, None, every, tuned=True),
    ]


def own_cadence() -> list[Method]:
    """Each as often as it can: Kayenta's step is a minute, Flagger's shortest interval 10 s, which suits Prometheus and
    so Argo too."""
    return [
        Lockgate(),
        Lockgate(tolerance=1.0, learns=False, label="Lockgate, no tolerance"),
        Argo("Argo, oracle, failureLimit 0", 0, None, 10.0, tuned=True),
        Argo("Argo, oracle, failureLimit 2", 2, None, 10.0, tuned=True),
        Flagger("Flagger, success < 99 %, threshold 5", 5, 0.01, 10.0),
        Flagger("Flagger, oracle, threshold 5", 5, None, 10.0, tuned=True),
    ]


def under_stress() -> list[Method]:
    return [
        Lockgate(),
        Lockgate(learns=False, label="Lockgate, dispersion not learnt"),
        Lockgate(tolerance=1.0, learns=False, label="Lockgate, no tolerance"),
        Lockgate(waits=False, label="Lockgate, warm-up counted"),
        Kayenta(),
        THREE_RUNS,
        Argo("Argo, errors > 5 %, failureLimit 3", 3, 0.05),
        Argo("Argo, errors > 1 %, failureLimit 0", 0, 0.01),
        Argo("Argo, oracle of the steady case, failureLimit 2", 2, None, tuned=True),
        Flagger("Flagger, success < 99 %, threshold 5", 5, 0.01),
    ]


THREE_RUNS = Kayenta(at=(20, 40, 60), label="Kayenta, 3 x 20 min")
"""Nearer to how it is documented to be run (three runs of an hour, 50 points each)."""
