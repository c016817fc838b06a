"""Servers die at any of the moments at which a train is written or does something; it ends as it should."""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.convoy import Convoy, ride

from lockgate.core.deployment import FINAL
from lockgate.core.train import run_name
from lockgate.store.database import open_store
from lockgate.testing.world import Dice


class Killed(BaseException):
    """The server has died."""


class Mortal:
    """A port, or whatever is called: each call may be the last, before or after it has done its work."""

    def __init__(self, inner: Any, dice: Dice) -> None:
        self._inner = inner
        self._dice = dice

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return Mortal(found, self._dice) if name in ("trains", "deployments") else found
        if name not in ("save", "open", "ask", "runs"):
            return found

        def called(*given: Any, **named: Any) -> Any:
            if self._dice.roll(5) == 5:
                raise Killed
            answer = found(*given, **named)
            if self._dice.roll(5) == 5:
                raise Killed
            return answer

        return called


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=60), st.sampled_from(["none", "web", "jobs"]), st.sampled_from(["stop", "roll_back_all"]))
def test_whoever_dies_when_each_step_has_one_deployment_and_the_train_ends(
    script: bytes, broken: str, on_failure: str
) -> None:
    with open_store("sqlite://") as store:
        convoy = Convoy(store)
        convoy.put("api", "1")
        convoy.put("web", "1")
        made = {"api": convoy.made("api", "2")}
        made["web"] = convoy.made("web", "2", api=">=2")
        made["jobs"] = convoy.made("jobs", "2", web=">=2")
        if broken in made:
            convoy.breaks(made[broken])
        convoy.train(ride("api"), ride("web"), ride("jobs"), on_failure=on_failure)
        dice, whole = Dice(script), convoy.dispatcher
        doomed = replace(whole, store=Mortal(store, dice), promoter=Mortal(convoy.promoter, dice))  # type: ignore[arg-type]
        for _ in range(400):
            for dispatcher in (doomed, whole) if dice.used_up else (doomed,):
                try:
                    dispatcher.round()
                except Killed:
                    continue
            convoy.worker.round()
            convoy.worker.drain()
            convoy.clock.pass_by(0.25)
            if convoy.show().final:
                break
        view = convoy.show()
        outcome = "succeeded" if broken == "none" else "failed" if on_failure == "stop" else "rolled_back"
        assert view.state == outcome
        assert all(convoy.row(deployment).state in FINAL for deployment in store.trains.runs("friday").values())
        names = [convoy.row(one).train for one in store.trains.runs("friday").values()]
        assert len(names) == len(set(names))
        assert convoy.count("api") == (3 if run_name("friday", "api", back=True) in names else 2)
        assert convoy.count("web") <= 3 and convoy.count("jobs") == (0 if broken == "web" else 1)
        assert convoy.version("api") == ("1" if outcome == "rolled_back" else "2")
