"""Sample values for tests: an application's release, its plan, a deployment, an event. Small, whole, and varied."""

from typing import Any

from lockgate.core.application import (
    Application,
    CommandCheck,
    Component,
    Health,
    HttpCheck,
    Resources,
    Stop,
    Strategy,
    StrategyKind,
)
from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.core.audit import Event
from lockgate.core.deployment import Deployment, Kind
from lockgate.core.environment import Environment, Listen
from lockgate.core.ids import DeploymentId, Digest, InstanceId, Instant, ReleaseId, RevisionId, digest_of
from lockgate.core.inventory import Condition, Instance, Observed
from lockgate.core.plan import Plan, make_plan
from lockgate.core.release import Release, freeze
from lockgate.core.traffic import Key

NOON: Instant = 1_800_000_000.0


def a_deployment(application: str = "shop", environment: str = "prod", **changes: Any) -> Deployment:
    """As the promoter makes it: due at once, without a number."""
    given: dict[str, Any] = {
        "id": DeploymentId(""),
        "number": 0,
        "application": application,
        "environment": environment,
        "release": ReleaseId("rel-0123456789ab"),
        "release_label": f"{application} 1.0 (#1)",
        "plan": digest_of([application, environment]),
        "kind": Kind.DEPLOY,
        "actor": "ada",
        "created_at": NOON,
        "because": "It was requested.",
        "state_since": NOON,
        "next_at": NOON,
    }
    return Deployment(**{**given, **changes})


def an_event(kind: str = "deployment.requested", at: Instant = NOON, **more: Any) -> Event:
    return Event(kind, at, more.pop("because", f"{kind} happened."), **more)


def an_artifact(name: str = "web", version: str = "1.0", kind: ArtifactKind = ArtifactKind.PYPI) -> Artifact:
    return Artifact(kind, name, version, digest_of([name, version]), f"{kind.value}:{name}=={version}")


def an_application(name: str = "shop") -> Application:
    """Two components, with something in every field."""
    web = Component(
        name="web",
        artifact=Reference(ArtifactKind.PYPI, "web==1.0"),
        run=("web", "--port", "{port}", "--limit", "{values.limit}"),
        health=Health("/health", passes=3),
        replicas=2,
        files={"data.db": Reference(ArtifactKind.FILE, "./data.db")},
        env={"LIMIT": "{values.limit}"},
        after=("worker",),
        resources=Resources(memory_bytes=1 << 28, cpu=0.5, pids=64, open_files=256),
        stop=Stop("INT", 2.5),
        warm_up=("/", "/items"),
    )
    worker = Component("worker", Reference(ArtifactKind.NPM, "worker@2.0"), ("worker",))
    checks = (
        HttpCheck(
            "/items.json", json={"rows.0.id": 1, "ok": True, "next": None}, expect_headers={"x": "y"}, within=0.5
        ),
        CommandCheck(("smoke", "{url}"), timeout=9.0),
        HttpCheck("/", contains="Grüße"),
    )
    strategy = Strategy(StrategyKind.ROLLING, batch="2")
    return Application(name, {"worker": worker, "web": web}, strategy, checks, {"limit": "10"})


def a_release(name: str = "shop", version: str = "1.0", at: Instant = NOON) -> Release:
    artifacts = {"web": an_artifact("web", version), "worker": an_artifact("worker", "2.0", ArtifactKind.NPM)}
    files = {"web": {"data.db": an_artifact("data.db", "", ArtifactKind.FILE)}}
    return freeze(an_application(name), artifacts, files, at=at, by="ada", commit="c0ffee", url="https://ci/1")


def a_plan(release: Release | None = None, environment: str = "prod") -> Plan:
    place = Environment(environment, listen={"*": Listen("127.0.0.1", 8080)}, values={"limit": "20"})
    return make_plan(release or a_release(), place)


def an_observation(key: Key | None = None, at: Instant = NOON) -> Observed:
    """One instance that is ready, and one that failed and printed what a program may print."""
    key = key or Key("shop", "prod", "web")
    revision = RevisionId("0123456789ab")
    ready = Instance(InstanceId("web-0"), revision, 0, Condition.READY, "127.0.0.1:4001", at - 5)
    because = "It ended with 1: \x00\x1b[31mno such table\x1b[0m."
    failed = Instance(InstanceId("web-1"), revision, 1, Condition.FAILED, "127.0.0.1:4002", at - 5, 3, because)
    return Observed(key, (ready, failed), at)


def no_digest() -> Digest:
    """Of nothing that any test stores."""
    return digest_of("nothing")
