"""Views: what the engine knows, as messages for people and tools. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.core.audit import Event
from lockgate.core.deployment import ACTIVE, WAITING, Deployment, State
from lockgate.core.environment import Environment
from lockgate.core.errors import NotFound, Retryable, Terminal
from lockgate.core.gate import Verdict
from lockgate.core.ids import Instant, ReleaseId, RevisionId
from lockgate.core.inventory import Instance, Observed, Standing, drift
from lockgate.core.plan import ComponentPlan, Plan
from lockgate.core.release import Release
from lockgate.core.traffic import Key
from lockgate.core.train import named_by
from lockgate.engine import rollout
from lockgate.engine.executor import Executors
from lockgate.engine.rollout import Tour
from lockgate.messages import (
    ArtifactView,
    CellView,
    DeploymentView,
    EnvironmentView,
    EventView,
    InstanceView,
    Place,
    ReleaseView,
    StatusRow,
    VerdictView,
)
from lockgate.ports import Quarantine, Selection, Store


def deployment_view(row: Deployment, plan: Plan | None = None) -> DeploymentView:
    """The row; ``plan`` gives the component's name."""
    return DeploymentView(
        id=row.id,
        application=row.application,
        environment=row.environment,
        release=row.release,
        release_label=row.release_label,
        plan=row.plan,
        kind=row.kind.value,
        state=row.state.value,
        want=row.want.value,
        because=row.because,
        who=row.who,
        actor=row.actor,
        reason=row.reason,
        urgent=row.urgent,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        state_since=row.state_since,
        step=row.progress.step if row.active else "",
        words=row.progress.words if row.active else "",
        steps_taken=row.progress.steps_taken,
        component=_component(row, plan),
        holds=row.holds,
        final=row.final,
        failure=row.progress.failure,
        cell=row.progress.cell or "" if row.active else "",
        personal=row.personal,
        review_due=row.review_due,
        not_before=row.not_before,
        train=named_by(row.train)[0],
    )


def _component(row: Deployment, plan: Plan | None) -> str:
    if plan is None or not row.active:
        return ""
    order = list(plan.within(row.progress.cell or "").components)
    if row.progress.component >= len(order):
        return ""
    if row.state is State.ROLLING_BACK:
        order.reverse()
    return order[row.progress.component].key.component


def event_view(event: Event) -> EventView:
    return EventView(
        seq=event.seq,
        at=event.at,
        kind=event.kind,
        because=event.because,
        actor=event.actor,
        application=event.application,
        environment=event.environment,
        deployment=event.deployment,
        release=event.release,
        data=event.data,
        address=event.address,
        commit=event.commit,
        artifacts=event.artifacts,
    )


def verdict_view(verdict: Verdict) -> VerdictView:
    return VerdictView(verdict.gate, verdict.answer.value, verdict.because, verdict.until, verdict.who)


def environment_view(environment: Environment) -> EnvironmentView:
    return EnvironmentView(
        name=environment.name,
        after=environment.after,
        promote=environment.promote.value,
        target=environment.target.kind,
        owner=environment.owner,
        purpose=environment.purpose,
        listen={application: str(address) for application, address in environment.listen.items()},
        values=dict(environment.values),
        cells={cell.name: {name: str(at) for name, at in cell.listen.items()} for cell in environment.in_rollout()},
        tier=environment.tier,
        users=environment.users,
        endpoints=dict(environment.endpoints),
        capabilities=environment.capabilities,
    )


def release_view(release: Release, places: tuple[Place, ...] = ()) -> ReleaseView:
    return ReleaseView(
        id=release.id,
        number=release.number,
        application=release.name,
        version=release.version,
        label=release.label(),
        digest=release.digest,
        created_at=release.created_at,
        created_by=release.created_by,
        commit=release.commit,
        url=release.url,
        artifacts=tuple(
            ArtifactView(component, a.name, a.version, a.digest, a.reference)
            for component, a in release.artifacts.items()
        ),
        places=places,
        templates=dict(release.application.templates),
        authors=release.written_by(),
        built_by=release.built_by,
    )


