"""The client over real sockets: who it finds, what it understands, and streams that break."""

import itertools
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.client import Client, Refusal, address_from_environment, data_folder
from lockgate.config.settings import read_settings
from lockgate.core.errors import NotFound, Unavailable
from lockgate.messages import CreateRelease
from tests.cli import canned
from tests.cli.double import TOKEN, Double


@pytest.fixture
def client(double: Double, home: Path) -> Client:
    return Client.of(home)


def test_views_come_back_as_they_were(client: Client) -> None:
    assert client.status() == canned.STATUS
    assert client.explain("dep-7") == canned.EXPLANATION
    assert client.releases("catalogue") == (canned.BAD_RELEASE, canned.RELEASE)
    assert client.environments() == canned.ENVIRONMENTS
    assert client.audit() == canned.AUDIT
    assert client.logs("catalogue", "dev") == canned.LOGS
    assert client.quarantines() == canned.QUARANTINES
    assert client.doctor() == canned.MACHINE
    assert client.past_events(43) == canned.EVENTS[3:]
    assert client.health()["version"] == "0.1.0"


def test_a_release_number_survives_the_address(client: Client, double: Double) -> None:
    assert client.release("catalogue", "#4") == canned.BAD_RELEASE
    assert double.last("GET").query == {"application": "catalogue"}


def test_logs_are_read_on_by_instance(client: Client, double: Double) -> None:
    client.logs("catalogue", "dev", after={"web-a-0": 57})
    assert double.last("GET").query["after.web-a-0"] == "57"


def test_problems_of_a_definition_come_back_as_such(client: Client, double: Double) -> None:
    found = {"where": "lockgate.yaml", "line": 7, "field": "strategy", "because": "unknown.", "mend": "Try canary."}
    double.answers["POST", "/v1/check"] = {"problems": [found, {**found, "line": None}]}
    first, second = client.check(CreateRelease("x", "lockgate.yaml", "/"))
    assert first.sentence() == "lockgate.yaml:7: strategy: unknown. Try canary."
    assert second.line is None


def test_events_go_on_where_a_stream_broke(client: Client, double: Double) -> None:
    double.stream_breaks_after = 2
    seen = list(itertools.islice(client.events(after=41), 4))
    assert seen == list(canned.EVENTS[1:])
    asked = [one.headers["last-event-id"] for one in double.received if "last-event-id" in one.headers]
    assert asked == ["41", "43"]


def test_events_stop_when_they_are_told_to(client: Client) -> None:
    ended = threading.Event()
    seen = []
    for event in client.events(ended=ended):
        seen.append(event.seq)
        ended.set()
    assert seen == [41]


def test_a_stream_gives_up_after_its_patience(home: Path) -> None:
    with pytest.raises(Unavailable, match="No Lockgate server answers"):
        next(Client.of(home).events(patience=0.0))


def test_waiting_ends_with_the_deployment_or_with_the_time(client: Client, double: Double) -> None:
    looks = iter([canned.RUNNING, canned.RUNNING])
    double.answers["GET", "/v1/deployments/dep-7"] = lambda _: next(looks, canned.SUCCEEDED)
    assert client.wait("dep-7") == canned.SUCCEEDED
    double.answers["GET", "/v1/deployments/dep-7"] = canned.RUNNING
    with pytest.raises(Unavailable, match="dep-7 is still running after 0 s: Move traffic"):
        client.wait("dep-7", 0.0)


def test_the_newest_deployment_is_the_first_told(client: Client, double: Double) -> None:
    assert client.newest("catalogue") == canned.GATED
    double.answers["GET", "/v1/deployments"] = ()
    with pytest.raises(NotFound, match="Nothing has been deployed yet of catalogue to dev"):
        client.newest("catalogue", "dev")


def test_an_answer_of_another_version_is_not_guessed_at(client: Client, double: Double) -> None:
    double.answers["GET", "/v1/status"] = {"at": "noon"}
    with pytest.raises(Refusal, match="Are client and server of the same version"):
        client.status()


def test_a_token_is_not_shown(double: Double, home: Path) -> None:
    assert TOKEN not in repr(Client.of(home).find())


def test_the_environment_wins_over_the_data_folder(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    assert address_from_environment().url == double.url
    monkeypatch.setenv("LOCKGATE_URL", "http://127.0.0.1:9/under")
    monkeypatch.setenv("LOCKGATE_TOKEN", "t")
    assert address_from_environment().token == "t"
    with pytest.raises(Unavailable, match=r"looked in LOCKGATE_URL, http://127\.0\.0\.1:9/under"):
        Client().status()


def test_a_token_of_the_data_folder_is_not_sent_elsewhere(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_URL", double.url)
    with pytest.raises(Refusal):
        Client().status()
    assert TOKEN not in json.dumps(double.received[-1].headers)


@pytest.mark.parametrize(
    "environ",
    [
        {"LOCKGATE_HOME": "/srv/lockgate"},
        {"LOCKGATE_HOME": "here"},
        {"HOME": "/home/ann", "XDG_DATA_HOME": "/data"},
        {"HOME": "/home/ann", "XDG_DATA_HOME": "relative"},
        {"HOME": "/home/ann", "LOCKGATE_HOME": ""},
    ],
)
def test_client_and_server_look_in_the_same_folder(environ: dict[str, str]) -> None:
    assert data_folder(environ).absolute() == read_settings(environ, Path.cwd()).home


def test_a_client_serves_several_threads(client: Client) -> None:
    seen: list[object] = []
    threads = [threading.Thread(target=lambda: seen.append(client.status())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [canned.STATUS] * 8


def test_a_refusal_carries_what_the_server_said(client: Client, double: Double) -> None:
    with pytest.raises(Refusal) as caught:
        client.deployment("dep-99")
    assert caught.value.fault.status == 404
    assert caught.value.code == "not-found"
    double.answers["GET", "/v1/deployments/dep-7"] = replace(caught.value.fault, status=409, code="conflict")
    with pytest.raises(Refusal, match="There is no /v1/deployments/dep-99"):
        client.deployment("dep-7")
