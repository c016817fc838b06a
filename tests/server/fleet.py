"""A fleet with a story, for the server's tests and the console's pictures: the real engine and a real store, on fakes
of what lies outside."""

import hashlib
import time
from dataclasses import replace

from lockgate.core.application import Strategy, StrategyKind
from lockgate.core.deployment import ACTIVE, WAITING
from lockgate.core.discretion import Mask
from lockgate.core.ids import Instant
from lockgate.core.traffic import Key
from lockgate.messages import Ask, CreateRelease, Deploy, DeploymentView, Promote
from lockgate.ports import SecretVault, Store
from lockgate.testing.fakes import FakeClock
from lockgate.testing.rig import Rig, one_component


class StoryClock(FakeClock):
    """Real time, and so much earlier or later: a story is told from the past up to now."""

    def __init__(self, behind: float) -> None:
        super().__init__(-behind)

    def now(self) -> Instant:
        return time.time() + super().now()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def catch_up(self) -> None:
        self.pass_by(-super().now())


class Fleet(Rig):
    """Applications ``shop`` and ``docs`` on dev, staging and prod."""

    def __init__(self, store: Store, custody: SecretVault | None = None, mask: Mask = str) -> None:
        self.story = StoryClock(behind=9000)
        super().__init__(store, clock=self.story, custody=custody, mask=mask)

    def release_of(self, application: str, version: str, strategy: StrategyKind = StrategyKind.ROLLING) -> str:
        """A release's id."""
        self.application = replace(one_component(strategy=Strategy(strategy)), name=application)
        reference = {"": f"pypi:{application}=={version}"}
        commit = hashlib.sha1(f"{application} {version}".encode()).hexdigest()
        url = f"https://git.example/{application}/commit/{commit[:12]}"
        request = CreateRelease("-", "lockgate.yaml", "/", reference, commit, url, "ann")
        return self.operations.create_release(request)[0].id

    def deploy_of(self, application: str, release: str, to: str = "dev", reason: str = "") -> DeploymentView:
        return self.operations.deploy(Deploy(application, to, release, reason, actor="ann"))

    def work(self) -> None:
        """Works until every deployment has come to its end, and what follows from that has begun and ended, too."""
        quiet = 0
        while quiet < 8:
            self.turn()
            self.clock.pass_by(0.05)
            waiting = self.operations.deployments("", "", ACTIVE | WAITING, 1)
            quiet = 0 if waiting else quiet + 1

    def tell(self) -> dict[str, str]:
        """The story; which deployment is which."""
        first = self.release_of("shop", "2.0.0")
        self.deploy_of("shop", first)
        self.work()
        prod = self.operations.promote(Promote("shop", "prod", "First release", "ann"))
        self.work()
        docs = self.release_of("docs", "7.3.1")
        self.deploy_of("docs", docs)
        self.work()
        self.clock.pass_by(3600)
        bad = self._bad_release()
        self.clock.pass_by(1800)
        new = self.release_of("shop", "2.1.0")
        dev = self.deploy_of("shop", new, reason="Weekly release")
        self.work()
        self.story.catch_up()
        key = Key("docs", "staging", "web")
        self.target.lose(key, self.target.observe(key).instances[0].id)
        self.router.drain_seconds = 3600  # a user's long request keeps the old instance for as long as the test
        live = self.operations.promote(Promote("shop", "prod", "Weekly release", "ann"))
        for _ in range(5):
            self.turn()
            time.sleep(0.06)
        return {"prod": prod.id, "bad": bad.id, "dev": dev.id, "live": live.id, "release": new, "old": first}

    def _bad_release(self) -> DeploymentView:
        release = self.release_of("shop", "2.0.9")
        bad = self.deploy_of("shop", release)
        revision = self.plan(bad.id).components[0].revision
        self.target.broken[revision] = "It ended with status 1 before it was ready: ModuleNotFoundError: pkg_resources."
        self.work()
        return bad

    def pause(self, deployment: str) -> None:
        self.operations.ask(deployment, "pause", Ask("Looks slow", "bob"))
        for _ in range(5):
            self.turn()
            self.clock.pass_by(0.05)
