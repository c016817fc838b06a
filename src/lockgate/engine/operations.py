"""Operations: what people and tools may ask of Lockgate. The API, the console and the CLI all come through here.

Each call checks everything before it writes anything, and answers with a view; the worker does the rest.
"""

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockgate.core.admission import Admission
from lockgate.core.artifact import Reference
from lockgate.core.audit import Event
from lockgate.core.deployment import ACTIVE, WAITING, Deployment, Kind, State, Want
from lockgate.core.environment import Environment
from lockgate.core.errors import Conflict, Denied, Invalid, LockgateError, NotFound, Problem
from lockgate.core.gate import Verdict
from lockgate.core.ids import DeploymentId, InstanceId
from lockgate.core.people import NOBODY, Caller
from lockgate.core.plan import Observe, Plan
from lockgate.core.release import Release
from lockgate.core.secret import Secret
from lockgate.core.source import SourceEvent
from lockgate.core.traffic import Key
from lockgate.engine import explaining, forecast, life, naming, planner, record, rollout, views
from lockgate.engine.approvals import ApprovalDesk
from lockgate.engine.auditing import Auditing
from lockgate.engine.calendar_desk import CalendarDesk
from lockgate.engine.executor import Executor, Executors
from lockgate.engine.forecast import Expected
from lockgate.engine.intake import Intake, with_overrides
from lockgate.engine.notices import Notices
from lockgate.engine.people import PeopleDesk
from lockgate.engine.policy_desk import PolicyDesk
from lockgate.engine.promoter import Promoter
from lockgate.engine.redeployment import Redeployment
from lockgate.engine.secret_desk import SecretDesk
from lockgate.engine.supply import Supply
from lockgate.engine.surveyor import Surveyor
from lockgate.engine.train_desk import TrainDesk
from lockgate.engine.views import StatusBoard
from lockgate.engine.whereabouts import Whereabouts
from lockgate.messages import (
    AnalysisView,
    Ask,
    CreateRelease,
    Deploy,
    DeploymentView,
    EnvironmentView,
    EventView,
    Explanation,
    ForecastView,
    Lift,
    LogView,
    Preview,
    Promote,
    QuarantineView,
    ReleaseView,
    ReplayView,
    RollBack,
    Status,
    Usable,
)
from lockgate.ports import Clock, Documents, Quarantine, Selection, Store, Ticker

WANTS = {"pause": Want.PAUSE, "resume": Want.RUN, "abort": Want.ABORT}

log = logging.getLogger("lockgate.operations")


