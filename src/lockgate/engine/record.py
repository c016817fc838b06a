"""Record: what was watched of a canary, looked at again: the judgement after each window, and the view of it all."""

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
from lockgate.engine.course import legs_of
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


def record(store: Store, row: Deployment) -> Record:
    """Raises NotFound when nothing was watched."""
    plan = store.releases.plan(row.plan)
    for evidence in (row.evidence, *(lane.evidence for lane in reversed(list(row.lanes.values())))):
        for leg in reversed([leg for part in plan.parts() for leg in legs_of(part, None, back=False)]):
            written = ledgers.read(evidence, leg.key.part)
            if written is not None and leg.strategy.canary is not None:
                windows = store.history.windows(DeploymentId(row.id), leg.key.part)
                canary = canary_of(leg)
                return Record(leg.key.part, canary, written, windows, again(canary, written, windows))
    raise NotFound(_nothing(row, plan))


def again(canary: Canary, written: Ledger, windows: Sequence[Window]) -> tuple[Ledger, ...]:
    """The ledger after each of the windows, from what was written down before the first."""
    ledger, found = written.emptied(), []
    for window in windows:
        ledger = ledger.with_window(window, weigh(canary.criteria, ledger.state, window))
        found.append(ledger)
    return tuple(found)


def _nothing(row: Deployment, plan: Plan) -> str:
    if plan.strategy.canary is None:
        return f"{row.id} is no canary: nothing is measured on users' requests, so there is nothing to show."
    return f"Users have not met the canary of {row.id}: there is nothing to show."


def view(store: Store, row: Deployment) -> AnalysisView:
    """For the API. Raises NotFound."""
    found = record(store, row)
    rollout = Rollout(
        deployment=row.id,
        component=found.component,
        canary=row.release_label,
        baseline=_before(store, row),
        config=digest_of(found.canary.criteria),
        ramp=found.canary,
    )
    return view_of(rollout, found.windows, found.judgements, _following(row))


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


def _before(store: Store, row: Deployment) -> str:
    if row.previous is None:
        return "what ran before"
    return store.releases.get(store.releases.plan(row.previous).release).label()


def _following(row: Deployment) -> str:
    return row.because if row.active and row.progress.step == Observe.KIND else ""
