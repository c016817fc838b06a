"""A campaign of kills against one installation: deployments go back and forth, and somebody dies in each of them."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.sample import PASSERS_BY, STRATEGIES

from lockgate.core.errors import Unavailable
from lockgate.drivers.supervision import adopt
from lockgate.messages import DeploymentView, Lift, ReleaseView, StatusRow
from lockgate.testing.installation import Installation, free_ports, wait_until
from lockgate.testing.load import Load, Report
from lockgate.testing.sites import Site, definition, kill_shim_or_program, one_environment

DOOMED = Path(__file__).with_name("doomed.py")

REPLICAS = 2

VARIABLES = {"LOCKGATE_LEASE": "2s", "LOCKGATE_POLL": "0.2s"}

PATIENCE = 60.0
"""Seconds within which whatever was killed must be whole again; stuck is what is not."""


@dataclass
class Campaign:
    """``kills`` and ``states`` are what happened."""

    site: Site
    strategy: str
    installation: Installation
    rng: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    releases: list[ReleaseView] = field(default_factory=list)
    turn: int = 0
    load: Report | None = None

    def told(self) -> str:
        """One line for the record."""
        died = ", ".join(f"{count} x {what}" for what, count in sorted(self.kills.items()))
        ended = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        traffic = f"; {self.load.requests} requests, {self.load.failed} failed" if self.load else ""
        whole = "0 stuck, 0 lost, 0 doubled"
        return f"{self.site.name}, {self.strategy}: killed {died}; deployments {ended}; {whole}{traffic}"

    def next_deployment(self) -> DeploymentView:
        """The other release."""
        self.turn += 1
        return self.installation.deploy(self.releases[self.turn % 2], "dev")

    # --- ways to die ---

    def at_boundary(self, number: int) -> bool:
        """The control plane dies at that boundary of a deployment. False: the deployment has no so many."""
        self._restart({"DOOMED_AT": str(number)})
        process = self.installation.process
        assert process is not None
        deployment: DeploymentView | None = None
        with suppress(Unavailable):  # on a busy machine it may die before it has answered
            deployment = self.next_deployment()
        wait_until(
            lambda: process.poll() is not None or self._ended(deployment), "The end of server or deployment", PATIENCE
        )
        if process.poll() is None and deployment is not None:
            self.whole(deployment)
            return False
        self.kills["control plane at a boundary"] += 1
        self.installation.variables = VARIABLES
        self.installation.command = ("-m", "lockgate", "serve")
        self.installation.start()
        self.whole(deployment or self.installation.client.deployments(limit=1)[0])
        return True

    def at_random(self, span: float) -> None:
        """The control plane dies within ``span`` seconds of a deployment."""
        deployment = self.next_deployment()
        time.sleep(self.rng.uniform(0, span))
        self.installation.kill(signal.SIGKILL)
        self.kills["control plane at random"] += 1
        self.installation.start()
        self.whole(deployment)

    def frozen(self, seconds: float, span: float) -> None:
        """The control plane sleeps through its lease in the middle of a deployment."""
        deployment = self.next_deployment()
        time.sleep(self.rng.uniform(0, span))
        self.installation.kill(signal.SIGSTOP)
        time.sleep(seconds)
        self.installation.kill(signal.SIGCONT)
        self.kills["frozen control plane"] += 1
        self.whole(deployment)

    def one_program(self, what: str, span: float) -> None:
        """One of the site's victims, or the router, dies in the middle of a deployment."""
        deployment = self.next_deployment()
        time.sleep(self.rng.uniform(0, span))
        if self._kill_one(what):
            self.kills[what] += 1
        self.whole(deployment, ("succeeded", "rolled_back"))
        self.forgive()

    # --- what must hold afterwards ---

    def whole(self, deployment: DeploymentView, ends: tuple[str, ...] = ("succeeded",)) -> None:
        """The deployment has ended well, and exactly what it promises runs and has all the traffic."""
        ended = self.installation.until_final(deployment.id, PATIENCE)
        assert ended.state in ends, f"{ended.id} is {ended.state}: {ended.because}"
        self.states[ended.state] += 1
        wait_until(self._is_whole, f"Exactly {REPLICAS} ready instances: {self._row()}", PATIENCE)

    def _is_whole(self) -> bool:
        row = self._row()
        living = self.site.living(self.installation)
        return row.ready == row.wanted == len(row.instances) == living == REPLICAS and len(row.weights) == 1

    def _row(self) -> StatusRow:
        return self.installation.client.status().rows[0]

    def _ended(self, deployment: DeploymentView | None) -> bool:
        if deployment is None:
            return False
        try:
            return self.installation.client.deployment(deployment.id).final
        except Exception:  # the server may be dying just now
            return False

    def _restart(self, doom: dict[str, str]) -> None:
        self.installation.kill(signal.SIGTERM)
        self.installation.variables = {**VARIABLES, **doom}
        self.installation.command = (str(DOOMED), "serve")
        self.installation.start()

    def _kill_one(self, what: str) -> bool:
        if what != "router":
            return self.site.kill_one(what, self.installation, self.rng)
        living = adopt(self.installation.data / "router")
        return bool(living) and kill_shim_or_program(self.rng.choice(living), what)

    def forgive(self) -> None:
        for bar in self.installation.client.quarantines():
            self.installation.client.lift(Lift(bar.application, bar.environment, bar.release, "a test", "tester"))


@contextmanager
def campaign(folder: Path, site: Site, strategy: str, seed: int) -> Iterator[Campaign]:
    """An installation with a first release running, and passers-by who must not notice anything."""
    port = free_ports(1)[0]
    with Installation(folder, one_environment(site, port), VARIABLES) as installation:
        fought = Campaign(site, strategy, installation, random.Random(seed))
        for version in ("1", "2"):
            text = definition(site, version, STRATEGIES[strategy], replicas=REPLICAS)
            fought.releases.append(installation.release(text))
        fought.whole(installation.deploy(fought.releases[0], "dev"))
        with Load(f"http://127.0.0.1:{port}", PASSERS_BY) as load:
            yield fought
            fought.load = load.stop()
