"""What Lockgate keeps is sealed for its place, survives a change of its keys killed anywhere, and opens nowhere
else."""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from lockgate.core.errors import NotFound, SecretUnusable
from lockgate.core.secret import Secret
from lockgate.drivers.master_key import MasterKeyFile, MasterKeyText
from lockgate.drivers.redactor import Redactor
from lockgate.drivers.sealing import Key, Unsealable, new_key
from lockgate.drivers.secrets.kept import KeptSecrets
from lockgate.store.database import SqlStore, open_store
from lockgate.testing.contracts.secrecy import StrongboxContract
from lockgate.testing.samples import NOON, an_event
from lockgate.testing.vaults import FakeVault

SET, ROTATED = an_event("secret.set", actor="ada", audited=True), an_event("secret.key_rotated", audited=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
        yield store


def a_box(store: SqlStore, folder: Path) -> KeptSecrets:
    """As a server that has just started has it."""
    return KeptSecrets(store.data_keys, store.secrets, MasterKeyFile(folder / "keys" / "master"), Redactor())


@pytest.fixture
def box(store: SqlStore, tmp_path: Path) -> KeptSecrets:
    return a_box(store, tmp_path)


class TestKeptSecrets(StrongboxContract):
    """The fixture is this module's."""


class TestFakeStrongbox(StrongboxContract):
    @pytest.fixture
    def box(self) -> FakeVault:
        return FakeVault()


def put(box: KeptSecrets, name: str = "DB_PASS", word: str = "hunter2", environment: str = "prod") -> int:
    return box.keep(environment, name, Secret(word), SET)[0].version


def test_what_is_kept_is_opened_by_its_version_and_is_nowhere_in_the_files(box: KeptSecrets, tmp_path: Path) -> None:
    assert [put(box, word=word) for word in ("hunter2", "correct horse", "hunter2")] == [1, 2, 3]
    assert [box.open("prod", "DB_PASS", n).reveal() for n in (1, 2, 3)] == ["hunter2", "correct horse", "hunter2"]
    found = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"hunter2" not in found and b"correct horse" not in found


def test_the_same_text_again_is_no_new_version(box: KeptSecrets, store: SqlStore) -> None:
    told, new = box.keep("prod", "DB_PASS", Secret("hunter2"), SET)
    again, newer = box.keep("prod", "DB_PASS", Secret("hunter2"), replace(SET, at=NOON + 9))
    assert (again, new, newer) == (told, True, False)
    assert len(store.history.events(0, 9)) == 1


def test_who_set_it_when_is_recorded_without_it(box: KeptSecrets, store: SqlStore) -> None:
    put(box)
    (entry,) = store.history.audit(0, 9)
    assert entry.event.data["version"] == "1" and entry.event.actor == "ada"
    assert "hunter2" not in json.dumps(store.history.events(0, 9), default=str)


def test_the_same_text_has_the_same_fingerprint_everywhere_and_another_one_elsewhere(
    box: KeptSecrets, tmp_path: Path
) -> None:
    put(box), put(box, environment="dev"), put(box, "OTHER")
    (fingerprint,) = {told.fingerprint for told in box.versions()}
    assert fingerprint == box.fingerprint("hunter2") != box.fingerprint("hunter3")
    with open_store("sqlite://") as other:
        assert a_box(other, tmp_path / "other").fingerprint("hunter2") != fingerprint


def moved(store: SqlStore, to: str) -> None:
    """The sealed text of prod/DB_PASS/1 is put into the place of another."""
    where = " AND ".join(
        f"{name} = '{value}'" for name, value in zip(("environment", "name", "version"), to.split("/"), strict=True)
    )
    origin = "SELECT sealed FROM secret WHERE environment = 'prod' AND name = 'DB_PASS' AND version = 1"
    store.database.write(lambda c: c.execute(text(f"UPDATE secret SET sealed = ({origin}) WHERE {where}")))


@pytest.mark.parametrize("to", ["prod/DB_PASS/2", "prod/OTHER/1", "dev/DB_PASS/1"])
def test_a_text_that_was_moved_to_another_place_does_not_open(box: KeptSecrets, store: SqlStore, to: str) -> None:
    put(box), put(box, word="second"), put(box, "OTHER", "third"), put(box, environment="dev", word="fourth")
    moved(store, to)
    environment, name, version = to.split("/")
    with pytest.raises(
        SecretUnusable, match=f"Version {version} of the secret {name} of {environment} cannot be opened"
    ):
        box.open(environment, name, int(version))
    assert box.open("prod", "DB_PASS", 1).reveal() == "hunter2"
    assert put(box, name, "mended", environment) == int(version) + 1, "it is mended by setting it again"


def test_a_key_that_was_moved_to_another_place_does_not_open(box: KeptSecrets, store: SqlStore, tmp_path: Path) -> None:
    put(box), put(box, environment="dev")
    stolen = "UPDATE data_key SET sealed = (SELECT sealed FROM data_key WHERE place = 'dev') WHERE place = 'prod'"
    store.database.write(lambda c: c.execute(text(stolen)))
    with pytest.raises(SecretUnusable, match="The key of prod cannot be opened"):
        a_box(store, tmp_path).open("prod", "DB_PASS", 1)


def test_another_installation_with_the_same_master_key_opens_nothing_of_it(box: KeptSecrets, store: SqlStore) -> None:
    put(box)
    store.database.write(lambda c: c.execute(text("UPDATE sealing SET installation = 'another'")))
    box._opened.clear()
    with pytest.raises(SecretUnusable, match="was not sealed for its place"):
        box.open("prod", "DB_PASS", 1)


@given(data=st.binary(min_size=1, max_size=60), at=st.integers(0, 200), bit=st.integers(0, 7))
def test_one_bit_of_a_sealed_text_changed_is_noticed(data: bytes, at: int, bit: int) -> None:
    import base64

    key = Key(b"k" * 32)
    sealed = bytearray(base64.b64decode(key.seal(data, "here", 1)))
    sealed[at % len(sealed)] ^= 1 << bit
    with pytest.raises(Unsealable):
        key.open(base64.b64encode(sealed).decode(), "here", 1)


@given(st.lists(st.text(max_size=3), max_size=3), st.lists(st.text(max_size=3), max_size=3))
def test_a_place_is_not_another_one_whose_words_run_together_the_same(one: list[str], other: list[str]) -> None:
    key = Key(b"k" * 32)
    sealed = key.seal(b"x", *one)
    if one == other:
        assert key.open(sealed, *other) == b"x"
    else:
        with pytest.raises(Unsealable):
            key.open(sealed, *other)


# --- removing ---


def test_a_removed_version_is_gone_and_its_number_is_not_used_again(box: KeptSecrets, store: SqlStore) -> None:
    put(box), put(box, word="second")
    box.remove("prod", "DB_PASS", 2, an_event("secret.removed", NOON + 5, actor="bob"))
    with pytest.raises(SecretUnusable, match="Version 2 of the secret DB_PASS of prod was removed"):
        box.open("prod", "DB_PASS", 2)
    assert box.newest("prod", "DB_PASS").version == 1
    assert put(box, word="third") == 3
    with pytest.raises(NotFound):
        box.remove("prod", "DB_PASS", 2, SET)
    assert [(told.version, told.removed_by) for told in box.versions()] == [(1, ""), (2, "bob"), (3, "")]


def test_without_any_version_it_says_how_to_set_one(box: KeptSecrets) -> None:
    with pytest.raises(
        SecretUnusable, match=r"prod keeps no secret 'DB_PASS'\. Set it: lockgate secret set prod DB_PASS"
    ):
        box.newest("prod", "DB_PASS")


# --- the master key ---


def test_the_master_key_is_made_for_its_owner_alone_when_it_is_needed_first(box: KeptSecrets, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master"
    assert box.versions() == () and not path.exists()
    put(box)
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


def test_without_its_master_key_nothing_opens_and_no_other_is_made(
    box: KeptSecrets, store: SqlStore, tmp_path: Path
) -> None:
    put(box)
    (tmp_path / "keys" / "master").unlink()
    fresh = a_box(store, tmp_path)
    for attempt in (lambda: fresh.open("prod", "DB_PASS", 1), lambda: put(fresh, "OTHER")):
        with pytest.raises(SecretUnusable, match=r"is not there\. Put it back from where it was saved"):
            attempt()
    assert not (tmp_path / "keys" / "master").exists()


def test_another_master_key_is_told_from_the_right_one(box: KeptSecrets, store: SqlStore, tmp_path: Path) -> None:
    put(box)
    ring = store.data_keys.sealing()
    assert ring is not None
    (tmp_path / "keys" / "master").write_text(new_key().text)
    with pytest.raises(SecretUnusable, match=f"sealed with the master key {ring.master}"):
        a_box(store, tmp_path).open("prod", "DB_PASS", 1)


@pytest.mark.parametrize("wrong", ["", "hunter2", "AAAA", new_key().text + "\nnonsense"])
def test_what_is_no_key_is_refused_without_being_told(store: SqlStore, tmp_path: Path, wrong: str) -> None:
    (tmp_path / "mine").write_text(wrong)
    for master in (MasterKeyFile(tmp_path / "mine", own=False), MasterKeyText(Secret(wrong))):
        with pytest.raises(SecretUnusable, match="openssl rand -base64 32") as caught:
            put(KeptSecrets(store.data_keys, store.secrets, master, Redactor()))
        assert "nonsense" not in str(caught.value) and "hunter2" not in str(caught.value)


def test_a_file_that_is_named_but_not_there_is_not_made(store: SqlStore, tmp_path: Path) -> None:
    master = MasterKeyFile(tmp_path / "elsewhere", own=False)
    with pytest.raises(SecretUnusable, match="is not there"):
        put(KeptSecrets(store.data_keys, store.secrets, master, Redactor()))


def test_what_a_lost_key_opened_is_given_up_and_set_anew(box: KeptSecrets, store: SqlStore, tmp_path: Path) -> None:
    put(box), put(box, word="second"), put(box, "OTHER", environment="dev")
    (tmp_path / "keys" / "master").unlink()
    fresh = a_box(store, tmp_path)
    change = fresh.start_over(an_event("secret.key_lost", NOON + 7, actor="bob", audited=True))
    assert change.mend == "These are gone, and have to be set anew: OTHER of dev, DB_PASS of prod."
    assert {(told.removed_at, told.removed_by) for told in fresh.versions()} == {(NOON + 7, "bob")}
    assert store.data_keys.select() == () and put(fresh) == 3
    assert a_box(store, tmp_path).open("prod", "DB_PASS", 3).reveal() == "hunter2"
    assert store.history.audit(0, 9)[-2].event.data["gone"] == "3"


# --- changing it ---


def test_after_a_change_of_keys_everything_opens_and_the_old_key_is_gone(
    box: KeptSecrets, store: SqlStore, tmp_path: Path
) -> None:
    put(box), put(box, environment="dev")
    before = (tmp_path / "keys" / "master").read_text()
    sealed = [one.sealed for one in store.secrets.select()]
    change = box.rotate(False, ROTATED)
    after = (tmp_path / "keys" / "master").read_text()
    assert len(after.splitlines()) == 1 and after != before and change.rewrapped == 3 and change.resealed == 0
    assert [one.sealed for one in store.secrets.select()] == sealed
    assert a_box(store, tmp_path).open("dev", "DB_PASS", 1).reveal() == "hunter2"


def test_sealed_anew_the_old_data_keys_open_nothing_any_more(box: KeptSecrets, store: SqlStore, tmp_path: Path) -> None:
    put(box), put(box, word="second"), put(box, environment="dev")
    box.remove("prod", "DB_PASS", 1, SET)
    before = {one.sealed for one in store.secrets.select() if one.sealed}
    fingerprint = box.fingerprint("hunter2")
    assert box.rotate(True, ROTATED).resealed == 2
    assert not before & {one.sealed for one in store.secrets.select()}
    fresh = a_box(store, tmp_path)
    assert fresh.open("prod", "DB_PASS", 2).reveal() == "second"
    assert fresh.open("dev", "DB_PASS", 1).reveal() == "hunter2"
    assert fresh.fingerprint("hunter2") == fingerprint, "plans must stay comparable"
    assert put(fresh, word="third") == 3


def test_a_server_that_runs_meanwhile_finds_the_new_key_by_itself(
    box: KeptSecrets, store: SqlStore, tmp_path: Path
) -> None:
    put(box)
    other = a_box(store, tmp_path)
    other.open("prod", "DB_PASS", 1)
    box.rotate(True, ROTATED)
    assert other.open("prod", "DB_PASS", 1).reveal() == "hunter2"
    assert put(other, word="second") == 2
    assert box.open("prod", "DB_PASS", 2).reveal() == "second"


def test_a_key_in_a_variable_is_changed_by_putting_the_new_one_in_front(store: SqlStore) -> None:
    old, new = new_key(), new_key()

    def started(*keys: Key) -> KeptSecrets:
        shown = Secret(" ".join(key.text for key in keys))
        return KeptSecrets(store.data_keys, store.secrets, MasterKeyText(shown), Redactor())

    put(started(old))
    with pytest.raises(SecretUnusable, match="Start it with the new key, a space, and the present one"):
        started(old).rotate(False, ROTATED)
    assert "Leave only the first key" in started(new, old).rotate(False, ROTATED).mend
    assert started(new).open("prod", "DB_PASS", 1).reveal() == "hunter2"
    with pytest.raises(SecretUnusable):
        started(old).open("prod", "DB_PASS", 1)


class Killed(BaseException):
    """As by kill -9: nothing that would run afterwards does."""


@pytest.mark.parametrize("reseal", [False, True])
def test_killed_at_any_write_a_change_of_keys_loses_nothing_and_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reseal: bool
) -> None:
    """Before and behind every write, to the database and to the file."""
    for moment in itertools.count():
        folder = tmp_path / f"{moment}"
        folder.mkdir()
        with open_store(f"sqlite:///{folder}/lockgate.db") as store:
            box = a_box(store, folder)
            put(box), put(box, environment="dev", word="second")
            with monkeypatch.context() as patched:
                survived = not _killed(box, store, patched, moment, reseal)
            fresh = a_box(store, folder)
            assert fresh.open("prod", "DB_PASS", 1).reveal() == "hunter2"
            assert put(fresh, "MORE", f"third {moment}") == 1
            fresh.rotate(reseal, ROTATED)
            assert len((folder / "keys" / "master").read_text().splitlines()) == 1
            assert a_box(store, folder).open("dev", "DB_PASS", 1).reveal() == "second"
        if survived:
            assert moment >= 6
            return


ROTATING = """
import sys
from pathlib import Path
from lockgate.drivers.master_key import MasterKeyFile
from lockgate.drivers.redactor import Redactor
from lockgate.drivers.secrets.kept import KeptSecrets
from lockgate.store.database import open_store
from lockgate.testing.samples import an_event
folder = Path(sys.argv[1])
with open_store(f"sqlite:///{folder}/lockgate.db") as store:
    box = KeptSecrets(store.data_keys, store.secrets, MasterKeyFile(folder / "keys" / "master"), Redactor())
    print("begun", flush=True)
    while True:
        box.rotate(True, an_event("secret.key_rotated"))
"""


def test_killed_for_good_while_it_changes_keys_everything_opens(store: SqlStore, tmp_path: Path) -> None:
    put(a_box(store, tmp_path)), put(a_box(store, tmp_path), word="second")
    for attempt in range(6):
        words = [sys.executable, "-c", ROTATING, str(tmp_path)]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as rotating:
            assert rotating.stdout is not None and rotating.stdout.readline() == b"begun\n"
            time.sleep(0.01 + 0.017 * attempt)
            rotating.kill()
        fresh = a_box(store, tmp_path)
        assert [fresh.open("prod", "DB_PASS", n).reveal() for n in (1, 2)] == ["hunter2", "second"]


def _killed(box: KeptSecrets, store: SqlStore, patched: pytest.MonkeyPatch, moment: int, reseal: bool) -> bool:
    """Whether it was: it has no more writes than that otherwise."""
    left = [moment]

    def mortal(inner: Any) -> Any:
        def call(*arguments: Any) -> Any:
            _live(left)
            result = inner(*arguments)
            _live(left)
            return result

        return call

    for owner, name in ((MasterKeyFile, "write"), (type(store.data_keys), "rewrap"), (type(store.secrets), "reseal")):
        patched.setattr(owner, name, mortal(getattr(owner, name)))
    try:
        box.rotate(reseal, ROTATED)
    except Killed:
        return True
    return False


def _live(left: list[int]) -> None:
    if left[0] == 0:
        raise Killed
    left[0] -= 1


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["set", "rotate", "reseal", "remove"]), min_size=4, max_size=12))
def test_whatever_is_done_every_version_that_is_there_opens_as_it_was(tmp_path_factory: Any, done: list[str]) -> None:
    folder = tmp_path_factory.mktemp("kept")
    known: dict[int, str] = {}
    with open_store(f"sqlite:///{folder}/lockgate.db") as store:
        box = a_box(store, folder)
        for number, what in enumerate(done):
            if what == "set":
                known[put(box, word=f"word {number}")] = f"word {number}"
            elif what == "remove" and known:
                version = next(iter(known))
                box.remove("prod", "DB_PASS", version, SET)
                del known[version]
            elif what in ("rotate", "reseal"):
                box.rotate(what == "reseal", ROTATED)
        fresh = a_box(store, folder)
        assert {n: fresh.open("prod", "DB_PASS", n).reveal() for n in known} == known


def test_many_at_once_lose_nothing(store: SqlStore, tmp_path: Path) -> None:
    """Setting in two servers, while the keys are changed."""
    boxes = [a_box(store, tmp_path) for _ in range(3)]
    put(boxes[0], word="first")
    faults: list[BaseException] = []

    def guarded(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            faults.append(error)

    def setting(box: KeptSecrets, who: str) -> None:
        for n in range(8):
            put(box, word=f"{who} {n}")

    def changing() -> None:
        for reseal in (False, True, True):
            boxes[2].rotate(reseal, ROTATED)

    works = [lambda: setting(boxes[0], "a"), lambda: setting(boxes[1], "b"), changing]
    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    versions = a_box(store, tmp_path).versions("prod", "DB_PASS")
    opened = [a_box(store, tmp_path).open("prod", "DB_PASS", told.version).reveal() for told in versions]
    assert sorted(opened) == sorted(["first", *(f"{who} {n}" for who in "ab" for n in range(8))])
