"""Strategies with one fault each. The promises would be worth nothing if these kept them."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from lockgate.core.plan import AwaitReady, Done, Drain, Ensure, Prepare, Retire, Shift, Step, Verify, Warm
from lockgate.core.traffic import ALL, Pool, Scene, Share, Walk
from lockgate.testing.walks import NEW, Broken, NextStep, Promise, prove
from tests.strategies.ways import BLUE_GREEN, CANARY, RECREATE, ROLLING


def skipping(kind: type[Step], strategy: tuple[NextStep, Promise]) -> tuple[NextStep, Promise]:
    """It believes that everything this step is for has come true, and goes on."""
    wishes: dict[type[Step], Callable[[Scene], Scene]] = {
        Prepare: lambda scene: replace(scene, prepared=True),
        AwaitReady: lambda scene: _each(scene, lambda p: {"ready": max(p.ready, p.started)}),
        Warm: lambda scene: _each(scene, lambda p: {"warmed": p.ready}),
        Verify: lambda scene: replace(scene, verified_before=True, verified_after=True),
        Drain: lambda scene: _each(scene, lambda p: {"idle": True}),
        Retire: lambda scene: replace(scene, pools={n: p for n, p in scene.pools.items() if p.weight or n == NEW}),
    }
    return lambda walk, scene: strategy[0](walk, wishes[kind](scene)), strategy[1]


def _each(scene: Scene, change: Callable[[Pool], dict[str, Any]]) -> Scene:
    return replace(scene, pools={n: replace(p, **change(p)) for n, p in scene.pools.items()})


def answering(
    kind: type[Step], answer: Callable[[Any, Walk, Scene], Step], way: tuple[NextStep, Promise]
) -> tuple[NextStep, Promise]:
    """Where the right one would take a step of this kind, it takes another."""

    def next_step(walk: Walk, scene: Scene) -> Step:
        step = way[0](walk, scene)
        return answer(step, walk, scene) if isinstance(step, kind) else step

    return next_step, way[1]


def _halve(step: Any, walk: Walk, scene: Scene) -> Step:
    return Shift({name: replace(share, weight=share.weight // 2) for name, share in step.shares.items()}, step.hold)


def _give_all(step: Any, walk: Walk, scene: Scene) -> Step:
    return Shift({walk.to: Share(ALL, step.shares[walk.to].seats)}) if walk.to in step.shares else step


def _refuse(step: Any, walk: Walk, scene: Scene) -> Step:
    return replace(step, hold=False)


def _keep_none(step: Any, walk: Walk, scene: Scene) -> Step:
    return replace(step, keep=0)


def _one_more(step: Any, walk: Walk, scene: Scene) -> Step:
    return replace(step, count=step.count + 1)


def _full(step: Any, walk: Walk, scene: Scene) -> Step:
    return replace(step, count=walk.replicas)


def _after(step: Any, walk: Walk, scene: Scene) -> Step:
    return replace(step, through_router=True)


def _wait(step: Any, walk: Walk, scene: Scene) -> Step:
    return AwaitReady(NEW, 1)


def _forgetful() -> NextStep:
    turn = count()
    return lambda walk, scene: AwaitReady(NEW, next(turn))


def _blind(walk: Walk, scene: Scene) -> Step:
    return BLUE_GREEN[0](walk, _each(scene, lambda p: {"unfit": 0, "ready": max(p.ready, p.seats)}))


_unmended = (_blind, Promise())


FAULTS: dict[str, tuple[tuple[NextStep, Promise], str]] = {
    "shifts before it is ready": (skipping(AwaitReady, BLUE_GREEN), "on a ready instance"),
    "shifts before it is warm": (skipping(Warm, BLUE_GREEN), "what comes into rotation is warm"),
    "shifts before it is verified": (skipping(Verify, BLUE_GREEN), "what comes into rotation is verified"),
    "starts what is not prepared": (skipping(Prepare, ROLLING), "has been prepared"),
    "retires before it has drained": (skipping(Drain, BLUE_GREEN), "retired before it is drained"),
    "retires a batch before it has drained": (skipping(Drain, ROLLING), "retired before it is drained"),
    "leaves the old one behind": (skipping(Retire, BLUE_GREEN), "in the end nothing else is left"),
    "is never done": (answering(Done, _wait, BLUE_GREEN), "every walk ends"),
    "waits for ever": ((lambda walk, scene: AwaitReady(NEW, 1), Promise()), "every walk ends"),
    "is done at once": ((lambda walk, scene: Done(), Promise()), "in the end nothing else is left"),
    "answers differently to the same scene": ((_forgetful(), Promise()), "the same step"),
    "refuses instead of holding": (answering(Shift, _refuse, RECREATE), "served or held, not refused"),
    "promises capacity, but recreates": ((RECREATE[0], Promise()), "capacity never falls"),
    "promises to be alone, but is blue-green": ((BLUE_GREEN[0], Promise(alone=True)), "beside another revision"),
    "promises no surge, but is blue-green": ((BLUE_GREEN[0], Promise(surge=True)), "never more than . instances"),
    "gives weights that do not sum to all": (answering(Shift, _halve, ROLLING), "weights sum to all"),
    "gives all traffic to the first batch": (answering(Shift, _give_all, ROLLING), "capacity never falls"),
    "retires what is in rotation": (answering(Retire, _keep_none, ROLLING), "nothing in rotation is retired"),
    "starts more than replicas": (answering(Ensure, _one_more, BLUE_GREEN), "never more instances than replicas"),
    "starts a full pool beside another": (answering(Ensure, _full, ROLLING), "never more than . instances"),
    "verifies only afterwards": (answering(Verify, _after, BLUE_GREEN), "with all traffic"),
    "shows everybody the canary at once": (answering(Shift, _give_all, CANARY), "no leaps"),
    "leaves what is unready in rotation": (_unmended, "what is not ready leaves the rotation first"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_promises_catch_a_strategy_that(fault: str) -> None:
    faulty, promise = FAULTS[fault]
    with pytest.raises(Broken, match=f"^Broken: .*{promise}") as caught:
        prove(*faulty, scripts=400, seed=1)

    assert "-- Walk(" in str(caught.value), "the message tells the story"
