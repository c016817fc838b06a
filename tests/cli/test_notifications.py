"""What ``lockgate notifications`` asks of the server, and its exit codes."""

import json
from dataclasses import replace

import pytest

from lockgate.messages import Fault
from tests.cli import canned
from tests.cli.conftest import Run
from tests.cli.double import Double


def test_deliveries_are_asked_for_by_channel_and_state(run: Run, double: Double) -> None:
    assert run("notifications", "list", "--channel", "mail", "--state", "dead,waiting", "--limit", "5").code == 0
    query = double.last("GET").query
    assert query == {"channel": "mail", "state": "dead,waiting", "limit": "5"}
    assert run("notifications", "dead").code == 0
    assert double.last("GET").query["state"] == "dead"


@pytest.mark.usefixtures("double")
def test_a_program_gets_what_the_api_says(run: Run) -> None:
    assert json.loads(run("notifications", "list", "--json").out)[0]["id"] == "ntf-47-mail"
    assert json.loads(run("notifications", "channels", "--json").out)[0]["name"] == "releases"


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (("ntf-40-releases",), {"ids": ["ntf-40-releases"], "channel": "", "reason": ""}),
        (("--all", "--reason", "up again"), {"ids": [], "channel": "", "reason": "up again"}),
        (("--channel", "releases"), {"ids": [], "channel": "releases", "reason": ""}),
    ],
)
def test_the_dead_are_tried_again(run: Run, double: Double, words: tuple[str, ...], body: dict[str, object]) -> None:
    ran = run("notifications", "retry", *words)
    assert (ran.code, ran.out) == (0, "✔ 1 notification is due again.\n")
    assert double.last().body == {**body, "actor": "ann"}


@pytest.mark.parametrize("words", [(), ("ntf-1-x", "--all"), ("ntf-1-x", "--channel", "x")])
def test_it_must_be_said_which(run: Run, double: Double, words: tuple[str, ...]) -> None:
    ran = run("notifications", "retry", *words)
    assert ran.code == 2 and "it is not said which to try again" in ran.err
    assert double.received == []


@pytest.mark.parametrize(("view", "code"), [(canned.DELIVERED, 0), (canned.DEAD, 1), (canned.WAITING, 1)])
def test_the_exit_code_of_a_test_is_what_became_of_it(run: Run, double: Double, view: object, code: int) -> None:
    double.answers["POST", "/v1/notifications/test"] = replace(canned.DELIVERED, state="waiting", attempts=0)
    double.answers["GET", "/v1/notifications"] = (view,)
    ran = run("notifications", "test", "releases")
    assert ran.code == code
    assert double.last().body == {"channel": "releases", "actor": "ann"}


def test_a_channel_that_is_not_there_is_refused(run: Run, double: Double) -> None:
    fault = Fault("There is nothing by that name.", 404, "There is no channel 'x'. The channels are: a.", "not-found")
    double.answers["POST", "/v1/notifications/test"] = fault
    ran = run("notifications", "test", "x")
    assert (ran.code, ran.err) == (1, "error: There is no channel 'x'. The channels are: a.\n")
