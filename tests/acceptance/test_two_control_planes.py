"""Two control planes on one Postgres: either may die or sleep at any moment, and the other goes on."""

import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.acceptance.campaign import PATIENCE, REPLICAS, VARIABLES, Campaign
from tests.acceptance.sample import PASSERS_BY, STRATEGIES

from lockgate.testing.installation import Installation, free_ports, wait_until
from lockgate.testing.load import Load
from lockgate.testing.sites import Site, definition, one_environment

KILLS = 8
FREEZES = 3
SPAN = 0.6


@contextmanager
def pair(folder: Path, database: str, environments: str) -> Iterator[list[Installation]]:
    """Two servers, each with a home, with database and instances in common."""
    shared = {**VARIABLES, "LOCKGATE_DATABASE": database, "LOCKGATE_DATA": str(folder / "data")}
    both = [Installation(folder / name, environments, shared) for name in ("one", "two")]
    try:
        for each in both:
            each.start()
        yield both
    finally:
        for each in both:
            each.end_server()
        both[0].close()


@pytest.mark.real
@pytest.mark.acceptance
@pytest.mark.timeout(600)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_either_control_plane_may_die_or_sleep(
    site: Site, tmp_path: Path, postgres_url: str, strategy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_ports(1)[0]
    with pair(tmp_path, postgres_url, one_environment(site, port)) as both:
        rng = random.Random(7)
        fought = Campaign(site, strategy, both[0], rng)
        for version in ("1", "2"):
            text = definition(site, version, STRATEGIES[strategy], replicas=REPLICAS)
            fought.releases.append(both[0].release(text))
        fought.whole(both[0].deploy(fought.releases[0], "dev"))
        with Load(f"http://127.0.0.1:{port}", PASSERS_BY) as load:
            for round_ in range(KILLS + FREEZES):
                victim, survivor = both if round_ % 2 else both[::-1]
                fought.installation = survivor
                deployment = fought.next_deployment()
                time.sleep(rng.uniform(0, SPAN))
                if round_ < KILLS:
                    victim.kill(signal.SIGKILL)
                    fought.kills["one of two control planes"] += 1
                    fought.whole(deployment)
                    victim.start()
                else:
                    _sleep_through_the_lease(victim, survivor, deployment.id)
                    fought.kills["one of two, frozen"] += 1
                    fought.whole(deployment)
            fought.load = load.stop()
        with capsys.disabled():
            print(f"\n{fought.told()}")
        assert fought.load.failed == 0, fought.load.reasons


def _sleep_through_the_lease(victim: Installation, survivor: Installation, deployment: str) -> None:
    """Wakes only when the other has finished, to find that all it still wants to do is refused."""
    victim.kill(signal.SIGSTOP)
    time.sleep(2.5)
    wait_until(lambda: survivor.client.deployment(deployment).final, f"The end of {deployment}", PATIENCE)
    victim.kill(signal.SIGCONT)
