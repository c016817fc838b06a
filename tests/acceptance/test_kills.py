"""Crash anywhere, lose nothing: the kill suite. Nothing stuck, nothing lost, nothing doubled, traffic untouched."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.acceptance.campaign import Campaign, campaign
from tests.acceptance.sample import STRATEGIES

from lockgate.testing.sites import Site

RANDOM_KILLS = {
    "process": int(os.environ.get("LOCKGATE_KILLS", "200")),
    "docker": int(os.environ.get("LOCKGATE_CONTAINER_KILLS", "50")),
}
"""Random instants for each strategy. A container takes five times as long to start and stop as a process."""

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(3000)]

SPAN = {"process": 1.2, "docker": 3.0}
"""Seconds: about as long as a deployment of the sample application takes, so that kills fall into every part of it."""

Fight = Callable[[Campaign], None]
Capture = pytest.CaptureFixture[str]


def on_every_strategy(folder: Path, site: Site, fight: Fight) -> list[Campaign]:
    """All strategies at the same time, each in its own installation."""

    def one(strategy: str) -> Campaign:
        with campaign(folder / strategy, site, strategy, seed=len(strategy)) as fought:
            fight(fought)
        return fought

    with ThreadPoolExecutor(len(STRATEGIES)) as pool:
        return list(pool.map(one, STRATEGIES))


def tell(fought: list[Campaign], capsys: Capture) -> None:
    with capsys.disabled():
        print()
        for one in fought:
            print(one.told())


def test_the_control_plane_may_die_at_every_boundary(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fight(fought: Campaign) -> None:
        number = 1
        while fought.at_boundary(number):
            number += 1
        assert number > 20, "a deployment has more boundaries than that"

    fought = on_every_strategy(tmp_path, site, fight)
    tell(fought, capsys)
    for one in fought:
        assert one.load and one.load.failed == 0, (one.strategy, one.load)


def test_the_control_plane_may_die_at_any_instant(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fight(fought: Campaign) -> None:
        for _ in range(RANDOM_KILLS[site.name]):
            fought.at_random(SPAN[site.name])

    fought = on_every_strategy(tmp_path, site, fight)
    tell(fought, capsys)
    for one in fought:
        assert one.kills["control plane at random"] == RANDOM_KILLS[site.name]
        assert one.load and one.load.failed == 0, (one.strategy, one.load)


def test_the_control_plane_may_sleep_through_its_lease(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fight(fought: Campaign) -> None:
        for _ in range(5):
            fought.frozen(3.0, SPAN[site.name])

    fought = on_every_strategy(tmp_path, site, fight)
    tell(fought, capsys)
    for one in fought:
        assert one.load and one.load.failed == 0, (one.strategy, one.load)


def test_instances_may_die(site: Site, tmp_path: Path, capsys: Capture) -> None:
    """A request that runs on what is killed may be lost with it; no other."""

    def fight(fought: Campaign) -> None:
        for _ in range(5):
            for what in site.victims:
                fought.one_program(what, SPAN[site.name])

    fought = on_every_strategy(tmp_path, site, fight)
    tell(fought, capsys)
    for one in fought:
        assert all(one.kills[what] for what in site.victims)
        assert one.load and one.load.failed <= sum(one.kills.values()), (one.strategy, one.load)


def test_the_router_may_die(site: Site, tmp_path: Path, capsys: Capture) -> None:
    """Without a router nobody is served, so requests are lost until its shim has started it again; nothing else is."""

    def fight(fought: Campaign) -> None:
        for _ in range(5):
            fought.one_program("router", SPAN[site.name])

    fought = on_every_strategy(tmp_path, site, fight)
    tell(fought, capsys)
    for one in fought:
        assert one.kills["router"] >= 3  # one that was just starting again has no process to kill
        assert one.load and one.load.requests > one.load.failed