def places_of(release: Release, history: tuple[Deployment, ...], barred: tuple[Quarantine, ...]) -> tuple[Place, ...]:
    """Where the release is or has been: the newest deployment of it in each environment, and where it is barred."""
    found: dict[str, Place] = {}
    for row in history:
        if row.release == release.id and row.environment not in found:
            runs = "runs in part" if row.mixed else "runs"
            state = runs if row.holds else "ran" if row.state is State.SUCCEEDED else row.state.value
            found[row.environment] = Place(row.environment, state, row.id, row.state_since, row.because)
    for bar in barred:
        if bar.release == release.id and bar.application == release.name:
            earlier = found.get(bar.environment)
            found[bar.environment] = Place(
                bar.environment, "quarantined", earlier.deployment if earlier else "", bar.since, bar.because
            )
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class StatusBoard:
    """Applications x environments. ``executors`` are asked live; what does not answer is shown as last seen."""

    store: Store
    executors: Executors

    def row(self, application: str, environment: Environment, now: Instant) -> StatusRow:
        """One field of the board."""
        mine = self.store.history.select(
            Selection(application=application, environment=environment.name, states=ACTIVE | WAITING)
        )
        under_way = next((d for d in mine if d.active), mine[-1] if mine else None)
        holder = self.store.history.holder(application, environment.name)
        plan = self.store.releases.plan(holder.kept) if holder else None
        tour = rollout.tour_of(under_way, self.store.releases.plan) if under_way and under_way.active else None
        seen = self._seen(tour.plan) if tour and tour.cellular else {}
        seen |= self._seen(plan) if plan else {}
        standing, because = _standing(plan, seen, under_way, now)
        address = environment.address_for(application)
        return StatusRow(
            application=application,
            environment=environment.name,
            url=f"http://{address}/" if address else "",
            release=holder.release if holder else "",
            release_label=_label(holder, plan),
            deployment=holder.id if holder else "",
            deployed_at=holder.ended_at if holder else None,
            standing=standing,
            because=because,
            observed_at=min((o.observed_at for o in seen.values()), default=None),
            ready=_ready(plan, seen),
            wanted=_wanted(plan),
            instances=tuple(_instance_view(key, i) for key, o in seen.items() for i in o.instances),
            weights=self._weights(plan, under_way),
            under_way=deployment_view(under_way) if under_way else None,
            waiting=sum(not d.active for d in mine),
            quarantined=self._barred(application, environment.name),
            cells=self._cells(plan, seen, under_way, tour, now),
        )

    def _seen(self, plan: Plan) -> dict[Key, Observed]:
        """Live where the target answers; else as last written down, with its age."""
        found: dict[Key, Observed] = {}
        for part in plan.parts():
            for component in part.components:
                try:
                    found[component.key] = self.executors(part).target.observe(component.key)
                except (Retryable, Terminal):
                    last = self.store.inventory.last(component.key)
                    if last is not None:
                        found[component.key] = last
        return found

    def _cells(
        self,
        plan: Plan | None,
        seen: Mapping[Key, Observed],
        under_way: Deployment | None,
        tour: Tour | None,
        now: Instant,
    ) -> tuple[CellView, ...]:
        names = tuple(dict.fromkeys((*(tour.plan.names if tour else ()), *(plan.names if plan else ()))))
        if names in ((), ("",)):
            return ()
        told = rollout.standings(under_way, tour) if under_way and tour else {}
        return tuple(self._cell(name, _part(name, plan, tour, told), seen, told.get(name, ""), now) for name in names)

    def _cell(
        self, name: str, part: Plan | None, seen: Mapping[Key, Observed], progress: str, now: Instant
    ) -> CellView:
        standing, because = _standing(part, seen, None, now)
        if progress:
            standing, because = Standing.AS_DEPLOYED.value, "A deployment is under way."
        return CellView(
            name=name,
            url=f"http://{part.listen}/" if part and part.listen else "",
            release=part.release if part else "",
            release_label=self._name_of(part.release) if part else "",
            standing=standing,
            because=because,
            ready=_ready(part, seen),
            wanted=_wanted(part),
            progress=progress,
        )

    def _weights(self, plan: Plan | None, under_way: Deployment | None) -> dict[str, int]:
        active = under_way if under_way and under_way.active else None
        plans = [p for p in (plan, self.store.releases.plan(active.plan) if active else None) if p]
        names = {c.revision: _version_of(c, part) for p in plans for part in p.parts() for c in part.components}
        found: dict[str, int] = {}
        for part in plans[-1].parts() if plans else ():
            for component in part.components:
                if component.spec.takes_traffic:
                    title = f"{component.key.part} " if len(plans[-1].components) > 1 else ""
                    self._add_weights(found, names, part, component.key, title)
        return found

    def _add_weights(
        self, found: dict[str, int], names: Mapping[RevisionId, str], part: Plan, key: Key, title: str
    ) -> None:
        try:
            status = self.executors(part).router.status(key)
        except (Retryable, Terminal):
            return
        for revision, pool in status.pools.items():
            if pool.weight:
                found[title + names.get(revision, f"revision {revision}")] = pool.weight

    def _barred(self, application: str, environment: str) -> tuple[str, ...]:
        mine = (q for q in self.store.quarantines.all() if (q.application, q.environment) == (application, environment))
        return tuple(self._name_of(bar.release) for bar in mine)

    def _name_of(self, release: ReleaseId) -> str:
        try:
            return self.store.releases.get(release).label()
        except NotFound:
            return release


