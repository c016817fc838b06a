"""Crash anywhere, lose nothing: the kill suite. Nothing stuck, nothing lost, nothing doubled, traffic untouched."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.acceptance.campaign import Campaign, campaign
from tests.acceptance.sample import STRATEGIES

RANDOM_KILLS = int(os.environ.get("LOCKGATE_KILLS", "200"))
"""Random instants for each strategy."""

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(3000)]

SPAN = 1.2
"""Seconds: about as long as a deployment of the sample application takes, so that kills fall into every part of it."""

Fight = Callable[[Campaign], None]


def on_every_strategy(folder: Path, fight: Fight) -> list[Campaign]:
    """All strategies at the same time, each in its own installation."""

    def one(strategy: str) -> Campaign:
        with campaign(folder / strategy, strategy, seed=len(strategy)) as fought:
            fight(fought)
        return fought

    with ThreadPoolExecutor(len(STRATEGIES)) as pool:
        return list(pool.map(one, STRATEGIES))


def tell(fought: list[Campaign], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print()
        for one in fought:
            print(one.told())


def test_the_control_plane_may_die_at_every_boundary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fight(fought: Campaign) -> None:
        number = 1
        while fought.at_boundary(number):
            number += 1
        assert number > 20, "a deployment has more boundaries than that"

    fought = on_every_strategy(tmp_path, fight)
    tell(fought, capsys)
    for one in fought:
        assert one.load and one.load.failed == 0, (one.strategy, one.load)


def test_the_control_plane_may_die_at_any_instant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fight(fought: Campaign) -> None:
        for _ in range(RANDOM_KILLS):
            fought.at_random(SPAN)

    fought = on_every_strategy(tmp_path, fight)
    tell(fought, capsys)
    for one in fought:
        assert one.kills["control plane at random"] == RANDOM_KILLS
        assert one.load and one.load.failed == 0, (one.strategy, one.load)


def test_the_control_plane_may_sleep_through_its_lease(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fight(fought: Campaign) -> None:
        for _ in range(5):
            fought.frozen(3.0, SPAN)

    fought = on_every_strategy(tmp_path, fight)
    tell(fought, capsys)
    for one in fought:
        assert one.load and one.load.failed == 0, (one.strategy, one.load)


def test_shims_and_replicas_may_die(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A request that runs on what is killed may be lost with it; no other."""

    def fight(fought: Campaign) -> None:
        for _ in range(5):
            for what in ("shim", "replica"):
                fought.one_program(what, SPAN)

    fought = on_every_strategy(tmp_path, fight)
    tell(fought, capsys)
    for one in fought:
        assert one.kills["shim"] and one.kills["replica"]
        assert one.load and one.load.failed <= sum(one.kills.values()), (one.strategy, one.load)


def test_the_router_may_die(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a router nobody is served, so requests are lost until its shim has started it again; nothing else is."""

    def fight(fought: Campaign) -> None:
        for _ in range(5):
            fought.one_program("router", SPAN)

    fought = on_every_strategy(tmp_path, fight)
    tell(fought, capsys)
    for one in fought:
        assert one.kills["router"] >= 3  # one that was just starting again has no process to kill
        assert one.load and one.load.requests > one.load.failed
