"""Every way by which a release gets into an environment, and every gate that may be shut: a framework.

A :class:`Station` is an installation in which everything stands open. A way asks for a deployment to prod; an obstacle
shuts one gate, before it is asked for or after. Whoever adds a way or a gate adds a line to ``WAYS`` or ``OBSTACLES``,
and what a way passes on purpose to ``EXEMPT``; ``test_every_way_in.py`` then tries all of them against each other.
"""

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient
from tests.engine.governed import GovernedRig

from lockgate.cli.main import main
from lockgate.core.approval import Review
from lockgate.core.calendar import Effect, WindowRule
from lockgate.core.deployment import ACTIVE, Deployment, State
from lockgate.core.environment import Environment, Listen, Promote, ProvenanceRule, Soak, VulnerabilityRule
from lockgate.core.errors import LockgateError, SecretUnusable
from lockgate.core.ids import Digest, ReleaseId
from lockgate.core.policy import Policy
from lockgate.engine.promoter import RECHECK
from lockgate.gates import (
    approval,
    integrity,
    policy,
    promotion_order,
    provenance,
    quarantine,
    requirements,
    review,
    secrets,
    soak,
    vulnerabilities,
    window,
)
from lockgate.messages import CreateRelease, Deploy, RollBack
from lockgate.messages import Promote as PromoteIt
from lockgate.messages.approvals import Approve
from lockgate.messages.audit import Redeploy
from lockgate.messages.people import MakeToken
from lockgate.messages.trains import AbortTrain, CreateTrain, StartTrain, StepDraft
from lockgate.ports import Policies, Quarantine, Selection, Store
from lockgate.server.app import make_app
from lockgate.server.runner import Listening
from lockgate.server.runner import run as serve
from lockgate.server.token import Access
from lockgate.testing.samples import a_deployment, a_release, an_event

NOBODYS_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""

UNSETTLED = ACTIVE | {State.PENDING, State.READY}


class Station(GovernedRig):
    """1 and then 2 ran on prod, 2 still does; 3 has succeeded in dev. ``dave``, of the people on call, asks."""

    def __init__(self, store: Store, folder: Path, policies: Policies | None = None) -> None:
        super().__init__(store, policies)
        self.folder = folder
        self.first = self._raised("1")
        self._raised("2")
        self.third = self.release("3", secrets=("api_key",))
        self.deploy(self.third)
        self.settle()
        self.told()
        self.token = self.person("dave").people.token("dave", MakeToken()).token

    def _raised(self, version: str) -> str:
        waiting = self.on_prod(version, secrets=("api_key",))
        self.approve(waiting.id, "alice", "bob")
        self.settle()
        return waiting.release

    def settle(self) -> None:
        """Until nothing moves any more, and what has succeeded has been offered on."""
        quiet = 0
        while quiet < 3:
            self.turn()
            self.clock.pass_by(0.25)
            quiet = 0 if self.store.history.select(Selection("shop", states=UNSETTLED, limit=1)) else quiet + 1

    def recheck(self) -> None:
        """Every gate is asked again of what waits."""
        self.clock.pass_by(RECHECK)
        self.settle()

    def told(self) -> None:
        """The story begins here: what was asked for until now is its past."""
        self.before = max(d.number for d in self.store.history.select(Selection("shop")))

    def asked_for(self) -> tuple[Deployment, ...]:
        """What has been recorded for prod since the story began."""
        return tuple(d for d in self.store.history.select(Selection("shop", "prod")) if d.number > self.before)

    def has_begun(self) -> bool:
        return any(d.started_at is not None for d in self.asked_for())

    def consented(self) -> None:
        """Whoever may approve what waits now does, as far as it needs that, and as far as it can be planned."""
        for row in self.asked_for():
            for name in ("alice", "bob"):
                desk = self.person(name).approvals
                with suppress(SecretUnusable):
                    view = desk.view(row.id)
                    if view.may:
                        desk.approve(row.id, Approve(view.subject))

    @contextmanager
    def listening(self) -> Iterator[str]:
        """A real server over these operations, on loopback."""
        stop, ready, where = threading.Event(), threading.Event(), []

        def heard(at: Listening) -> None:
            where.append(at.url)
            ready.set()

        thread = threading.Thread(
            target=serve,
            args=(self.operations,),
            kwargs={"home": self.folder, "port": 0, "on_listening": heard, "stop": stop},
        )
        thread.start()
        try:
            assert ready.wait(20)
            yield where[0]
        finally:
            stop.set()
            thread.join()


