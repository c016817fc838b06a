"""Dispatcher: takes each train that is due as far as it goes now. Any number of servers may do so at once.

What is to be done is decided anew at each look (:mod:`lockgate.engine.itinerary`), written down, and then done. Whoever
finds that somebody else has written meanwhile drops what they had decided.
"""

import logging
from dataclasses import dataclass

from lockgate.core.deployment import ACTIVE, Deployment, Kind, Want
from lockgate.core.errors import Conflict, Fenced, Invalid, LockgateError, NotFound, Retryable, Terminal
from lockgate.core.ids import DeploymentId, Digest
from lockgate.core.people import Caller
from lockgate.core.train import Train, named_by, run_name
from lockgate.engine import itinerary, life, logbook
from lockgate.engine.itinerary import Abort, Move, Open, Run, Sight
from lockgate.engine.promoter import Promoter
from lockgate.ports import Clock, Selection, Store, Ticker

log = logging.getLogger("lockgate.dispatcher")

EVERY = 0.5
"""Seconds between two looks at which trains are due."""

MOST = 10_000
"""Trains at one look: more than are ever under way. One that only waits stays due, and must keep no other from its
turn."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    store: Store
    clock: Clock
    ticker: Ticker
    promoter: Promoter

    def round(self) -> None:
        """Every train that is due. What is wrong with one keeps no other waiting."""
        for name in self.store.trains.due(self.clock.now(), MOST):
            try:
                self.advance(name)
            except Fenced as fenced:
                log.info("%s", fenced)
            except LockgateError as error:
                log.warning("the train %s: %s", name, error)
            except Exception:
                log.exception("the train %s met a fault in Lockgate itself; it is looked at again", name)

    def advance(self, name: str) -> None:
        """One look at it. Raises Fenced when somebody else was quicker."""
        booked, now = self.store.trains.get(name), self.clock.now()
        before = booked.train
        after, moves = itinerary.advanced(before, self._sight(before), now)
        if after != before:
            self.store.trains.save(after, booked.version, itinerary.due(after, now), logbook.told(before, after, now))
        for move in moves:
            self._do(after, move)

    # --- seeing ---

    def _sight(self, train: Train) -> Sight:
        there: dict[str, Run] = {}
        back: dict[str, Run] = {}
        for name, deployment in self.store.trains.runs(train.name).items():
            _, step = named_by(name)
            runs = back if name == run_name(train.name, step, back=True) else there
            runs[step] = self._run(self.store.history.deployment(deployment))
        return Sight(there, back)

    def _run(self, row: Deployment) -> Run:
        stays = ""
        if row.previous is None:
            stays = "nothing ran before it"
        elif not row.holds:
            stays = _displaced(row)
        return Run(row.id, row.state, row.because, row.who, row.ended_at, row.want is Want.ABORT, stays)

    # --- doing ---

    def _do(self, train: Train, move: Move) -> None:
        if isinstance(move, Abort):
            self._abort(train, move)
            return
        try:
            self._open(train, move)
        except (Retryable, Invalid, Conflict) as error:
            self._note(train, move, str(error), final=False)
        except Terminal as error:
            self._note(train, move, str(error), final=True)
        self.ticker.wake()

    def _open(self, train: Train, move: Open) -> None:
        step = train.step(move.step)
        if step is None or step.release is None:
            raise NotFound(f"The train {train.name} has no deployment {move.step}.")
        by, name = Caller(train.starter, personal=train.personal), run_name(train.name, step.name, back=move.back)
        if move.back:
            plan = self.store.releases.plan(self._before(step.deployment))
            reason = f"The train {train.name} goes back: {train.because}"
            release, kind = self.store.releases.get(plan.release), Kind.ROLLBACK
        else:
            release, kind = self.store.releases.get(step.release), Kind.DEPLOY
            plan = self.promoter.plan(release, self.promoter.catalogue().get(train.environment))
            reason = f"Step {step.name} of the train {train.name}" + (f": {train.reason}" if train.reason else ".")
        self.promoter.open(release, plan, by=by, reason=reason, kind=kind, urgent=move.back, train=name)

    def _before(self, deployment: str) -> Digest:
        """What ran before it. Raises Conflict when something else has come after it, or is on its way: that is not
        taken away."""
        row = self.store.history.deployment(DeploymentId(deployment))
        if row.previous is None:
            raise NotFound(f"Nothing ran before {deployment}.")
        if not row.holds:
            raise Conflict(f"{deployment} is not taken back: {_displaced(row)}.")
        for other in self.store.history.select(Selection(row.application, row.environment, ACTIVE, limit=1)):
            raise Conflict(f"{other.id} is deploying {row.application} there: it is waited for.")
        return row.previous

    def _abort(self, train: Train, move: Abort) -> None:
        row = self.store.history.deployment(DeploymentId(move.deployment))
        because = f"abort of {row.id}: the train {train.name} stops: {train.because}"
        event = life.event_of(row, "deployment.abort_asked", because, self.clock.now())
        try:
            self.store.deployments.ask(row.id, Want.ABORT, self.clock.now(), event)
        except Conflict as error:
            log.info("the train %s: %s", train.name, error)
        self.ticker.wake()

    def _note(self, train: Train, move: Open, because: str, *, final: bool) -> None:
        """What hinders a step, if it is still to be opened. Raises Fenced: then it is tried again, and said again."""
        booked, now = self.store.trains.get(train.name), self.clock.now()
        step = booked.train.step(move.step)
        if step is None or step.settled or step.returning is not move.back:
            return
        if final:
            after = itinerary.refused(booked.train, move, because, now)
            due = now
        else:
            after = itinerary.delayed(booked.train, move, because)
            due = now + itinerary.LOOK_AGAIN
        if after != booked.train:
            log.warning("the train %s does not open %s%s: %s", train.name, move.step, "" if final else " yet", because)
            self.store.trains.save(after, booked.version, due, logbook.told(booked.train, after, now))


def _displaced(row: Deployment) -> str:
    return f"something else has taken its place in {row.environment} since"
