"""Policies: what they may ask is gathered here, they are asked, and people may look at them and try them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lockgate.core.admission import Admission
from lockgate.core.artifact import Artifact, ArtifactKind
from lockgate.core.deployment import Deployment, State
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.errors import LockgateError
from lockgate.core.facts import (
    APPROVALS,
    AUTHORS,
    FINDINGS,
    ActorFacts,
    ApprovalFacts,
    ArtifactFacts,
    CanaryFacts,
    DeploymentFacts,
    EnvironmentFacts,
    Facts,
    FindingsFacts,
    Moment,
    ReleaseFacts,
    RunningFacts,
    Span,
    TimeFacts,
    document,
)
from lockgate.core.gate import Verdict
from lockgate.core.ids import Instant, RevisionId
from lockgate.core.plan import Plan
from lockgate.core.policy import Judgement, Mode, Policy
from lockgate.core.release import Release
from lockgate.core.traffic import ALL
from lockgate.engine.gatehouse import Question
from lockgate.gates import policy as gate
from lockgate.ports import Policies, Selection, Store

FEW, RAN = 10, 200
"""Deployments of an environment that are looked through for how long a release ran there: so many, or else so many."""

MOST = 1000
"""Environments that something of an application runs in."""

_PINNED = re.compile(r"sha256[:=][0-9a-fA-F]{64}$")
_COMMIT = re.compile(r"@[0-9a-f]{40}$")


def _nobody(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What others know. None: nobody can say, so a rule that asks for it does not hold."""

    findings: Callable[[Admission, Instant], FindingsFacts | None] = lambda admission, now: None
    authors: Callable[[Release], tuple[str, ...] | None] = _nobody
    approvals: Callable[[Admission], tuple[ApprovalFacts, ...] | None] = _nobody
    groups: Callable[[str], tuple[str, ...]] = lambda actor: ()
    """Of somebody."""
    group: Callable[[Environment], str] = lambda environment: ""
    """That an environment belongs to."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Gathers the facts of a deployment, and has its environment's policies judged by them."""

    store: Store
    catalogue: Callable[[], Catalogue]
    policies: Policies
    evidence: Evidence = field(default_factory=Evidence)

    def question(self) -> tuple[str, Question]:
        """For the gatehouse."""
        return (gate.GATE, self.verdict)

    def verdict(self, admission: Admission, now: Instant) -> Verdict:
        """Raises :class:`LockgateError` where they cannot be judged; the gate then stays shut."""
        environment = admission.environment
        judged = self._answers(environment.rules or (), admission, now)
        return gate.evaluate(gate.Facts(environment.name, len(environment.policies), judged), now)

    def _answers(self, rules: Sequence[Policy], admission: Admission, now: Instant) -> tuple[gate.Judged, ...]:
        try:
            return self.judged(rules, self.facts(admission, now)) if rules else ()
        except LockgateError as error:
            if any(rule.mode is Mode.ENFORCE for rule in rules):
                raise
            return tuple(gate.Judged(rule.name, rule.digest, rule.failing, False, str(error)) for rule in rules)

    def judged(self, rules: Sequence[Policy], facts: Facts) -> tuple[gate.Judged, ...]:
        """Each policy's answer."""
        found = self.policies.judge(rules, document(facts))
        return tuple(_judged(policy, one, facts) for policy, one in zip(rules, found, strict=True))

    def facts(self, admission: Admission, now: Instant) -> Facts:
        """All that is known, and why the rest is not."""
        release, environment = admission.release, admission.environment
        findings, authors = self.evidence.findings(admission, now), self.evidence.authors(release)
        approvals, holders = self.evidence.approvals(admission), self._holders(release.name)
        return Facts(
            release=replace(_release(release, now), authors=authors or (), ran=self._ran(release, now)),
            environment=self._environment(environment),
            deployment=_deployment(admission, self._before(holders.get(environment.name))),
            actor=ActorFacts(admission.actor, self.evidence.groups(admission.actor)),
            time=TimeFacts(Moment(now)),
            inventory={name: self._running(holder, release) for name, holder in holders.items()},
            findings=findings or FindingsFacts(),
            approvals=approvals or (),
            unknown=_unknown(release, findings, authors, approvals),
        )

    def _environment(self, environment: Environment) -> EnvironmentFacts:
        order = [one.name for one in self.catalogue().in_order()]
        return EnvironmentFacts(
            name=environment.name,
            position=order.index(environment.name) if environment.name in order else len(order),
            after=environment.after or "",
            group=self.evidence.group(environment),
            owner=environment.owner,
            purpose=environment.purpose,
            target=environment.target.kind,
            values=dict(environment.values),
            cells=tuple(environment.cells),
        )

    def _holders(self, application: str) -> dict[str, Deployment]:
        """Environment -> the deployment whose plan runs there."""
        held = Selection(application, holding=True, limit=MOST)
        return {row.environment: row for row in self.store.history.select(held)}

    def _before(self, holder: Deployment | None) -> Plan | None:
        return self.store.releases.plan(holder.kept) if holder else None

    def _running(self, holder: Deployment, asking: Release) -> RunningFacts:
        release = asking if holder.release == asking.id else self.store.releases.get(holder.release)
        since = Moment(holder.ended_at or holder.state_since)
        return RunningFacts(release.id, release.version, release.digest, holder.id, since)

    def _ran(self, release: Release, now: Instant) -> dict[str, Span]:
        """From when it had succeeded until another one had."""
        done = Selection(release.name, states=frozenset({State.SUCCEEDED}), release=release.id, limit=RAN)
        mine: dict[str, list[Deployment]] = {}
        for row in self.store.history.select(done):
            mine.setdefault(row.environment, []).append(row)
        return {name: Span(self._ran_in(name, rows, now)) for name, rows in mine.items()}

    def _ran_in(self, environment: str, mine: Sequence[Deployment], now: Instant) -> float:
        """What came after each is looked up only for those that do not run any more. Nothing known: no time at all."""
        total, until = 0.0, None
        rows = mine if all(row.holds for row in mine) else self._succeeded(environment, mine)
        for row in rows:
            since = row.ended_at or row.state_since
            if row.release == mine[0].release:
                end = now if row.holds else until
                total += max(end - since, 0.0) if end is not None else 0.0
            until = since
        return total

    def _succeeded(self, environment: str, since: Sequence[Deployment]) -> Sequence[Deployment]:
        """Newest first, back to the oldest of those, as far as anybody looks."""
        rows: Sequence[Deployment] = ()
        for limit in (FEW, RAN):
            chosen = Selection(since[0].application, environment, frozenset({State.SUCCEEDED}), limit=limit)
            rows = self.store.history.select(chosen)
            if len(rows) < limit or rows[-1].number <= since[-1].number:
                break
        return rows