Way = Callable[[Station], object]


def _by_engine(station: Station) -> None:
    station.person("dave").deploy(Deploy("shop", "prod", station.third))


def _by_api(station: Station) -> None:
    app = make_app(station.operations, Access(station.folder))
    with TestClient(app, base_url="http://127.0.0.1:7070") as client:
        body = {"application": "shop", "environment": "prod", "release": station.third}
        client.post("/v1/deployments", json=body, headers={"Authorization": f"Bearer {station.token}"})


def _by_console(station: Station) -> None:
    access = Access(station.folder)
    with TestClient(make_app(station.operations, access), base_url="http://127.0.0.1:7070") as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        client.post("/login", data={"token": station.token})
        client.post("/promotions", data={"application": "shop", "environment": "prod"}, follow_redirects=False)


def _by_command(station: Station, *more: str) -> None:
    with station.listening() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCKGATE_URL", url)
        patch.setenv("LOCKGATE_TOKEN", station.token)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            main(["deploy", station.third, "--to", "prod", "--app", "shop", "--no-watch", *more])


def _promoted(station: Station) -> None:
    station.person("dave").promote(PromoteIt("shop", "prod"))


def _offered(promote: Promote) -> Way:
    """A release that succeeds in dev goes on by itself. It is deployed to dev once more, so that it does."""

    def way(station: Station) -> None:
        station.rewrite(promote=promote)
        station.deploy(station.third)
        station.settle()

    return way


def _redeployed(station: Station) -> None:
    station.person("dave").deploy(Deploy("shop", "prod", station.first))


def _once_more(station: Station) -> None:
    """The very plan that the first release ran by."""
    ran = station.store.history.select(Selection("shop", "prod", release=ReleaseId(station.first)))
    redeployment = station.person("dave").redeployment
    redeployment.redeploy(ran[0].id, Redeploy(as_recorded=True))


def _scheduled(station: Station) -> None:
    station.person("dave").deploy(Deploy("shop", "prod", station.third, at=station.clock.now() + 20))


def _rolled_back(station: Station) -> None:
    station.person("dave").roll_back(RollBack("shop", "prod", "it is slow"))


def _urgent(station: Station) -> None:
    station.person("dave").deploy(Deploy("shop", "prod", station.third, urgent=True))


def _glass(station: Station) -> None:
    station.person("dave").deploy(Deploy("shop", "prod", station.third, "down", break_glass=True))


def _by_train(station: Station) -> None:
    desk, steps = station.person("dave").trains, (StepDraft("deploy", application="shop", release=station.third),)
    desk.create(CreateTrain("friday", "prod", steps))
    desk.start("friday", StartTrain())
    station.dispatcher.round()


def _promoted_later(station: Station) -> None:
    station.person("dave").promote(PromoteIt("shop", "prod", at=station.clock.now() + 20))


def _made(station: Station) -> None:
    """A new release goes to the first environments by itself, and prod is one of them now."""
    station.rewrite(after=None, promote=Promote.AUTOMATIC)
    references = {"": "pypi:shop==4"}
    station.person("dave").create_release(CreateRelease("-", "lockgate.yaml", "/", references))


def _attached(station: Station) -> None:
    """Something is attached to what holds dev, and so it is offered to prod again."""
    station.rewrite(promote=Promote.AUTOMATIC)
    supply = station.person("dave").supply
    with supply.incoming() as incoming:
        incoming.write(b'{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": []}')
        supply.attach("shop", station.third, incoming, "auto", "bom.json", "dave")


