"""Live: real canaries through Envoy, with injected errors and delays under real load, beside the simulation of them.

The sample application fails, or delays, a share of its requests by chance; users come at a steady rate; the server
decides. The same rollouts are simulated with the product's own ``weigh`` and ``judge``: each window with as many
requests as one of the live ones had, and with their shares of errors and delays. The mean of the live ones should lie
within the interval in which the mean of as many simulated ones lies in 95 of 100 cases.
"""

import math
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.canarybench.traffic import Random

from lockgate.analysis.judge import begin, judge, weigh
from lockgate.core.canary import Criteria
from lockgate.core.deployment import State
from lockgate.core.ids import DeploymentId
from lockgate.core.window import Advice, Side, Window
from lockgate.messages import Lift, ReleaseView
from lockgate.store.database import open_store
from lockgate.testing.installation import Installation, free_ports
from lockgate.testing.load import Load, Mix
from lockgate.testing.sites import ProcessSite, definition, one_environment

WEIGHT = 2000
RATE = 300.0
BASE = 0.005
USERS = Mix(keepalive=12, fresh=0, post=0, slow=0, stream=0, rate=RATE, path="/", expect=frozenset({200, 500}))
SIMULATED = 400
LONGEST = 300
"""Windows of a rollout: seconds."""
PATIENCE = 2.0 * LONGEST
Row = dict[str, object]


@dataclass(frozen=True)
class Fault:
    """What is wrong with a release."""

    name: str
    options: str
    criteria: Criteria
    written: str
    """The criteria as the file has them."""


FAULTS = (
    Fault(
        "10x errors",
        "--fail 0.05",
        Criteria(window=1.0, warm_up=0.0, dispersion=1.0, latency=False),
        "{window: 1s, warm_up: 0s, dispersion: 1, latency: false}",
    ),
    Fault(
        "a tenth of the requests 100 ms later",
        f"--fail {BASE} --slow 0.1 --slow-by 0.1",
        Criteria(window=1.0, warm_up=0.0, dispersion=1.0),
        "{window: 1s, warm_up: 0s, dispersion: 1}",
    ),
)


def rows(seed: int, rollouts: int) -> Iterator[Row]:
    """``rollouts`` of each fault; some ten seconds each."""
    for number, fault in enumerate(FAULTS):
        yield _compared(fault, _live(fault, rollouts), np.random.default_rng([seed, number]))


@dataclass(frozen=True)
class Rollout:
    """One that ended."""

    caught: bool
    windows: Sequence[Window]

    @property
    def errors(self) -> int:
        return sum(window.canary.errors for window in self.windows)


def _live(fault: Fault, rollouts: int) -> list[Rollout]:
    port, site = free_ports(1)[0], ProcessSite()
    ramp = f"steps: [{WEIGHT // 100}%], min_soak: {LONGEST}s, within: {LONGEST + 1}s, inconclusive: promote"
    strategy = f"{{canary: {{{ramp}, analysis: {fault.written}}}}}"
    with (
        tempfile.TemporaryDirectory(prefix="canarybench-") as folder,
        Installation(Path(folder), one_environment(site, port)) as installation,
    ):
        good = installation.release(definition(site, "1", strategy, replicas=5, options=f"--fail {BASE}"))
        assert installation.run(good, "dev").state == State.SUCCEEDED
        bad = installation.release(definition(site, "2", strategy, replicas=5, options=fault.options))
        with Load(f"http://127.0.0.1:{port}", USERS):
            return [_one(installation, bad) for _ in range(rollouts)]


def _one(installation: Installation, release: ReleaseView) -> Rollout:
    ended = installation.until_final(installation.deploy(release, "dev").id, PATIENCE)
    for bar in installation.client.quarantines():
        installation.client.lift(Lift(bar.application, bar.environment, bar.release, "the next rollout", "canarybench"))
    with open_store(f"sqlite:///{installation.home / 'lockgate.db'}") as store:
        windows = store.history.windows(DeploymentId(ended.id))
    return Rollout(ended.state == State.ROLLED_BACK, windows)


