"""The record on the command line: filters as typed, files that are whole or not there, proof without a server."""

import json
from pathlib import Path

import pytest

from lockgate.cli.moments import recorded
from lockgate.core import keyring
from lockgate.core.errors import Invalid
from lockgate.drivers.signing import KeyFolder
from lockgate.engine.auditing import Auditing
from lockgate.engine.notary import Notary
from lockgate.store.database import open_store
from lockgate.testing.fakes import FakeClock
from lockgate.testing.samples import NOON, an_event
from tests.cli.conftest import Run
from tests.cli.double import Double


@pytest.fixture
def record(surroundings: Path) -> Path:
    """audit.jsonl and keys.json in this folder, of five entries and two keys."""
    clock, signer = FakeClock(NOON), KeyFolder(surroundings.parent / "keys", NOON)
    with open_store("sqlite://") as store:
        desk = Auditing(store, clock, Notary(store, clock, signer))
        for n in range(5):
            store.audit.note(an_event("quarantine.set", NOON + n, actor="ada"))
        signer.rotate(NOON + 9, "ada", "")
        (surroundings / "audit.jsonl").write_bytes(b"".join(desk.export(None, None, "jsonl")))
    (surroundings / "keys.json").write_bytes(keyring.write(signer.ring()))
    return surroundings


def test_filters_are_sent_as_they_are_meant(run: Run, double: Double) -> None:
    words = ["--actor", "ann", "--app", "shop", "--env", "prod", "--kind", "quarantine.set", "--since", "2026-11-20"]
    assert run("audit", *words, "--until", "2026-11-21T06:00+01:00", "--limit", "7").code == 0
    assert double.last("GET").query == {
        "actor": "ann",
        "application": "shop",
        "environment": "prod",
        "kind": "quarantine.set",
        "since": "1795132800",
        "until": "1795237200",
        "after": "0",
        "limit": "7",
        "order": "newest",
    }
    run("audit", "--after", "40")
    assert double.last("GET").query["order"] == "oldest"


@pytest.mark.parametrize(
    ("text", "at"), [("", 0), ("90s", 1000 - 90), ("2m", 1000 - 120), ("7d", 1), ("1970-01-01T00:10", 600)]
)
def test_points_in_time_are_typed_in_several_ways(text: str, at: int) -> None:
    assert recorded(text, 1000.0, "--since") == at


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "7 days", "-1d"])
def test_what_is_no_point_in_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(Invalid, match="Write it as 2026-03-03"):
        recorded(text, 1000.0, "--since")


def test_a_file_is_proved_without_a_server(run: Run, record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_URL", "http://127.0.0.1:9")
    ran = run("audit", "verify", "audit.jsonl", "--keys", "keys.json")
    assert (ran.code, ran.err) == (0, "")
    assert "5 entries (1 to 5) are as they were recorded" in ran.out
    root = keyring.read((record / "keys.json").read_bytes()).keys[0].id
    assert run("audit", "verify", "audit.jsonl", "--keys", "keys.json", "--trust", root[7:19]).code == 0
    found = json.loads(run("audit", "verify", "audit.jsonl", "--keys", "keys.json", "--json").out)
    assert (found["whole"], found["entries"]) == (True, 5)


def test_a_changed_file_is_a_failure_that_says_where(run: Run, record: Path) -> None:
    file = record / "audit.jsonl"
    file.write_bytes(file.read_bytes().replace(b"ada", b"eve", 1))
    ran = run("audit", "verify", "audit.jsonl", "--keys", "keys.json")
    assert ran.code == 1 and "✘ Line 2: Entry 1 is not" in ran.out


@pytest.mark.parametrize(
    ("words", "because"),
    [
        (("audit.jsonl",), "--keys: it is missing."),
        (("audit.jsonl", "--keys", "none.json"), "none.json: it cannot be read"),
        (("none.jsonl", "--keys", "keys.json"), "none.jsonl: it cannot be read"),
        (("audit.jsonl", "--keys", "audit.jsonl"), "audit.jsonl: it is no file of keys."),
        (("audit.jsonl", "--keys", "keys.json", "--trust", "0123"), "no key '0123'"),
    ],
)
def test_what_cannot_be_verified_with_is_bad_input(
    run: Run, record: Path, words: tuple[str, ...], because: str
) -> None:
    ran = run("audit", "verify", *words)
    assert ran.code == 2 and because in ran.err


def test_an_export_is_written_whole_or_not_at_all(run: Run, double: Double, surroundings: Path) -> None:
    double.answers["GET", "/v1/audit/export"] = {"event": 1}
    told = run("audit", "export", "kept.jsonl")
    assert told.code == 0 and "lockgate key export KEYS" in told.out and "kept.jsonl --keys KEYS" in told.out
    assert (surroundings / "kept.jsonl").read_text() == '{"event":1}'
    del double.answers["GET", "/v1/audit/export"]
    assert run("audit", "export", "kept.jsonl").code == 1
    assert (surroundings / "kept.jsonl").read_text() == '{"event":1}'
    assert [path.name for path in surroundings.iterdir() if path.name.startswith(".")] == []
    assert run("audit", "export", "no/such/folder").code == 2


def test_public_keys_are_written_as_the_server_gives_them(run: Run, double: Double, surroundings: Path) -> None:
    assert run("key", "export", "keys.json").code == 0
    assert (surroundings / "keys.json").read_text() == "the file\n"
    assert run("key", "rotate", "--reason", "a laptop was lost").code == 0
    assert double.last().body == {"reason": "a laptop was lost", "actor": "ann"}


def test_a_statement_is_printed_for_other_tools(run: Run, double: Double) -> None:
    ran = run("release", "show", "--statement", "--app", "catalogue")
    assert json.loads(ran.out)["payloadType"] == "application/vnd.in-toto+json"


def test_redeploying_asks_for_exactly_that(run: Run, double: Double) -> None:
    assert run("redeploy", "7", "--as-recorded", "--reason", "again").code == 0
    assert double.last().path == "/v1/deployments/dep-7/redeploy"
    assert double.last().body == {
        "reason": "again", "as_recorded": True, "urgent": False, "actor": "ann", "blind": False
    }  # fmt: skip