def _on_its_way(station: Station) -> None:
    """A train has brought the release, and is not at its end."""
    hold = StepDraft("hold", "watch", ("shop",), seconds=7 * 86400.0)
    steps = (StepDraft("deploy", application="shop", release=station.third), hold)
    desk = station.person("dave").trains
    desk.create(CreateTrain("friday", "prod", steps))
    desk.start("friday", StartTrain())
    station.dispatcher.round()
    station.consented()
    station.settle()
    assert station.has_begun()


def _taken_back(station: Station) -> None:
    station.person("dave").trains.abort("friday", AbortTrain("it is slow", roll_back=True))
    station.settle()


BEFORE: Mapping[str, Way] = {"train that goes back": _on_its_way}
"""What must have happened before a way can be gone. Everything stands open then."""

WAYS: Mapping[str, Way] = {
    "engine": _by_engine,
    "api": _by_api,
    "console": _by_console,
    "command line": _by_command,
    "promotion": _promoted,
    "automatic promotion": _offered(Promote.AUTOMATIC),
    "promotion on approval": _offered(Promote.ON_APPROVAL),
    "redeploy": _redeployed,
    "redeployment as recorded": _once_more,
    "schedule": _scheduled,
    "rollback": _rolled_back,
    "urgent": _urgent,
    "break-glass": _glass,
    "train": _by_train,
    "train that goes back": _taken_back,
    "promotion at a time": _promoted_later,
    "new release": _made,
    "document attached": _attached,
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """``shut``: what shuts the gate, for good. ``unsaid``: nobody approves what waits, or it is changed after that."""

    gate: str
    shut: Callable[[Station], object]
    unsaid: bool = False
    afterwards: Callable[[Station], object] | None = None
    """What happens once people have approved."""


def _barred(station: Station) -> None:
    for release in station.store.releases.select("shop", 10):
        bar = Quarantine("shop", "prod", release.id, "it lost orders", station.clock.now(), "ann")
        station.store.quarantines.bar(bar, an_event("quarantine.set"))


def _out_of_order(station: Station) -> None:
    """There is an environment between now, in which nothing has run."""
    between = Environment("between", after="dev", listen={"*": Listen("127.0.0.1", 8090)})
    known = {**station.catalogue.environments, "between": between}
    station.catalogue = replace(station.catalogue, environments=known)
    station.rewrite(after="between")


def _overdue(station: Station) -> None:
    """Somebody broke the glass for another application, and nobody has looked at it in time."""
    now = station.clock.now()
    late = Review("", "blog", "prod", "alice", "down", now - 86400, now - 1, ("managers",))
    station.store.deployments.add(a_deployment("blog", "prod", next_at=None), False, [], late)


def _frozen(station: Station) -> None:
    station.rewrite(windows=(WindowRule(Effect.FREEZE, "a file", fault="the calendar cannot be read"),))


def _forged(station: Station) -> None:
    """What was signed of releases and plans has been taken away."""
    station.store.database.write(lambda c: c.execute(text("DELETE FROM statement")))  # type: ignore[attr-defined]


def _unsoaked(station: Station) -> None:
    station.rewrite(soak=Soak("dev", 7 * 86400.0))


def _unscanned(station: Station) -> None:
    station.rewrite(vulnerabilities=VulnerabilityRule())


def _of_unknown_origin(station: Station) -> None:
    station.rewrite(provenance=ProvenanceRule((NOBODYS_KEY,)))


def _against_the_policy(station: Station) -> None:
    station.rewrite(rules=(Policy("never", "1 > 2", "Nothing is let in."),))


def _kept_nowhere(station: Station) -> None:
    """The file of the secret has been removed."""
    station.vault.texts.clear()


def _needed_otherwise(station: Station) -> None:
    """Another application runs there, and requires a version that nobody has made."""
    blog = replace(a_release(), id=ReleaseId("rel-b10900000000"), digest=Digest("sha256:" + "b1" * 32))
    blog = replace(blog, application=replace(blog.application, name="blog", requires={"shop": ">=99"}))
    station.store.releases.add(blog, an_event("release.created"))
    there = a_deployment("blog", "prod", release=blog.id, state=State.SUCCEEDED, holds=True, next_at=None)
    station.store.deployments.add(there, False, [])


def _nothing(station: Station) -> None:
    return None


def _altered(station: Station) -> None:
    station.rewrite(purpose="another one")


def _one_says_yes(station: Station) -> None:
    for row in station.asked_for():
        with suppress(SecretUnusable):
            if station.person("alice").approvals.view(row.id).may:
                station.approve(row.id, "alice")


OBSTACLES: Mapping[str, Obstacle] = {
    "quarantined": Obstacle(quarantine.GATE, _barred),
    "out of order": Obstacle(promotion_order.GATE, _out_of_order),
    "frozen": Obstacle(window.GATE, _frozen),
    "forged": Obstacle(integrity.GATE, _forged),
    "not soaked": Obstacle(soak.GATE, _unsoaked),
    "not scanned": Obstacle(vulnerabilities.GATE, _unscanned),
    "of unknown origin": Obstacle(provenance.GATE, _of_unknown_origin),
    "needed otherwise": Obstacle(requirements.GATE, _needed_otherwise),
    "against the policy": Obstacle(policy.GATE, _against_the_policy),
    "a secret gone": Obstacle(secrets.GATE, _kept_nowhere),
    "an emergency overdue": Obstacle(review.GATE, _overdue),
    "nobody approves": Obstacle(approval.GATE, _nothing, unsaid=True),
    "one of two approves": Obstacle(approval.GATE, _nothing, unsaid=True, afterwards=_one_says_yes),
    "altered once approved": Obstacle(approval.GATE, _nothing, afterwards=_altered),
}

SUPPLY = (soak.GATE, vulnerabilities.GATE, provenance.GATE)

BACK = frozenset({promotion_order.GATE, approval.GATE, review.GATE, window.GATE, *SUPPLY})
"""What going back passes, where the environment does not say otherwise."""

EXEMPT: Mapping[str, frozenset[str]] = {
    "redeploy": frozenset({promotion_order.GATE}),
    "redeployment as recorded": frozenset({promotion_order.GATE}),
    "rollback": BACK,
    "train that goes back": BACK,
    "new release": frozenset({promotion_order.GATE}),
    "urgent": frozenset({review.GATE}),
    "break-glass": frozenset({approval.GATE, window.GATE}),
}
"""What a way passes on purpose, as docs/reference/states-and-events.md tells. No environment comes before the
first one."""

TOO_EARLY: Mapping[str, frozenset[str]] = {"new release": frozenset({"quarantined", "forged"})}
"""Obstacles that are for a release that is there. They are shut once it is."""


def tried(store: Store, folder: Path, policies: Policies, way: str, obstacles: Mapping[str, bool]) -> bool:
    """Whether a deployment to prod has begun. ``obstacles``: name -> shut before it is asked for (else after)."""
    station = Station(store, folder, policies)
    if way in BEFORE:
        BEFORE[way](station)
        station.told()
    late = TOO_EARLY.get(way, frozenset())
    chosen = {OBSTACLES[name]: early and name not in late for name, early in obstacles.items()}
    for obstacle, early in chosen.items():
        if early:
            obstacle.shut(station)
    try:
        WAYS[way](station)
    except LockgateError:
        return station.has_begun()
    for obstacle, early in chosen.items():
        if not early:
            obstacle.shut(station)
    if not any(obstacle.unsaid for obstacle in chosen):
        station.consented()
    for obstacle in chosen:
        if obstacle.afterwards is not None:
            obstacle.afterwards(station)
    station.recheck()
    return station.has_begun()


def may_begin(way: str, obstacles: Mapping[str, bool]) -> bool:
    return all(OBSTACLES[name].gate in EXEMPT.get(way, frozenset()) for name in obstacles)
