"""The keys of a data folder."""

import logging
import threading
from pathlib import Path

import pytest

from lockgate.core.errors import Invalid
from lockgate.server.token import SESSION_LASTS, SESSIONS_KEPT, TICKET_LASTS, Access, ensure_token, write_private


def test_a_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    token = ensure_token(home)
    assert len(token) >= 40 and ensure_token(home) == token
    assert (home / "token").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in home.iterdir()] == ["token"]


def test_servers_that_start_together_agree_on_one_token(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(ensure_token(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1


def test_a_token_that_others_could_read_is_shut_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ensure_token(tmp_path)
    (tmp_path / "token").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        ensure_token(tmp_path)
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert "could be read by others" in caplog.text


@pytest.mark.parametrize("text", ["", "short\n", "\n"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(Invalid, match="Remove the file"):
        ensure_token(tmp_path)


def test_sessions_outlive_the_server_but_not_their_time(tmp_path: Path) -> None:
    now = [1000.0]
    first = Access(tmp_path, lambda: now[0])
    session = first.redeem(first.mint_ticket())
    assert session is not None
    second = Access(tmp_path, lambda: now[0])
    assert second.knows(session) and second.cookie == first.cookie
    assert session not in (tmp_path / "sessions.json").read_text()
    now[0] += SESSION_LASTS
    assert not second.knows(session)


def test_a_ticket_works_once_and_not_for_ever(tmp_path: Path) -> None:
    now = [1000.0]
    access = Access(tmp_path, lambda: now[0])
    used, old = access.mint_ticket(), access.mint_ticket()
    assert access.redeem(used) and access.redeem(used) is None
    now[0] += TICKET_LASTS
    assert access.redeem(old) is None
    assert access.redeem("") is None


def test_the_oldest_sessions_go_when_there_are_too_many(tmp_path: Path) -> None:
    now = [1000.0]
    access = Access(tmp_path, lambda: now[0])
    sessions = []
    for _ in range(SESSIONS_KEPT + 1):
        now[0] += 1
        sessions.append(access.redeem(access.mint_ticket()) or "")
    assert not access.knows(sessions[0]) and all(access.knows(s) for s in sessions[1:])


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": "b"}', "null"])
def test_a_damaged_file_of_sessions_only_means_signing_in_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "sessions.json").write_text(text)
    access = Access(tmp_path)
    assert not access.knows("x") and access.redeem(access.mint_ticket())


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        write_private(tmp_path / "taken", "text", replace=True)
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
