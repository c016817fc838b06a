"""Views: what the engine knows, as messages for people and tools. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.core.audit import Event
from lockgate.core.deployment import ACTIVE, WAITING, Deployment, State
from lockgate.core.environment import Environment
from lockgate.core.errors import NotFound, Retryable, Terminal
from lockgate.core.gate import Verdict
from lockgate.core.ids import Instant, RevisionId
from lockgate.core.inventory import Instance, Observed, Standing, drift
from lockgate.core.plan import ComponentPlan, Plan
from lockgate.core.release import Release
from lockgate.engine.course import legs_of
from lockgate.engine.executor import Executors
from lockgate.messages import (
    ArtifactView,
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
    )


def _component(row: Deployment, plan: Plan | None) -> str:
    if plan is None or not row.active or row.progress.component >= len(plan.components):
        return ""
    order = list(plan.components)
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
    )


def places_of(release: Release, history: tuple[Deployment, ...], barred: tuple[Quarantine, ...]) -> tuple[Place, ...]:
    """Where the release is or has been: the newest deployment of it in each environment, and where it is barred."""
    found: dict[str, Place] = {}
    for row in history:
        if row.release == release.id and row.environment not in found:
            state = "runs" if row.holds else "ran" if row.state is State.SUCCEEDED else row.state.value
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
        """One cell of the board."""
        mine = self.store.history.select(
            Selection(application=application, environment=environment.name, states=ACTIVE | WAITING)
        )
        under_way = next((d for d in mine if d.active), mine[-1] if mine else None)
        holder = self.store.history.holder(application, environment.name)
        plan = self.store.releases.plan(holder.plan) if holder else None
        seen = self._seen(plan) if plan else {}
        standing, because = _standing(plan, seen, under_way, now)
        address = environment.address_for(application)
        return StatusRow(
            application=application,
            environment=environment.name,
            url=f"http://{address}/" if address else "",
            release=holder.release if holder else "",
            release_label=holder.release_label if holder else "",
            deployment=holder.id if holder else "",
            deployed_at=holder.ended_at if holder else None,
            standing=standing,
            because=because,
            observed_at=min((o.observed_at for o in seen.values()), default=None),
            ready=sum(len(seen[c.key.component].ready(c.revision)) for c in _seen_parts(plan, seen)),
            wanted=sum(c.replicas for c in plan.components) if plan else 0,
            instances=tuple(_instance_view(c, i) for c, o in seen.items() for i in o.instances),
            weights=self._weights(plan, under_way),
            under_way=deployment_view(under_way) if under_way else None,
            waiting=sum(not d.active for d in mine),
            quarantined=self._barred(application, environment.name),
        )

    def _seen(self, plan: Plan) -> dict[str, Observed]:
        """Live where the target answers; else as last written down, with its age."""
        found: dict[str, Observed] = {}
        for component in plan.components:
            try:
                found[component.key.component] = self.executors(plan).target.observe(component.key)
            except (Retryable, Terminal):
                last = self.store.inventory.last(component.key)
                if last is not None:
                    found[component.key.component] = last
        return found

    def _weights(self, plan: Plan | None, under_way: Deployment | None) -> dict[str, int]:
        active = under_way if under_way and under_way.active else None
        plans = [p for p in (plan, self.store.releases.plan(active.plan) if active else None) if p]
        if not plans:
            return {}
        names = {c.revision: _version_of(c, p) for p in plans for c in p.components}
        found: dict[str, int] = {}
        for leg in legs_of(plans[-1], None, back=False):
            if leg.walk.routed:
                self._add_weights(found, names, plans[-1], leg.key.component)
        return found

    def _add_weights(self, found: dict[str, int], names: Mapping[RevisionId, str], plan: Plan, component: str) -> None:
        key = next(c.key for c in plan.components if c.key.component == component)
        try:
            status = self.executors(plan).router.status(key)
        except (Retryable, Terminal):
            return
        for revision, pool in status.pools.items():
            if pool.weight:
                name = names.get(revision, f"revision {revision}")
                found[f"{component} {name}" if len(plan.components) > 1 else name] = pool.weight

    def _barred(self, application: str, environment: str) -> tuple[str, ...]:
        mine = (q for q in self.store.quarantines.all() if (q.application, q.environment) == (application, environment))
        labels = []
        for bar in mine:
            try:
                labels.append(self.store.releases.get(bar.release).label())
            except NotFound:
                labels.append(bar.release)
        return tuple(labels)


def _version_of(component: ComponentPlan, plan: Plan) -> str:
    return f"{component.spec.artifact.version} ({plan.release.removeprefix('rel-')[:6]})"


def _seen_parts(plan: Plan | None, seen: Mapping[str, Observed]) -> tuple[ComponentPlan, ...]:
    return tuple(c for c in plan.components if c.key.component in seen) if plan else ()


def _standing(
    plan: Plan | None, seen: Mapping[str, Observed], under_way: Deployment | None, now: Instant
) -> tuple[str, str]:
    """The worst standing of any component. While a deployment changes the environment there is no drift to speak of."""
    if plan is None:
        return Standing.NOTHING.value, "Nothing has been deployed here."
    if under_way and under_way.active:
        return Standing.AS_DEPLOYED.value, f"{under_way.id} is changing it."
    order = [Standing.AS_DEPLOYED, Standing.NOTHING, Standing.UNKNOWN, Standing.DRIFTED]
    found = [drift({c.revision: c.replicas}, seen.get(c.key.component), now) for c in plan.components]
    worst = max(found, key=lambda d: order.index(d.standing))
    return worst.standing.value, worst.because


def _instance_view(component: str, instance: Instance) -> InstanceView:
    return InstanceView(
        id=instance.id,
        component=component,
        revision=instance.revision,
        slot=instance.slot,
        condition=instance.condition.value,
        endpoint=instance.endpoint,
        restarts=instance.restarts,
        because=instance.because,
        started_at=instance.started_at,
    )
