"""What is told of the machine, with the way to mend it."""

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.core.environment import Listen
from lockgate.core.errors import ComponentMissing
from lockgate.drivers.docker_info import EngineAddress
from lockgate.drivers.machine import Premises, examine
from lockgate.messages import Usable

ROUTER = "router (Envoy)"


def program(folder: Path, text: str, mode: int = 0o755) -> Callable[[], Path]:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return lambda: path


@pytest.fixture
def premises(tmp_path: Path) -> Premises:
    good = program(tmp_path, "echo program  version: abc/1.40.0/Clean")
    return Premises(tmp_path / "home", Listen("127.0.0.1", _free_port()), (20000, 29999), good, good)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def told(premises: Premises, subject: str) -> Usable:
    return next(one for one in examine(premises) if one.subject == subject)


def test_a_program_is_usable_when_it_has_said_its_version(premises: Premises) -> None:
    found = told(premises, ROUTER)
    assert (found.usable, found.because) == (True, f"1.40.0 at {premises.find_envoy()}.")


@pytest.mark.parametrize(
    ("text", "mode", "because"),
    [
        ("echo no glibc >&2; exit 3", 0o755, "--version ended with 3: no glibc."),
        ("exit 1", 0o755, "--version ended with 1."),
        ("true", 0o644, "cannot be run: Permission denied."),
    ],
)
def test_a_program_that_does_not_run_is_not_usable(
    premises: Premises, tmp_path: Path, text: str, mode: int, because: str
) -> None:
    found = told(replace(premises, find_envoy=program(tmp_path, text, mode)), ROUTER)
    assert not found.usable
    assert because in found.because
    assert found.mend


def test_a_program_that_is_not_there_is_told_in_the_finders_words(premises: Premises) -> None:
    def missing() -> Path:
        raise ComponentMissing("There is no Envoy.", "Install it.")

    found = told(replace(premises, find_envoy=missing), ROUTER)
    assert (found.usable, found.because, found.mend) == (False, "There is no Envoy.", "Install it.")


def test_looking_makes_nothing(premises: Premises) -> None:
    assert told(premises, "data folder").usable
    assert not premises.home.exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_closed_data_folder_is_told(premises: Premises, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert not told(premises, "data folder").usable
    finally:
        tmp_path.chmod(0o700)


def test_a_data_folder_below_a_file_is_told(premises: Premises, tmp_path: Path) -> None:
    found = told(replace(premises, home=tmp_path / "program" / "home"), "data folder")
    assert not found.usable


def test_a_taken_address_is_told_unless_the_server_itself_asks(premises: Premises) -> None:
    with socket.socket() as holder:
        holder.bind((premises.listen.host, premises.listen.port))
        holder.listen()
        assert not told(premises, "address").usable
        assert next(one for one in examine(premises, serving=True) if one.subject == "address").usable
    assert told(premises, "address").usable


def test_ports_that_linux_gives_away_are_told(premises: Premises) -> None:
    assert told(premises, "ports").usable
    assert not told(replace(premises, ports=(20000, 40000)), "ports").usable


def test_what_cannot_be_used_has_a_way_to_mend_it(premises: Premises) -> None:
    assert [one.subject for one in examine(premises) if not one.usable and not one.mend] == []


def test_each_engine_that_environments_name_is_looked_at(premises: Premises, tmp_path: Path) -> None:
    engine = EngineAddress(f"unix://{tmp_path}/engine", whose=("prod",))
    subjects = [one.subject for one in examine(replace(premises, engines=(engine,)))]
    assert [subject for subject in subjects if subject.startswith("Docker")] == ["Docker", "Docker of prod"]


def test_the_usual_engine_is_looked_at_once(premises: Premises) -> None:
    subjects = [one.subject for one in examine(replace(premises, engines=(EngineAddress(whose=("dev",)),)))]
    assert [subject for subject in subjects if subject.startswith("Docker") and ":" not in subject] == ["Docker of dev"]


def test_logins_are_told_by_name(premises: Premises, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert told(premises, "registry logins (images)").because.startswith("None here")
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", '{"auths": {"a.example": {"auth": "YW5uOmh1bnRlcjI="}}}')
    assert told(premises, "registry logins (images)").because == "a.example."
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", "{")
    unread = told(premises, "registry logins (images)")
    assert (unread.usable, bool(unread.mend)) == (False, True)


def test_rules_of_policies_can_be_worked_out_or_it_is_said_why_not(premises: Premises) -> None:
    def missing() -> None:
        raise ComponentMissing("There is no library.", "Install it.")

    good = told(replace(premises, judge=lambda: None), "policies (CEL)")
    bad = told(replace(premises, judge=missing), "policies (CEL)")
    assert (good.usable, bad.usable) == (True, False)
    assert (bad.because, bad.mend) == ("There is no library. Only environments with policies need it.", "Install it.")
