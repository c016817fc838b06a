"""Rig: the whole engine on fakes and a real store, worked by hand. For stories about deployments, told in fake time."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lockgate.config.policies import starter
from lockgate.core.application import Application, Component
from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.core.capability import stated
from lockgate.core.deployment import Deployment, State
from lockgate.core.discretion import Mask
from lockgate.core.environment import Catalogue, Environment, Listen, Promote
from lockgate.core.ids import DeploymentId, digest_of
from lockgate.core.people import Caller
from lockgate.core.plan import Plan
from lockgate.core.traffic import ALL, Key
from lockgate.drivers.policies.worker import CelPolicies
from lockgate.engine import auditing
from lockgate.engine.almanac import Almanac
from lockgate.engine.analyst import Analyst
from lockgate.engine.auditing import Auditing
from lockgate.engine.calendar_desk import CalendarDesk
from lockgate.engine.consent import Consent
from lockgate.engine.dispatcher import Dispatcher
from lockgate.engine.executor import Executor, Executors
from lockgate.engine.gatehouse import Gatehouse, basic
from lockgate.engine.inspection import questions
from lockgate.engine.intake import Intake
from lockgate.engine.notary import Notary
from lockgate.engine.operations import Operations
from lockgate.engine.people import groups_of
from lockgate.engine.pinning import question
from lockgate.engine.policies import Evidence, Panel
from lockgate.engine.policy_desk import PolicyDesk
from lockgate.engine.promoter import Promoter
from lockgate.engine.reconciler import Reconciler
from lockgate.engine.redeployment import Redeployment
from lockgate.engine.secret_desk import SecretDesk
from lockgate.engine.snapshots import Snapshots
from lockgate.engine.surveyor import Surveyor
from lockgate.engine.testimony import testimony
from lockgate.engine.verifier import Verifier
from lockgate.engine.walker import Walker
from lockgate.engine.worker import Flow, Worker
from lockgate.messages import CreateRelease, Deploy, DeploymentView
from lockgate.messages.approvals import Approve
from lockgate.messages.people import AddPerson
from lockgate.ports import Policies, SecretVault, Store
from lockgate.testing.documents import FakeDocuments
from lockgate.testing.fakes import (
    FakeClock,
    FakeHttp,
    FakeMetrics,
    FakeRouter,
    FakeSigner,
    FakeTarget,
    FakeTask,
    FakeTicker,
)
from lockgate.testing.vaults import FakeVault


class FakeResolver:
    """Every reference resolves to a digest made from its text."""

    def resolve(self, reference: Reference, folder: Path) -> Artifact:
        name, _, version = reference.name.partition("==")
        return Artifact(ArtifactKind.PYPI, name, version, digest_of(str(reference)), str(reference))


def three_environments() -> Catalogue:
    """dev (first, on demand), staging (after dev, automatic), prod (after staging, on demand)."""

    def listen(port: int) -> Mapping[str, Listen]:
        return {"*": Listen("127.0.0.1", port)}

    return Catalogue(
        {
            "dev": Environment("dev", listen=listen(8081)),
            "staging": Environment("staging", after="dev", listen=listen(8082), promote=Promote.AUTOMATIC),
            "prod": Environment("prod", after="staging", listen=listen(8083)),
        }
    )


def one_component(**changes: object) -> Application:
    """An application with one component ``web`` of two replicas; ``changes`` go into the application or component."""
    component = Component("web", Reference(ArtifactKind.PYPI, "shop==1"), ("shop", "--port", "{port}"), replicas=2)
    fields = {k: v for k, v in changes.items() if hasattr(component, k)}
    application = Application("shop", {"web": replace(component, **fields)})  # type: ignore[arg-type]
    return replace(application, **{k: v for k, v in changes.items() if k not in fields})  # type: ignore[arg-type]


class Rig:
    """One worker by hand, or several on the same store and world (``workers``)."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue | None = None,
        clock: FakeClock | None = None,
        custody: SecretVault | None = None,
        mask: Mask = str,
        *,
        policies: Policies | None = None,
        evidence: Evidence | None = None,
    ) -> None:
        """``custody``: instead of the fake one, with ``mask`` of what it has revealed."""
        self.store = store
        self.clock = clock or FakeClock()
        self.catalogue = catalogue or three_environments()
        self.application = one_component()
        self.target = FakeTarget(self.clock)
        self.router = FakeRouter(self.clock)
        self.http = FakeHttp()
        self.task = FakeTask()
        self.metrics = FakeMetrics()
        self.ticker = FakeTicker()
        self.vault, self.mask = FakeVault(), mask
        self.custody = custody or self.vault
        self.signer = FakeSigner()
        self.notary = Notary(store, self.clock, self.signer)
        attested(store, self.notary)
        said = evidence or testimony(store, lambda: self.catalogue)
        self.panel = Panel(store, lambda: self.catalogue, policies or CelPolicies(), said)
        self.documents = FakeDocuments()
        self.consent, self.almanac = Consent(store, lambda: self.catalogue, self.custody), Almanac()
        known = (*basic(store), *self.almanac.questions(), *questions(store, self.documents))
        asked = (auditing.question(self.notary), *known, self.panel.question(), question(self.custody))
        gates = Gatehouse((*asked, *self.consent.questions()))
        given = (lambda: self.catalogue, lambda plan: None, gates, self.consent, self.custody)
        self.promoter = Promoter(store, self.clock, *given)
        self.executors = only(self.executor())
        intake = Intake(store, self.clock, FakeResolver(), lambda text, where, folder: self.application)
        snapshots = Snapshots(store, lambda: self.catalogue, lambda _: stated(self.target.caps, self.router.caps))
        desks = (
            Auditing(store, self.clock, self.notary, "0"),
            Redeployment(store, self.promoter, self.ticker, self.notary),
            CalendarDesk(store, self.clock, lambda: self.catalogue, self.almanac),
            PolicyDesk(self.panel, self.clock, self.promoter.plan, starter),
        )
        self.operations = Operations(
            *(store, self.clock, self.ticker, intake, self.promoter, self.executors, lambda: ()),
            *desks,
            Surveyor(store, self.clock, lambda: self.catalogue, snapshots),
            self.documents,
            SecretDesk(store, self.clock, lambda: self.catalogue, self.custody, self.vault),
        )
        self.worker = self.new_worker("worker")
        self.dispatcher = Dispatcher(store, self.clock, self.ticker, self.promoter)

    def executor(self) -> Executor:
        verifier, analyst = (
            Verifier(self.http, self.task, self.clock, self.mask),
            Analyst(self.router, self.store.traffic, self.clock, {"http": self.metrics}),
        )
        return Executor(self.target, self.router, verifier, analyst, self.clock, self.custody)

    def new_worker(self, name: str, lease: float = 10.0) -> Worker:
        """Another worker on the same store and world."""
        walker = Walker(self.store, self.clock, self.executors)
        reconciler = Reconciler(self.store, self.clock, self.executors)
        flow = Flow(self.promoter, walker, reconciler, self.notary.demand_signed)
        return Worker(name, self.store, self.clock, self.ticker, flow, lease=lease, threads=4)

    def release(self, version: str, **changes: object) -> str:
        """A release of that version; returns its id."""
        if changes:
            self.application = one_component(**changes)
        request = CreateRelease("-", "lockgate.yaml", "/", {"": f"pypi:shop=={version}"}, actor="ann")
        return self.operations.create_release(request)[0].id

    def deploy(self, release: str, to: str = "dev", *, urgent: bool = False) -> DeploymentView:
        return self.operations.deploy(Deploy("shop", to, release, urgent=urgent, actor="ann"))

    def person(self, name: str, email: str = "") -> Operations:
        """Somebody who is known; what they may ask."""
        if name not in {known.name for known in self.operations.people.all()}:
            self.operations.people.add(AddPerson(name, email, actor="root"))
        groups = frozenset(groups_of(name, self.catalogue.groups))
        return self.operations.on_behalf_of(Caller(name, groups, "192.0.2.1", personal=True))

    def approve(self, deployment: str, *names: str) -> None:
        """Each of them looks at what waits, and consents."""
        for name in names:
            desk = self.person(name).approvals
            desk.approve(deployment, Approve(desk.view(deployment).subject))

    def run(self, seconds: float = 30.0, *, worker: Worker | None = None) -> None:
        """Works for so many seconds of fake time."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.turn(worker)
            self.clock.pass_by(0.25)

    def turn(self, worker: Worker | None = None) -> None:
        """One round: what is due now, each as far as it goes."""
        at_work = worker or self.worker
        self.dispatcher.round()
        at_work.round()
        at_work.drain()

    def row(self, deployment: str) -> Deployment:
        return self.store.history.deployment(DeploymentId(deployment))

    def state(self, deployment: str) -> State:
        return self.row(deployment).state

    def plan(self, deployment: str) -> Plan:
        return self.store.releases.plan(self.row(deployment).plan)

    def serving(self, environment: str = "dev") -> dict[str, int]:
        """Revision -> basis points of the traffic."""
        route = self.router.routes.get(Key("shop", environment, "web"))
        return {p.revision: p.weight for p in route.pools if p.weight} if route else {}

    def running(self, environment: str = "dev") -> dict[str, int]:
        """Revision -> instances."""
        return {str(r): n for r, n in self.target.observe(Key("shop", environment, "web")).revisions().items()}

    def all_on(self, deployment: str) -> bool:
        """Its revision has all the traffic and nothing else runs."""
        part = self.plan(deployment).components[0]
        environment = part.key.environment
        return self.serving(environment) == {part.revision: ALL} and self.running(environment) == {
            part.revision: part.replicas
        }


def attested(store: Store, notary: Notary) -> None:
    """What is recorded is signed, once by one."""
    attest = getattr(store.releases, "attested_by", None)
    if attest is not None:
        attest(notary)
        notary.adopt()


def only(executor: Executor) -> Executors:
    """The same for every plan."""
    return lambda plan: executor
