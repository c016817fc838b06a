"""Cases: one thing that is counted on both sides, with all that has been shown of it so far, for and against."""

from dataclasses import dataclass

from lockgate.analysis.counts import COMMON, Counts, Evidence, GoodTest, WorseTest

WIDEST = 2000.0
"""Harmonic size of both sides of a window, above which the closed form is used whatever the share of errors. Like the
share before, it is known before anything has failed, so the bound on false alarms holds."""
FEWEST_ERRORS, FEWEST_WINDOWS = 5, 3
"""Of the canary, without which nothing is held against it while nobody knows how errors scatter."""


@dataclass(frozen=True, slots=True)
class Case:
    """Totals of both sides, and the evidence. Small enough for a row of a database."""

    canary: int = 0
    """Requests."""
    canary_errors: int = 0
    baseline: int = 0
    baseline_errors: int = 0
    windows: int = 0
    """With at least one error of the canary."""
    worse: tuple[float, ...] = ()
    """For each ratio the logarithm of its e-value (:class:`lockgate.analysis.counts.Evidence`)."""
    good: tuple[float, ...] = ()

    def common(self, counts: Counts) -> bool:
        """The baseline's errors have been so common that odds are tested. Not in a window of very many requests: the
        exact form costs as many terms as they scatter over, and where so much is known the other one loses little."""
        spread = counts.canary * counts.baseline / (counts.canary + counts.baseline)
        return self.baseline_errors > COMMON * self.baseline and spread <= WIDEST

    @property
    def enough(self) -> bool:
        """A single burst cannot look like this."""
        return self.canary_errors >= FEWEST_ERRORS and self.windows >= FEWEST_WINDOWS

    @property
    def shares(self) -> tuple[float, float]:
        """Of the requests that failed: on the canary, on the baseline."""
        return self.canary_errors / max(1, self.canary), self.baseline_errors / max(1, self.baseline)


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked of one count: is it worse, and (if that matters for promotion) is it shown to be good?"""

    worse: WorseTest
    good: GoodTest | None

    def add(self, case: Case, counts: Counts) -> Case:
        """The case after another window. Which form is used is decided by the windows before only."""
        if not counts.usable:
            return case
        common = case.common(counts)
        good = self.good.add(Evidence(case.good), counts, common).logs if self.good else ()
        return Case(
            case.canary + counts.canary,
            case.canary_errors + counts.canary_errors,
            case.baseline + counts.baseline,
            case.baseline_errors + counts.baseline_errors,
            case.windows + (counts.canary_errors > 0),
            self.worse.add(Evidence(case.worse), counts, common).logs,
            good,
        )

    def against(self, case: Case) -> float:
        """Logarithm of the e-value that the canary is worse."""
        return self.worse.log_evidence(Evidence(case.worse))

    def for_it(self, case: Case) -> float | None:
        """The same that it is good; None: not asked."""
        return self.good.log_evidence(Evidence(case.good)) if self.good else None