def _part(name: str, plan: Plan | None, tour: Tour | None, told: Mapping[str, str]) -> Plan | None:
    """What runs in the cell, as far as a deployment has come: what it brings or leads back to, or else what was there
    before."""
    led = tour.other if tour and tour.back else tour.plan if tour else None
    known = led if told.get(name) in rollout.ARRIVED else plan
    return known.within(name) if known and name in known.names else None


def _label(holder: Deployment | None, plan: Plan | None) -> str:
    if holder is None or plan is None:
        return ""
    several = len({part.release for part in plan.parts()}) > 1
    return f"{holder.application} several releases" if several else holder.release_label


def _version_of(component: ComponentPlan, plan: Plan) -> str:
    return f"{component.spec.artifact.version} ({plan.release.removeprefix('rel-')[:6]})"


def _ready(plan: Plan | None, seen: Mapping[Key, Observed]) -> int:
    parts = plan.components if plan else ()
    return sum(len(seen[c.key].ready(c.revision)) for c in parts if c.key in seen)


def _wanted(plan: Plan | None) -> int:
    return sum(c.replicas for c in plan.components) if plan else 0


def _standing(
    plan: Plan | None, seen: Mapping[Key, Observed], under_way: Deployment | None, now: Instant
) -> tuple[str, str]:
    """The worst standing of any component. While a deployment changes the environment there is no drift to speak of."""
    if plan is None or not plan.components:
        return Standing.NOTHING.value, "Nothing has been deployed here."
    if under_way and under_way.active:
        return Standing.AS_DEPLOYED.value, f"{under_way.id} is changing it."
    order = [Standing.AS_DEPLOYED, Standing.NOTHING, Standing.UNKNOWN, Standing.DRIFTED]
    found = {c.key: drift({c.revision: c.replicas}, seen.get(c.key), now) for c in plan.components}
    key, worst = max(found.items(), key=lambda one: order.index(one[1].standing))
    where = f"{key.part}: " if key.cell and worst.standing is not Standing.AS_DEPLOYED else ""
    return worst.standing.value, where + worst.because


def _instance_view(key: Key, instance: Instance) -> InstanceView:
    return InstanceView(
        id=instance.id,
        component=key.component,
        revision=instance.revision,
        slot=instance.slot,
        condition=instance.condition.value,
        endpoint=instance.endpoint,
        restarts=instance.restarts,
        because=instance.because,
        started_at=instance.started_at,
        cell=key.cell,
    )