def _judged(policy: Policy, judgement: Judgement, facts: Facts) -> gate.Judged:
    because = facts.unknown.get(judgement.missing, judgement.because)
    return gate.Judged(policy.name, policy.digest, policy.failing, judgement.holds, because)


def _unknown(release: Release, findings: object, authors: object, approvals: object) -> Mapping[str, str]:
    label = release.label()
    why = {
        FINDINGS: (findings, f"No findings have been attached to {label}, and the rule asks for them."),
        AUTHORS: (authors, f"Nobody has said who wrote {label}, and the rule asks for that."),
        APPROVALS: (approvals, f"Nobody can say who has approved {label}, and the rule asks for that."),
    }
    return {name: sentence for name, (known, sentence) in why.items() if known is None}


def _release(release: Release, now: Instant) -> ReleaseFacts:
    return ReleaseFacts(
        id=release.id,
        application=release.name,
        version=release.version,
        number=release.number,
        digest=release.digest,
        commit=release.commit,
        url=release.url,
        created_at=Moment(release.created_at),
        created_by=release.created_by,
        age_hours=max(int((now - release.created_at) // 3600), 0),
        artifacts=tuple(_artifact(component, a) for component, a in release.artifacts.items()),
    )


def _artifact(component: str, artifact: Artifact) -> ArtifactFacts:
    commit = artifact.kind is ArtifactKind.GIT and bool(_COMMIT.search(artifact.reference))
    return ArtifactFacts(
        component=component,
        kind=artifact.kind.value,
        name=artifact.name,
        version=artifact.version,
        digest=artifact.digest,
        reference=artifact.reference,
        pinned=commit or bool(_PINNED.search(artifact.reference)),
    )


def _deployment(admission: Admission, before: Plan | None) -> DeploymentFacts:
    plan, row = admission.plan, admission.row
    return DeploymentFacts(
        kind=admission.kind.value,
        strategy=plan.strategy.kind.value,
        reason=admission.reason,
        urgent=admission.urgent,
        first=before is None,
        plan=row.plan if row else plan.digest,
        changed=_changed(plan, before),
        canary=_canary(plan),
    )


def _changed(plan: Plan, before: Plan | None) -> tuple[str, ...]:
    """Components that are new, gone, or of another revision in any cell."""
    new, old = _revisions(plan), _revisions(before) if before else {}
    return tuple(dict.fromkeys(name for cell, name in {**old, **new} if new.get((cell, name)) != old.get((cell, name))))


def _revisions(plan: Plan) -> dict[tuple[str, str], RevisionId]:
    return {(component.key.cell, component.key.component): component.revision for component in plan.components}


def _canary(plan: Plan) -> CanaryFacts:
    canary = plan.strategy.canary
    if canary is None or not canary.stages:
        return CanaryFacts()
    return CanaryFacts(canary.stages[0].weight * 100 / ALL, len(canary.stages))