@dataclass(frozen=True, slots=True)
class Operations:
    """``examine`` looks at the machine for :meth:`doctor`. ``surveyor``: what environments are, and how they differ."""

    store: Store
    clock: Clock
    ticker: Ticker
    intake: Intake
    promoter: Promoter
    executors: Executors
    examine: Callable[[], tuple[Usable, ...]]
    auditing: Auditing
    redeployment: Redeployment
    calendar: CalendarDesk
    policies: PolicyDesk
    surveyor: Surveyor
    documents: Documents
    secrets: SecretDesk
    recollection: record.Recollection = field(default_factory=record.Recollection)
    link_key: Secret = field(default_factory=lambda: Secret(secrets.token_hex(32)))
    """That links to what waits for approvals are signed with."""
    caller: Caller = NOBODY
    """Who asks; nobody in particular until :meth:`on_behalf_of`."""

    def on_behalf_of(self, caller: Caller) -> "Operations":
        """The same for this caller: what they ask for is asked for in their name."""
        return replace(
            self,
            caller=caller,
            auditing=replace(self.auditing, caller=caller),
            redeployment=replace(self.redeployment, caller=caller),
            calendar=replace(self.calendar, caller=caller),
            secrets=replace(self.secrets, caller=caller),
        )

    @property
    def people(self) -> PeopleDesk:
        return PeopleDesk(self.store, self.clock, self.promoter.catalogue, self.caller)

    @property
    def approvals(self) -> ApprovalDesk:
        admit, consent = self.promoter.admission, self.promoter.consent
        return ApprovalDesk(self.store, self.clock, self.ticker, consent, admit, self.link_key, self.caller)

    # --- desks ---

    @property
    def supply(self) -> Supply:
        """What is attached to releases."""
        return Supply(self.store, self.clock, self.ticker, self.promoter, self.documents, self._find, self.caller)

    @property
    def whereabouts(self) -> Whereabouts:
        """What runs or ran where."""
        return Whereabouts(self.store, self.clock, self.promoter)

    @property
    def trains(self) -> TrainDesk:
        return TrainDesk(self.store, self.clock, self.promoter, self.caller)

    @property
    def notifications(self) -> Notices:
        return Notices(self.store, self.clock, self.promoter.catalogue, self.caller)

    # --- releases ---

    def check(self, request: CreateRelease) -> tuple[Problem, ...]:
        """Every problem that the definition has, on every environment there is. Resolves nothing."""
        try:
            application = self.intake.read(request.definition, request.where, Path(request.folder))
            with_overrides(application, _references(request.artifacts), request.where)
            self.promoter.catalogue()
        except Invalid as error:
            return error.problems
        return ()

    def create_release(self, request: CreateRelease) -> tuple[ReleaseView, bool]:
        """The release, and whether it is new."""
        by = self.caller.speaking(request.actor)
        event = SourceEvent(
            application=request.definition,
            where=request.where,
            actor=by.name,
            at=self.clock.now(),
            overrides=_references(request.artifacts),
            commit=request.commit,
            url=request.url,
            authors=request.authors,
            built_by=request.built_by,
            address=by.address,
        )
        release, new = self.intake.take(event, Path(request.folder))
        if new:
            self._enter(release, by)
        return self._release_view(release), new

    def releases(self, application: str, limit: int) -> tuple[ReleaseView, ...]:
        return tuple(self._release_view(r) for r in self.store.releases.select(application, limit))

    def release(self, application: str, name: str) -> ReleaseView:
        return self._release_view(self._find(application, name))

    # --- deployments ---

    def preview(self, request: Deploy) -> Preview:
        """What :meth:`deploy` would do. Changes nothing."""
        release, environment, plan = self._planned(request)
        holder = self.store.history.holder(release.name, environment.name)
        previous = self.store.releases.plan(holder.kept) if holder else None
        begins = self.calendar.slot(request.at, request.next_window, environment)
        by = self.caller.speaking(request.actor)
        asked = (Kind.DEPLOY, by.name, request.reason, request.urgent, begins)
        asking = Admission(release, environment, plan, *asked, personal=by.personal, break_glass=request.break_glass)
        verdicts = self.promoter.verdicts(asking)
        return Preview(
            application=release.name,
            environment=environment.name,
            release=release.id,
            release_label=release.label(),
            plan=plan.digest,
            sentences=planner.plan_words(plan, previous),
            forecasts=self._forecasts(plan, previous, Expected(request.rate, request.errors)),
            verdicts=tuple(views.verdict_view(v) for v in verdicts),
            not_before=begins,
            warnings=self.calendar.warnings(release.name, environment, begins),
        )

    def deploy(self, request: Deploy, occasion: str = "") -> DeploymentView:
        """Raises NotFound, Invalid, CapabilityMissing, Denied: nothing is recorded then."""
        release, environment, plan = self._planned(request)
        begins, urgent = self.calendar.slot(request.at, request.next_window, environment), request.urgent
        if not request.blind:
            holder = self.store.history.holder(release.name, environment.name)
            previous = self.store.releases.plan(holder.kept) if holder else None
            forecast.refuse_blind(self._forecasts(plan, previous, Expected()))
        by, reason, glass = self.caller.speaking(request.actor), request.reason, request.break_glass
        row = self.promoter.open(
            release, plan, by=by, reason=reason, occasion=occasion, urgent=urgent, not_before=begins, break_glass=glass
        )
        return self.calendar.told_of(self._opened(row), environment)

    def promote(self, request: Promote) -> DeploymentView:
        """Deploys what holds the environment before. Raises Conflict while that one is changing."""
        environment = self.promoter.catalogue().get(request.environment)
        if environment.after is None:
            raise Denied(
                f"{environment.name} is the first environment: nothing is promoted to it.",
                f"Write: lockgate deploy --to {environment.name}",
            )
        holder = self.store.history.holder(request.application, environment.after)
        if holder is None:
            raise NotFound(f"Nothing of {request.application} runs in {environment.after}, so nothing can be promoted.")
        for changing in self._select(request.application, environment.after, ACTIVE):
            because = f"{changing.id} is changing {environment.after} just now, so what is promoted would be a guess."
            mend = f"Wait for its end (lockgate watch {changing.id}), or name a release: lockgate deploy RELEASE"
            raise Conflict(because, f"{mend} --to {environment.name}.")
        return self.deploy(
            Deploy(
                request.application,
                environment.name,
                holder.release,
                reason=request.reason,
                actor=request.actor,
                blind=request.blind,
                at=request.at,
                next_window=request.next_window,
            ),
            f"Promoted from {environment.after}.",
        )

    def roll_back(self, request: RollBack) -> DeploymentView:
        """An active deployment is aborted; otherwise the last good release before the present one is deployed with
        the configuration it had. Either way the release that is left is barred from the environment."""
        self.promoter.catalogue().get(request.environment)
        by, active = self.caller.speaking(request.actor), self._select(request.application, request.environment, ACTIVE)
        holder = self.store.history.holder(request.application, request.environment)
        if active and active[0].kind is Kind.DEPLOY:
            self._bar(active[0], request)
            return self.ask(active[0].id, "abort", Ask(request.reason, request.actor))
        if holder is None:
            raise NotFound(f"Nothing of {request.application} runs in {request.environment}: there is no way back.")
        plan = self.store.releases.plan(self._last_good(holder).plan)
        release = self.store.releases.get(plan.release)
        row = self.promoter.open(
            release, plan, by=by, reason=request.reason, kind=Kind.ROLLBACK, urgent=True, insists=request.urgent
        )
        self._bar(holder, request)
        return self._opened(row)

    def ask(self, deployment: str, want: str, request: Ask) -> DeploymentView:
        """Pause, resume or abort; let a canary continue with its next stage, or finish with all the traffic."""
        row = self.store.history.deployment(DeploymentId(deployment))
        if row.final:
            raise Conflict(f"{row.id} has ended ({row.state.value.replace('_', ' ')}): there is nothing to {want}.")
        if row.state is State.ROLLING_BACK:
            raise Conflict(
                f"{row.id} is already going back to what ran before.", "Let it finish, or deploy a fix with --urgent."
            )
        because = f"{want} of {row.id}" + (f": {request.reason}" if request.reason else ".")
        event = life.event_of(row, f"deployment.{want}_asked", because, self.clock.now())
        event = self.caller.speaking(request.actor).signed(event)
        if want in WANTS:
            return self._opened(self.store.deployments.ask(row.id, WANTS[want], self.clock.now(), event))
        stages = self._stages_of(row, want)
        return self._opened(self.store.deployments.let_through(row.id, stages, self.clock.now(), event))

    def _stages_of(self, row: Deployment, want: str) -> int:
        """How many stages of its canary are let through. Raises Conflict when there is none just now."""
        tour = rollout.tour_of(row, self.store.releases.plan)
        canary, watched = tour.plan.strategy.canary, rollout.first_at(row, tour, Observe.KIND)
        if canary is None or watched is None:
            because = f"{row.id} is not watched as a canary just now: there is no stage to {want}."
            raise Conflict(because, f"See where it is: lockgate explain {row.id}")
        cells_before, progress = watched
        return cells_before * len(canary.stages) + (len(canary.stages) if want == "finish" else progress.stage + 1)

    def deployments(
        self, application: str, environment: str, states: frozenset[str], limit: int
    ) -> tuple[DeploymentView, ...]:
        chosen = Selection(application, environment, frozenset(State(s) for s in states), limit=limit)
        return tuple(views.deployment_view(d) for d in self.store.history.select(chosen))

    def deployment(self, deployment: str) -> DeploymentView:
        row = self.store.history.deployment(DeploymentId(deployment))
        return views.deployment_view(row, self.store.releases.plan(row.plan))

    def explain(self, deployment: str) -> Explanation:
        """Why it is where it is."""
        row = self.store.history.deployment(DeploymentId(deployment))
        plan = self.store.releases.plan(row.plan)
        previous = self._replaced(row)
        verdicts = () if row.active or row.final else self._verdicts(row)
        timeline = self.store.history.events(0, 500, deployment=row.id)
        told = explaining.sentences(row, verdicts, self.clock.now(), self._cells(row))
        return Explanation(
            deployment=views.deployment_view(row, plan),
            sentences=(*told, *self.secrets.watch.of(row, self.store.releases.plan(row.kept))),
            verdicts=tuple(views.verdict_view(v) for v in verdicts),
            plan=planner.plan_words(plan, previous),
            timeline=tuple(views.event_view(e) for e in timeline),
            commands=explaining.commands(row),
        )

    def _replaced(self, row: Deployment) -> Plan | None:
        """What held the environment when it began; of one that has not begun, what holds it now."""
        if row.started_at is not None:
            return self.store.releases.plan(row.previous) if row.previous else None
        holder = self.store.history.holder(row.application, row.environment)
        return self.store.releases.plan(holder.kept) if holder else None

    def _cells(self, row: Deployment) -> Mapping[str, str]:
        tour = rollout.tour_of(row, self.store.releases.plan)
        return rollout.standings(row, tour) if row.active and tour.cellular else {}

    def analysis(self, deployment: str) -> AnalysisView:
        """What users got from its canary. Raises :class:`NotFound` if it has none."""
        row = self.store.history.deployment(DeploymentId(deployment))
        return record.view(self.store, row, self.recollection)

    def replay(self, deployment: str) -> ReplayView:
        """The verdict on its canary once more, from what was stored. Raises :class:`NotFound` if it has none."""
        return record.replay(self.store, self.store.history.deployment(DeploymentId(deployment)))

    # --- looking ---

    def status(self, application: str, environment: str) -> Status:
        """The board. An environments file that cannot be read is a problem to show, not a reason to show nothing."""
        now = self.clock.now()
        try:
            environments: tuple[Environment, ...] = self.promoter.catalogue().in_order()
        except Invalid as error:
            problems = tuple(p.sentence() for p in error.problems)
            return Status(now, (), (), (*problems, *self.approvals.problems()))
        board = StatusBoard(self.store, self.executors)
        chosen = [e for e in environments if environment in ("", e.name)]
        rows = tuple(board.row(a, e, now) for a in self._applications(application) for e in chosen)
        told = tuple(self.calendar.told(views.environment_view(e)) for e in environments)
        problems = (*self.calendar.faults(), *self.approvals.problems(), *self.notifications.problems())
        return Status(now, told, rows, (*problems, *self.secrets.watch.problems(environment)))

    def environments(self) -> tuple[EnvironmentView, ...]:
        return tuple(self.calendar.told(views.environment_view(e)) for e in self.promoter.catalogue().in_order())

    def events(self, after: int, limit: int, application: str, deployment: str) -> tuple[EventView, ...]:
        found = self.store.history.events(after, limit, application, deployment)
        return tuple(views.event_view(e) for e in found)

    def wait_for_events(self, after: int, timeout: float) -> bool:
        """Whether there is something newer within ``timeout`` seconds."""
        waited = 0.0
        while not self.store.history.events(after, 1):
            if waited >= timeout:
                return False
            self.clock.sleep(0.1)
            waited += 0.1
        return True

    def logs(
        self, application: str, environment: str, component: str, instance: str, after: Mapping[str, int], limit: int
    ) -> LogView:
        """The output of every instance chosen, each line with its instance in front."""
        lines: list[str] = []
        following: dict[str, int] = {}
        for key, name, executor in self._instances(application, environment, component):
            if instance in ("", name):
                chunk = executor.target.logs(key, name, after.get(name, 0), limit)
                following[name] = chunk.next
                lines += [f"{name} | {line}" for line in chunk.text.splitlines()]
        return LogView(tuple(lines[-limit:]) if limit else tuple(lines), following)

    def doctor(self) -> tuple[Usable, ...]:
        late = (Usable("emergency", False, words) for words in self.approvals.problems())
        unread = (Usable("calendar", False, words) for words in self._calendar_faults())
        return (*self.examine(), *late, *unread, *self.secrets.examine(), *self.notifications.examine())

    def _calendar_faults(self) -> tuple[str, ...]:
        """None, as long as the environments themselves cannot be read: that is told elsewhere."""
        try:
            return self.calendar.faults()
        except LockgateError:
            return ()

    # --- quarantine ---

    def quarantines(self) -> tuple[QuarantineView, ...]:
        return tuple(self._quarantine_view(q) for q in self.store.quarantines.all())

    def lift(self, request: Lift) -> None:
        """Raises NotFound when it is not barred there."""
        release = self._find(request.application, request.release)
        because = f"{release.label()} may enter {request.environment} again: {request.reason}"
        event = Event(
            kind="quarantine.lifted",
            at=self.clock.now(),
            because=because,
            application=release.name,
            environment=request.environment,
            release=release.id,
        )
        event = self.caller.speaking(request.actor).signed(event)
        self.store.quarantines.lift(release.name, request.environment, release.id, event)

    # --- inside ---

    def _enter(self, release: Release, by: Caller) -> None:
        """The release stands whatever becomes of this: what hinders it is found again by deploying it by hand."""
        try:
            self.promoter.enter(release, by)
        except LockgateError as error:
            log.warning("%s enters no environment by itself: %s", release.label(), error)
        self.ticker.wake()

    def _forecasts(self, plan: Plan, previous: Plan | None, expected: Expected) -> tuple[ForecastView, ...]:
        return forecast.forecasts(self.store, plan, previous, self.clock.now(), expected)

    def _planned(self, request: Deploy) -> tuple[Release, Environment, Plan]:
        environment = self.promoter.catalogue().get(request.environment)
        release = self._find(request.application, request.release)
        return release, environment, self.promoter.plan(release, environment)

    def _find(self, application: str, name: str) -> Release:
        return naming.find_release(self.store, application, name)

    def _last_good(self, holder: Deployment) -> Deployment:
        done = self._select(holder.application, holder.environment, frozenset({State.SUCCEEDED}))
        for row in done:
            barred = self.store.quarantines.barred(row.application, row.environment, row.release)
            if row.number < holder.number and row.plan != holder.plan and row.release != holder.release and not barred:
                return row
        raise NotFound(
            f"No other release has run well in {holder.environment} before {holder.release_label}.",
            "Deploy the release you want by name.",
        )

    def _select(self, application: str, environment: str, states: frozenset[State]) -> tuple[Deployment, ...]:
        return self.store.history.select(Selection(application, environment, states, limit=500))

    def _bar(self, row: Deployment, request: RollBack) -> None:
        now = self.clock.now()
        because, by = request.reason or "It was rolled back.", self.caller.speaking(request.actor)
        bar = Quarantine(row.application, row.environment, row.release, because, now, by.name)
        event = life.event_of(row, "quarantine.set", because, now)
        self.store.quarantines.bar(bar, by.signed(event))

    def _verdicts(self, row: Deployment) -> tuple[Verdict, ...]:
        try:
            return self.promoter.verdicts(self.promoter.admission(row))
        except LockgateError:
            return ()

    def _opened(self, row: Deployment) -> DeploymentView:
        self.ticker.wake()
        return views.deployment_view(row)

    def _release_view(self, release: Release) -> ReleaseView:
        history = self.store.history.select(Selection(application=release.name, limit=500))
        return views.release_view(release, views.places_of(release, history, self.store.quarantines.all()))

    def _applications(self, application: str) -> tuple[str, ...]:
        if application:
            return (application,)
        return tuple(dict.fromkeys(r.name for r in self.store.releases.select("", 1000)))

    def _instances(self, application: str, environment: str, component: str) -> list[tuple[Key, InstanceId, Executor]]:
        found: dict[InstanceId, tuple[Key, InstanceId, Executor]] = {}
        rows = self._select(application, environment, ACTIVE | WAITING)[:1]
        holder = self.store.history.holder(application, environment)
        for row in (*rows, *((holder,) if holder else ())):
            for part in self.store.releases.plan(row.kept).parts():
                executor = self.executors(part)
                for key in (c.key for c in part.components if component in ("", c.key.component, c.key.part)):
                    for instance in executor.target.observe(key).instances:
                        found.setdefault(instance.id, (key, instance.id, executor))
        if not found:
            raise NotFound(f"Nothing of {application} runs in {environment}, so there are no logs to show.")
        return sorted(found.values(), key=lambda item: item[1])

    def _quarantine_view(self, bar: Quarantine) -> QuarantineView:
        try:
            label = self.store.releases.get(bar.release).label()
        except NotFound:
            label = bar.release
        return QuarantineView(bar.application, bar.environment, bar.release, label, bar.because, bar.since, bar.actor)


def _references(artifacts: Mapping[str, str]) -> dict[str, Reference]:
    return {name: Reference.parse(text, field=f"artifacts.{name}") for name, text in artifacts.items()}
