"""Rollouts to draw: one that goes well, one that is taken back, and the odd ones."""

import math
import random
from collections.abc import Callable

from lockgate.charts.series import Rollout, view_of
from lockgate.core.canary import Canary, Stage
from lockgate.core.window import Advice, Judgement, Side, Term, Window
from lockgate.messages import AnalysisView, MarkView

BOUNDS = (0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, math.inf)
"""Those of Envoy, as far as they matter."""

RAMP = Canary((Stage(100, 300.0), Stage(500, 600.0), Stage(2500, 900.0, hold=True), Stage(5000, 1800.0)))

START = 1_790_000_000.0

THRESHOLD, NEEDED = math.log(100), math.log(20)

Share = Callable[[float], float]
"""Seconds since the start -> something of the canary's requests."""


def rollout(ramp: Canary = RAMP) -> Rollout:
    return Rollout("dep-7", "web", "shop 2.1.0 (#3)", "shop 2.0.0 (#1)", "sha256:" + "c" * 64, ramp)


def windows_of(
    bad: Share = lambda _: 0.003,
    slow: Share = lambda _: 1.0,
    lasts: float = 3600.0,
    rate: float = 40.0,
    every: float = 5.0,
) -> list[Window]:
    """Looks at a service of ``rate`` requests a second of which 0.3 % fail, and half take 30 ms."""
    chance = random.Random(4)
    made: list[Window] = []
    begins = [0.0, 300.0, 900.0, 1800.0]
    for number in range(1, int(lasts / every) + 1):
        start = (number - 1) * every
        stage = max(i for i, begin in enumerate(begins) if begin <= start)
        weight = RAMP.stages[stage].weight
        sides = [
            side(chance, rate * every * weight / 10_000, bad(start), slow(start), 1 + 4 * weight // 10_000),
            side(chance, rate * every * (1 - weight / 10_000), 0.003, 1.0, 4),
        ]
        warm = "an instance warms up" if start < 60 else ""
        edges = START + start, START + start + every
        made.append(Window(number, *edges, stage, weight, *sides, excluded=warm))
    return made


def side(chance: random.Random, mean: float, bad: float, slow: float, instances: int) -> Side:
    requests = max(0, round(chance.gauss(mean, math.sqrt(mean))))
    errors = sum(chance.random() < bad for _ in range(requests))
    times = [chance.lognormvariate(math.log(30 * slow), 0.7) for _ in range(requests)]
    latency = {bound: sum(time <= bound for time in times) for bound in BOUNDS}
    return Side(requests, errors, latency, instances=instances)


def judged(windows: list[Window]) -> list[Judgement]:
    """By likelihood ratios of three times as many errors, and of as many: simpler than the real thing, and like it."""
    found, against, good = [], 0.0, 0.0
    for window in windows:
        if not window.excluded:
            against += _ratio(window, 3.0, 1.25)
            good += _ratio(window, 1.0, 2.0)
        found.append(_judgement(against, good))
        if found[-1].advice is Advice.ROLL_BACK:
            break
    return found


def _ratio(window: Window, one: float, other: float) -> float:
    share = window.canary.requests / max(1, window.canary.requests + window.baseline.requests)
    chances = [share * ratio / (1 - share + share * ratio) for ratio in (one, other)]
    if not 0 < share < 1:
        return 0.0
    k, j = window.canary.errors, window.baseline.errors
    return k * math.log(chances[0] / chances[1]) + j * math.log((1 - chances[0]) / (1 - chances[1]))


def _judgement(against: float, good: float) -> Judgement:
    advice = Advice.ROLL_BACK if against >= THRESHOLD else Advice.PROMOTE if good >= NEEDED else Advice.GO_ON
    because = {
        Advice.ROLL_BACK: "web fails 4.1 times as often as before: 61 of 1 480 requests, where 15 were to be expected.",
        Advice.PROMOTE: "web is as good as before: twice as many errors are ruled out.",
        Advice.GO_ON: "Nothing speaks against web so far, and not enough for it.",
    }[advice]
    terms = (
        Term("errors", against, good, because),
        Term("latency", -0.4, None, "No bound is exceeded more often than before."),
    )
    return Judgement(advice, because, against, THRESHOLD, good, NEEDED, terms)


def view(windows: list[Window], following: str = "", marks: tuple[MarkView, ...] = ()) -> AnalysisView:
    judgements = judged(windows)
    return view_of(rollout(), windows[: len(judgements)], judgements, following, marks)


def good() -> AnalysisView:
    hold = MarkView(2700.0, "hold", "It waits for a person before it gets 50 % of the traffic.")
    return view(windows_of(), "It gets all the traffic in 4 min at the earliest.", (hold,))


def bad() -> AnalysisView:
    worse = windows_of(lambda at: 0.003 if at < 1200 else 0.013, lambda at: 1.0 if at < 1000 else 1.9)
    return view(worse, "It goes back to shop 2.0.0 (#1).")


def slow() -> AnalysisView:
    """Nothing is decided; latency is beyond what is measured; 36 s old."""
    return view(windows_of(slow=lambda _: 2000.0, lasts=400.0), "It gets 5 % of the traffic in 3 min at the earliest.")


def one() -> AnalysisView:
    return view(windows_of(lasts=5.0), "The next look is in 5 s.")


def nothing() -> AnalysisView:
    return view([], "The first look is in 5 s.")


SHAPES = {"good": good, "bad": bad, "slow": slow, "one": one, "nothing": nothing}
