"""Record: what was watched of a canary, looked at again: the judgement after each window, and the view of it all."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.analysis.judge import weigh
from lockgate.charts.series import Rollout, view_of
from lockgate.core.canary import Canary
from lockgate.core.deployment import Deployment
from lockgate.core.errors import NotFound
from lockgate.core.ids import DeploymentId, digest_of
from lockgate.core.plan import Observe, Plan
from lockgate.core.window import Advice, Judgement, Window
from lockgate.engine import ledger as ledgers
from lockgate.engine.analyst import canary_of
from lockgate.engine.course import Leg, legs_of
from lockgate.engine.ledger import Ledger
from lockgate.messages import AnalysisView, ReplayView
from lockgate.ports import Store


@dataclass(frozen=True, slots=True)
class Record:
    """Of the component that was watched last."""

    component: str
    canary: Canary
    written: Ledger
    """As it stands in the deployment's row."""
    windows: tuple[Window, ...]
    ledgers: tuple[Ledger, ...]
    """After each window, made again from the beginning."""

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        return tuple(ledger.judgement(self.canary.criteria) for ledger in self.ledgers)

    @property
    def agrees(self) -> bool:
        """The windows lead to what is written down, to the last digit."""
        last = self.ledgers[-1] if self.ledgers else self.written.emptied()
        mine, theirs = ((one.state, one.windows, one.young, one.young_baseline) for one in (last, self.written))
        return mine == theirs


class Recollection:
    """What was judged once more for those who look again and again: windows are only ever added. Of a few canaries."""

    MOST = 32

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], tuple[Ledger, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def again(self, deployment: str, canary: Canary, written: Ledger, windows: Sequence[Window]) -> tuple[Ledger, ...]:
        """As :func:`again`, of which only what is new is done."""
        name = (deployment, written.component)
        with self._lock:
            known = self._known.pop(name, ())
        known = known if len(known) <= len(windows) else ()
        found = known + again(canary, known[-1] if known else written.emptied(), windows[len(known) :])
        with self._lock:
            self._known[name] = found
            while len(self._known) > self.MOST:
                self._known.popitem(last=False)
        return found


def record(store: Store, row: Deployment, recollection: Recollection | None = None) -> Record:
    """Raises NotFound when nothing was watched. ``recollection``: None: everything is judged from the beginning."""
    plan = store.releases.plan(row.plan)
    for evidence in (row.evidence, *(lane.evidence for lane in reversed(list(row.lanes.values())))):
        for leg in reversed([leg for part in plan.parts() for leg in legs_of(part, None, back=False)]):
            written = ledgers.read(evidence, leg.key.part)
            if written is not None and leg.strategy.canary is not None:
                return _recorded(store, row, leg, written, recollection)
    raise NotFound(_nothing(row, plan))


def _recorded(store: Store, row: Deployment, leg: Leg, written: Ledger, recollection: Recollection | None) -> Record:
    canary, windows = canary_of(leg), store.history.windows(DeploymentId(row.id), leg.key.part)
    if recollection is None:
        ledgers_again = again(canary, written.emptied(), windows)
    else:
        ledgers_again = recollection.again(row.id, canary, written, windows)
    return Record(leg.key.part, canary, written, windows, ledgers_again)


def again(canary: Canary, ledger: Ledger, windows: Sequence[Window]) -> tuple[Ledger, ...]:
    """The ledger after each of the windows, from the one before the first."""
    found = []
    for window in windows:
        ledger = ledger.with_window(window, weigh(canary.criteria, ledger.state, window))
        found.append(ledger)
    return tuple(found)


def _nothing(row: Deployment, plan: Plan) -> str:
    if plan.strategy.canary is None:
        return f"{row.id} is no canary: nothing is measured on users' requests, so there is nothing to show."
    return f"Users have not met the canary of {row.id}: there is nothing to show."


def view(store: Store, row: Deployment, recollection: Recollection) -> AnalysisView:
    """For the API. Raises NotFound."""
    found = record(store, row, recollection)
    rollout = Rollout(
        deployment=row.id,
        component=found.component,
        canary=row.release_label,
        baseline=_before(store, row, found.component.rpartition("/")[0]),
        config=digest_of(found.canary.criteria),
        ramp=found.canary,
    )
    judgements = found.judgements
    verdict = judgements[-1].because if judgements else ""
    return view_of(rollout, found.windows, judgements, _following(row, verdict))


def replay(store: Store, row: Deployment) -> ReplayView:
    """The verdict once more, from what was stored. Raises NotFound."""
    found = record(store, row)
    judgements = found.judgements
    last = judgements[-1] if judgements else None
    return ReplayView(
        deployment=row.id,
        component=found.component,
        config=digest_of(found.canary.criteria),
        windows=len(found.windows),
        excluded=sum(bool(window.excluded) for window in found.windows),
        advice=(last.advice if last else Advice.GO_ON).value,
        verdict=last.because if last else "Nothing was watched.",
        against=last.against if last else 0.0,
        threshold=last.threshold if last else 0.0,
        decided=next((n for n, one in enumerate(judgements, 1) if one.advice is not Advice.GO_ON), None),
        agrees=found.agrees,
    )


def _before(store: Store, row: Deployment, cell: str) -> str:
    if row.previous is None:
        return "what ran before"
    return store.releases.get(store.releases.plan(row.previous).within(cell).release).label()


def _following(row: Deployment, verdict: str) -> str:
    """What it waits for, without what is told beside it."""
    if not row.active or row.progress.step != Observe.KIND:
        return ""
    return row.because.replace(verdict, "").strip()
