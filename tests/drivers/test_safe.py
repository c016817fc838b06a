"""Secrets are read from where they are kept as they are there, or refused without being shown."""

import os
from pathlib import Path

import pytest

from lockgate.core.errors import ComponentMissing
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.drivers.safe import LONGEST, reveal


def of_file(path: Path) -> SecretSource:
    return SecretSource(SecretStore.FILE, str(path))


VARIABLE = SecretSource(SecretStore.VARIABLE, "LOCKGATE_TESTS_SECRET")


@pytest.mark.parametrize(
    ("kept", "text"),
    [(b"hunter2", "hunter2"), (b"hunter2\n", "hunter2"), (b"a\r\nb\r\n", "a\r\nb\r"), (b"\n\n", "\n"), (b"", ""),
     ("Zürich".encode(), "Zürich"), (b"x" * LONGEST + b"\n", "x" * LONGEST)],
)  # fmt: skip
def test_a_file_is_read_as_it_is_but_for_its_last_line_break(tmp_path: Path, kept: bytes, text: str) -> None:
    (tmp_path / "kept").write_bytes(kept)
    assert reveal(of_file(tmp_path / "kept")).reveal() == text


def test_a_variable_is_read_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE.name, "hunter2\n")
    assert reveal(VARIABLE).reveal() == "hunter2\n"


@pytest.mark.parametrize(
    ("kept", "because"),
    [(b"\xff\xfe\x00", "is not text"), (b"x" * (LONGEST + 1), "is longer than 1024 KiB"), (None, "No such file")],
)
def test_what_is_no_secret_in_a_file_is_refused(tmp_path: Path, kept: bytes | None, because: str) -> None:
    if kept is not None:
        (tmp_path / "kept").write_bytes(kept)
    with pytest.raises(ComponentMissing, match=because):
        reveal(of_file(tmp_path / "kept"))


def test_what_never_ends_is_not_read_to_its_end() -> None:
    with pytest.raises(ComponentMissing, match="is longer than"):
        reveal(of_file(Path("/dev/zero")))


def test_a_variable_that_is_no_text_or_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ComponentMissing, match="is not there"):
        reveal(VARIABLE)
    monkeypatch.setitem(os.environb, VARIABLE.name.encode(), b"\xff")
    with pytest.raises(ComponentMissing, match="is not text"):
        reveal(VARIABLE)