def _compared(fault: Fault, live: Sequence[Rollout], random: Random) -> Row:
    simulated = [_simulated(fault.criteria, live, random) for _ in range(SIMULATED)]
    measures = {"failed": ([one.errors for one in live], [one.errors for one in simulated])}
    measures["windows"] = ([len(one.windows) for one in live], [len(one.windows) for one in simulated])
    told = {name: _agreement(*both) for name, both in measures.items()}
    return {
        "study": "live",
        "fault": fault.name,
        "rollouts": len(live),
        "caught": sum(one.caught for one in live),
        "simulated": SIMULATED,
        "simulated_caught": sum(one.caught for one in simulated),
        "rate": round(_rate(live), 1),
        "weight": WEIGHT,
        **told,
    }


def _agreement(live: Sequence[int], simulated: Sequence[int]) -> Row:
    """Means, with the interval of the mean of as many simulated ones as there are live ones."""
    mean, spread = statistics.mean(simulated), _error(simulated, len(live))
    low, high = mean - 1.96 * spread, mean + 1.96 * spread
    return {
        "live": round(statistics.mean(live), 2),
        "simulated": round(mean, 2),
        "least": round(low, 2),
        "most": round(high, 2),
        "agrees": low <= statistics.mean(live) <= high,
    }


def _error(simulated: Sequence[int], count: int) -> float:
    """Of the difference between the mean of so many and that of the simulated ones."""
    return statistics.stdev(simulated) * math.sqrt(1 / count + 1 / len(simulated))


def _rate(live: Sequence[Rollout]) -> float:
    windows = [window for one in live for window in one.windows]
    return sum(w.canary.requests + w.baseline.requests for w in windows) / sum(w.end - w.start for w in windows)


# --- the same, simulated ---


def _simulated(criteria: Criteria, live: Sequence[Rollout], random: Random) -> Rollout:
    windows = [window for one in live for window in one.windows]
    mine, theirs = _pooled([w.canary for w in windows]), _pooled([w.baseline for w in windows])
    state, made = begin(criteria, (), WEIGHT / 10_000), []
    for number in range(1, LONGEST + 1):
        like = windows[random.integers(len(windows))]
        canary, baseline = _drawn(mine, like.canary, random), _drawn(theirs, like.baseline, random)
        made.append(Window(number, number - 1.0, float(number), 0, WEIGHT, canary, baseline))
        state = weigh(criteria, state, made[-1])
        if judge(criteria, state).advice is Advice.ROLL_BACK:
            return Rollout(True, made)
    return Rollout(False, made)


@dataclass(frozen=True)
class _Shares:
    requests: int
    errors: int
    bounds: tuple[float, ...]
    cells: tuple[float, ...]
    """Share of the timed requests in each cell between the bounds."""


def _pooled(sides: Sequence[Side]) -> _Shares:
    bounds = tuple(sorted({bound for side in sides for bound in side.latency}))
    at_most = [sum(side.latency.get(bound, 0) for side in sides) for bound in bounds]
    cells = [max(0, now - before) for before, now in zip([0, *at_most], at_most, strict=False)]
    whole = sum(cells) or 1
    shares = tuple(cell / whole for cell in cells)
    return _Shares(sum(s.requests for s in sides), sum(s.errors for s in sides), bounds, shares)


def _drawn(shares: _Shares, like: Side, random: Random) -> Side:
    """As many requests as one of the live windows had: the load generator does not keep its rate to the second."""
    requests = like.requests
    errors = int(random.binomial(requests, shares.errors / max(1, shares.requests)))
    latency: dict[float, int] = {}
    if shares.bounds:
        counts = np.cumsum(random.multinomial(requests, shares.cells))
        latency = {bound: int(count) for bound, count in zip(shares.bounds, counts, strict=True)}
    return Side(requests, errors, latency, instances=1)
