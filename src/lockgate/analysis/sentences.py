"""Sentences: what was seen, with figures, for those who read a verdict."""

from collections.abc import Sequence

from lockgate.analysis import latency as durations
from lockgate.analysis import objective as guard
from lockgate.analysis.cases import FEWEST_ERRORS, FEWEST_WINDOWS, Case
from lockgate.analysis.dispersion import TRUSTED
from lockgate.analysis.gauges import Drift
from lockgate.analysis.latency import Latency
from lockgate.analysis.state import State
from lockgate.core.canary import Criteria
from lockgate.core.window import Advice, Term


def percent(share: float) -> str:
    """Two figures at least: ``12 %``, ``3.1 %``, ``0.10 %``, ``0.0013 %``."""
    value = 100 * share
    if value <= 0:
        return "0 %"
    if value >= 9.95:
        return f"{value:.0f} %" if value < 99.5 or value >= 100 else f"{value:.1f} %"
    places = 1
    while value * 10**places < 0.95 and places < 6:
        places += 1
    return f"{value:.{places}f} %"


def chance_of(value: float) -> str:
    """Of alpha and its like: ``1 %``, ``0.1 %``."""
    return f"{100 * value:g} %"


def number(value: float) -> str:
    """With thousands set off: ``25,118``."""
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """In its two largest units: ``40 s``, ``5 min 20 s``, ``2 h``."""
    whole = round(seconds)
    units = ((whole // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s"))
    told = [f"{count} {unit}" for count, unit in units if count]
    return " ".join(told[:2]) or "0 s"


def errors(state: State) -> str:
    """What failed on both sides."""
    case = state.errors
    if not case.canary or not case.baseline:
        return _missing(state)
    return f"{_compared(case, 'of requests failed')}."


def latency(criteria: Criteria, latency: Latency) -> str:
    """The bound that speaks loudest."""
    if not latency.chosen:
        return (
            "The first windows of what ran before are used to learn what is usual; the canary's times do not count yet."
        )
    bound = durations.worst(criteria, latency)
    if bound is None:
        return _no_bounds(latency)
    if not bound.case.canary:
        return "No request's time has been compared yet."
    return f"{_compared(bound.case, f'of requests took longer than {bound.milliseconds:g} ms')}."


def counter(name: str, case: Case) -> str:
    """What a metric has counted."""
    if not case.canary:
        return f"{name}: nothing was counted on both sides in the same window yet."
    return f"{name}: {_compared(case, 'were bad')}."


def gauge(name: str, drift: Drift) -> str:
    """Where a level stands."""
    if not drift.points:
        return f"{name}: no level of both sides at the same time yet."
    mine, theirs = drift.canary / drift.points, drift.baseline / drift.points
    levels = f"{mine:.4g} on the canary against {theirs:.4g} on what ran before"
    worse = f"worse in {drift.above} of {drift.points} points"
    if drift.usual:
        return f"{name}: {levels} on average, {worse}."
    return f"{name}: {levels} on average, {worse}; without history of it this is advice only and decides nothing."


def objective(limit: float, state: State) -> str:
    """How the canary stands to its objective."""
    share = state.failed / max(1, state.seen)
    figures = f"{number(state.failed)} of {number(state.seen)}"
    return f"{percent(share)} of the canary's requests failed ({figures}) where {percent(limit)} may."


def arrivals(state: State) -> str:
    """How many requests reached the canary."""
    got = state.arrivals
    if got.expected < 1:
        return "Too few requests to say whether the canary gets its share."
    told = f"The canary got {number(got.seen)} requests where its weight makes {number(got.expected)}"
    if got.none:
        told += f", and none of the last {number(got.missed)}"
    if got.failed and state.sticky:
        return f"{told}; users stick to a side here, so this decides nothing."
    return f"{told}."


def verdict(criteria: Criteria, state: State, advice: Advice, terms: Sequence[Term], compared: bool) -> str:
    """The whole judgement in one or two sentences."""
    by_name = {term.metric: term.because for term in terms}
    if advice is Advice.ROLL_BACK:
        return _rolled_back(criteria, state, terms, compared)
    if not state.dispersion.trusted:
        return _erratic(state)
    if advice is Advice.PROMOTE:
        chance = chance_of(criteria.beta)
        return (
            f"{by_name['errors']} {criteria.ruled_out:g} times as much of what is bad would have looked like this "
            f"with a chance under {chance}, in every metric that is tested."
        )
    if not state.errors.canary or not state.errors.baseline:
        return _missing(state)
    return f"Nothing is decided yet. {by_name['errors']}{_waiting(state)}"


def _rolled_back(criteria: Criteria, state: State, terms: Sequence[Term], compared: bool) -> str:
    by_name = {term.metric: term.because for term in terms}
    if not compared and state.arrivals.failed and not state.sticky:
        return f"{by_name['sample ratio']} It does not serve what it is given."
    if not compared:
        chance = chance_of(guard.ALPHA)
        return f"{by_name['objective']} The chance of a false alarm is under {chance}{_assumed(state)}."
    tested = [term for term in terms if term.metric not in ("objective", "sample ratio")]
    loudest = max(tested, key=lambda term: term.against)
    assumed = "" if loudest.metric == "latency" or loudest.metric in state.gauges else _assumed(state)
    return f"{loudest.because[:-1]}; chance of a false alarm under {chance_of(criteria.alpha)}{assumed}."


def _assumed(state: State) -> str:
    if state.dispersion.known:
        return ""
    return ", if errors are independent of each other: nothing is known of how they usually scatter"


def _waiting(state: State) -> str:
    if state.dispersion.known or state.errors.enough or not state.errors.canary_errors:
        return ""
    return (
        " Nothing is known of how errors usually scatter, so the canary is not taken back before "
        f"{FEWEST_ERRORS} of its requests have failed, in {FEWEST_WINDOWS} windows."
    )


def _erratic(state: State) -> str:
    return (
        f"Errors come in bursts: before the rollout their number scattered {state.dispersion.factor:.0f} times as much "
        f"as that of independent errors ({TRUSTED:.0f} times is the most that is trusted), so it decides nothing. "
        f"{errors(state)} Compare the sides yourself and promote or abort, or set an objective or a dispersion for the "
        "analysis."
    )


def _missing(state: State) -> str:
    requests = {"the canary": state.seen, "what ran before": state.other}
    without = [side for side, count in requests.items() if not count]
    if len(without) == 1:
        return f"There is nothing to compare yet: {without[0]} had no requests."
    return "There is nothing to compare yet: no window has counted in which both sides had requests."


def _no_bounds(latency: Latency) -> str:
    if latency.erratic:
        return "The times of requests scatter too much from minute to minute to be compared."
    return "The times of requests are not compared: there is no histogram, or no bound of it that tells them apart."


def _compared(case: Case, what: str) -> str:
    mine, theirs = case.shares
    return (
        f"{percent(mine)} {what} on the canary against {percent(theirs)} on what ran before "
        f"({number(case.canary_errors)} of {number(case.canary)} against {number(case.baseline_errors)} of "
        f"{number(case.baseline)})"
    )
