"""Secrets go in typed, piped or from a file, never on the command line, and come out nowhere."""

import io
import json
import sys
from pathlib import Path

import pytest

from lockgate.messages import Fault
from lockgate.messages.secrets import KeyChangeView, SecretVersionView, SecretView
from tests.cli.conftest import Run
from tests.cli.double import Double

NOON = 1_800_000_000.0
FIRST = SecretVersionView("prod", "DB_PASS", 1, "9f2a07c1b6d35e84", NOON, "ann")
SET = ("PUT", "/v1/secrets/prod/DB_PASS")


@pytest.fixture
def shop(double: Double) -> Double:
    double.answers[SET] = FIRST
    return double


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    class Pipe(io.TextIOWrapper):
        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Pipe(io.BytesIO(data)))


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, *typed: str) -> list[str]:
    asked: list[str] = []

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        return typed[len(asked) - 1]

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("lockgate.cli.secrets.getpass", getpass)
    return asked


@pytest.mark.parametrize("data", [b"hunter2", b"hunter2\n"])
def test_a_secret_is_piped_in(run: Run, shop: Double, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    piped(monkeypatch, data)
    ran = run("secret", "set", "prod", "DB_PASS", "--reason", "leaked")
    assert shop.last("PUT").body == {"text": "hunter2", "reason": "leaked", "actor": "ann"}
    assert (ran.code, ran.err) == (0, "") and "hunter2" not in ran.out
    assert "DB_PASS of prod is version 1 (fingerprint 9f2a07c1b6d35e84)." in ran.out
    assert "What runs gets it with the next deployment." in ran.out


def test_a_secret_is_read_from_a_file_but_for_its_last_line_break(run: Run, shop: Double, surroundings: Path) -> None:
    (surroundings / "key.pem").write_text("-----BEGIN-----\nabc\n")
    assert run("secret", "set", "prod", "DB_PASS", "--file", "key.pem").code == 0
    assert shop.last("PUT").body["text"] == "-----BEGIN-----\nabc"


def test_a_secret_is_typed_twice_without_being_shown(run: Run, shop: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = at_a_terminal(monkeypatch, "hunter2", "hunter2")
    ran = run("secret", "set", "prod", "DB_PASS")
    assert asked == ["DB_PASS of prod: ", "Once more: "]
    assert shop.last("PUT").body["text"] == "hunter2" and "hunter2" not in ran.out + ran.err


def test_two_that_differ_change_nothing(run: Run, shop: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    at_a_terminal(monkeypatch, "hunter2", "hunter3")
    ran = run("secret", "set", "prod", "DB_PASS")
    assert ran.code == 2 and "the two are not the same" in ran.err and "hunter" not in ran.err
    assert shop.received == []


def test_on_the_command_line_it_is_refused(run: Run, shop: Double) -> None:
    ran = run("secret", "set", "prod", "DB_PASS", "hunter2")
    assert ran.code == 2 and shop.received == []


@pytest.mark.parametrize(
    ("content", "because"), [(None, "cannot be read: No such file"), (b"\xff\xfe", "it is not text")]
)
def test_what_is_no_secret_is_refused(
    run: Run, shop: Double, surroundings: Path, content: bytes | None, because: str
) -> None:
    if content is not None:
        (surroundings / "key").write_bytes(content)
    ran = run("secret", "set", "prod", "DB_PASS", "--file", "key")
    assert ran.code == 2 and because in ran.err and shop.received == []


def test_a_refusal_of_the_server_does_not_repeat_it(run: Run, shop: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, b"hunter2")
    shop.answers[SET] = Fault("No", 422, "The master key is not there.", "secret-unusable")
    for words in ([], ["--json"]):
        ran = run("secret", "set", "prod", "DB_PASS", *words)
        assert ran.code == 1 and "hunter2" not in ran.out + ran.err
        piped(monkeypatch, b"hunter2")


def test_one_that_no_environment_reads_yet_says_what_to_write(
    run: Run, shop: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, b"hunter2")
    because = "No secret of prod is read from here yet: add secrets: {DB_PASS: {kept: true}} to it."
    shop.answers[SET] = SecretVersionView("prod", "DB_PASS", 1, "9f2a", NOON, "ann", because=because)
    assert because in run("secret", "set", "prod", "DB_PASS").out


def test_a_list_says_where_each_is_and_what_is_wrong(run: Run, double: Double) -> None:
    double.answers["GET", "/v1/secrets"] = (
        SecretView("prod", "DB_PASS", "kept", "kept DB_PASS", 2, "9f2a07c1b6d35e84", NOON, "ann"),
        SecretView("prod", "KEY", "file", "file /etc/key", because="The secret in /etc/key cannot be read."),
    )
    ran = run("secret", "list")
    assert "2 9f2a07c1b6d35e84" in ran.out and "2027-01-15 08:00:00 by ann" in ran.out
    assert "The secret in /etc/key cannot be read." in ran.out
    assert json.loads(run("secret", "list", "--json").out)[0]["name"] == "DB_PASS"
    assert double.last("GET").query == {}
    run("secret", "list", "prod")
    assert double.last("GET").query == {"environment": "prod"}
    double.answers["GET", "/v1/secrets"] = ()
    assert "No environment has secrets yet." in run("secret", "list").out


def test_versions_say_what_needs_them(run: Run, double: Double) -> None:
    double.answers["GET", "/v1/secrets/prod/DB_PASS/versions"] = (
        SecretVersionView("prod", "DB_PASS", 1, "aaaa", NOON, "ann", NOON + 60, "bob"),
        SecretVersionView("prod", "DB_PASS", 2, "bbbb", NOON, "ann", needed=("shop runs with it in prod (dep-1)",)),
        SecretVersionView("prod", "DB_PASS", 3, "cccc", NOON, "ann"),
    )
    lines = run("secret", "versions", "prod", "DB_PASS").out.splitlines()
    assert "removed 2027-01-15 08:01:00 by bob" in lines[1]
    assert "shop runs with it in prod (dep-1)" in lines[2] and "nothing needs it" in lines[3]


def test_a_version_is_removed(run: Run, double: Double) -> None:
    double.answers["POST", "/v1/secrets/prod/DB_PASS/remove"] = FIRST
    assert "Version 1 of DB_PASS is gone from prod." in run("secret", "remove", "prod", "DB_PASS", "1").out
    assert double.last().body == {"version": 1, "reason": "", "actor": "ann"}


def test_the_master_key_is_changed(run: Run, double: Double) -> None:
    mend = "Remove every line but the first from /run/key: the server may not write it."
    double.answers["POST", "/v1/secrets/rotation"] = KeyChangeView("aaaa", "bbbb", 3, 12, mend)
    ran = run("secret", "rotate-key", "--re-encrypt", "--reason", "yearly")
    assert double.last().body == {"reseal": True, "lost": False, "reason": "yearly", "actor": "ann"}
    assert "The master key is bbbb now, no more aaaa; 3 data keys encrypted with it." in ran.out
    assert "12 versions of secrets encrypted anew." in ran.out and mend in ran.out
