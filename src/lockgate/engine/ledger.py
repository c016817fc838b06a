"""Ledger: what a canary's evidence stands at, kept in the deployment's row as one document. Pure.

A look adds a window: the row with the new ledger and the window are written in one transaction, so whoever goes on
after a crash goes on from both or from neither, and comes to the same verdict.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from lockgate.analysis import outage
from lockgate.analysis.judge import judge
from lockgate.analysis.state import State
from lockgate.analysis.windows import Look, Youth
from lockgate.core.canary import Criteria
from lockgate.core.ids import Instant
from lockgate.core.window import Advice, Judgement, Ratio, Window
from lockgate.decoding import decoded

LONG_AGO: Instant = 0.0
NOTHING = Ratio(0, 0)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Of one component's canary."""

    component: str
    began: Instant
    """When users first met it."""
    beginning: State
    """Before the first window: what a replay begins with."""
    state: State
    look: Look
    """The totals at the end of the last window, where the next begins."""
    ready: Mapping[str, Instant] = field(default_factory=dict)
    """Address -> when the instance there was first seen to serve."""
    windows: int = 0
    requests: int = 0
    """Of the canary that were counted in the present stage."""
    young: Ratio = NOTHING
    """Failed, of all requests of the canary while it warmed up."""
    young_baseline: Ratio = NOTHING

    def youth(self, warm_up: float) -> Youth:
        return Youth(self.ready, warm_up)

    def judgement(self, criteria: Criteria) -> Judgement:
        """What all of it says, at any time."""
        found = judge(criteria, self.state)
        if outage.is_out(self.young, self.young_baseline):
            return replace(found, advice=Advice.ROLL_BACK, because=outage.sentence(self.young))
        return found

    def emptied(self) -> "Ledger":
        """As it was before the first window."""
        return replace(self, state=self.beginning, windows=0, requests=0, young=NOTHING, young_baseline=NOTHING)

    def with_look(self, look: Look) -> "Ledger":
        """Who was not there before is ready from now on."""
        serving = (*look.canary.endpoints, *look.baseline.endpoints)
        return replace(self, look=look, ready={name: self.ready.get(name, look.at) for name in serving})

    def with_window(self, window: Window, state: State) -> "Ledger":
        after = replace(self, state=state, windows=window.number)
        if not window.excluded:
            return replace(after, requests=self.requests + window.canary.requests)
        young, other = window.canary, window.baseline
        return replace(
            after,
            young=Ratio(self.young.bad + young.errors, self.young.whole + young.requests),
            young_baseline=Ratio(self.young_baseline.bad + other.errors, self.young_baseline.whole + other.requests),
        )


def opened(component: str, state: State, look: Look, fresh: Collection[str]) -> Ledger:
    """At the moment when users first meet it. What ran before has long been ready, but for what is ``fresh``."""
    ready = {name: look.at if name in fresh else LONG_AGO for name in look.baseline.endpoints}
    ready |= dict.fromkeys(look.canary.endpoints, look.at)
    return Ledger(component, look.at, state, state, look, ready)


def read(document: str, component: str) -> Ledger | None:
    """None: nothing has been learnt of this component yet."""
    if not document:
        return None
    ledger = decoded(document, Ledger)
    return ledger if ledger.component == component else None


def write(ledger: Ledger) -> str:
    return msgspec.json.encode(ledger).decode()
