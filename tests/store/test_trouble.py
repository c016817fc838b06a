"""What a store does when the database is locked, full, foreign, gone, or its process is killed."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from lockgate.core.audit import broken_at
from lockgate.core.deployment import State
from lockgate.core.errors import ComponentMissing, Conflict, Invalid, StorageFull, StoreBusy
from lockgate.core.ids import digest_of
from lockgate.ports import Selection
from lockgate.store import connection as connections
from lockgate.store.counters import take
from lockgate.store.database import SqlStore, open_store
from lockgate.testing.contracts.lives import added
from lockgate.testing.contracts.workers import STEPS
from lockgate.testing.samples import a_release, an_event

ROUNDS = 3


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lockgate.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqlStore]:
    with open_store(f"sqlite:///{file}", patience=0.2) as store:
        yield store


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, file: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{file}"


def python(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)


# --- locked ---


def test_a_lock_of_another_program_is_waited_for_and_then_named(store: SqlStore, file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="locked"):
        added(store)
    assert store.history.events(0, 10) == (), "reading goes on"
    other.execute("ROLLBACK")
    other.close()
    assert added(store).number == 1


def test_a_short_lock_of_another_program_is_not_noticed(file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    with open_store(f"sqlite:///{file}", patience=30) as store:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, lambda: other.execute("ROLLBACK")).start()
        assert added(store).number == 1
    other.close()


def test_threads_that_wait_for_the_lane_give_up_in_time(store: SqlStore) -> None:
    inside, leave = threading.Event(), threading.Event()

    def sit(_connection: object) -> None:
        inside.set()
        leave.wait(10)

    sitting = threading.Thread(target=store.database.write, args=(sit,))
    sitting.start()
    inside.wait(10)
    try:
        with pytest.raises(StoreBusy, match="busy"):
            added(store)
    finally:
        leave.set()
        sitting.join()


# --- full, foreign, gone ---


def limit_pages(store: SqlStore, count: int) -> None:
    event.listen(store.database.engine, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count={count}"))
    store.database.engine.dispose()


def test_a_full_disk_is_named_and_leaves_nothing_half_written(store: SqlStore) -> None:
    pages: int = store.database.read(lambda c: c.execute(text("PRAGMA page_count")).scalar_one())
    limit_pages(store, pages + 20)
    with pytest.raises(StorageFull, match="full"):
        for n in range(10_000):
            added(store, environment=f"e{n}", events=[an_event(deployment=f"dep-{n + 1}")])
    written = store.history.select(Selection(limit=10_000))
    assert len(written) == len(store.history.events(0, 10_000)) > 0
    limit_pages(store, pages + 200)
    assert added(store).number == written[0].number + 1


def test_a_file_that_is_not_a_database_is_refused(file: Path) -> None:
    file.write_bytes(b"These are not the pages you are looking for. " * 200)
    with pytest.raises(Conflict, match="not a database"):
        open_store(f"sqlite:///{file}")
    assert file.read_bytes().startswith(b"These")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ComponentMissing, match="nowhere"):
        open_store(f"sqlite:///{tmp_path}/nowhere/lockgate.db")


@pytest.mark.parametrize("url", ["mysql://x/y", "lockgate.db", "", "://"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="sqlite:///path"):
        open_store(url)


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(StoreBusy, match="refused"):
        open_store("postgresql://somebody@127.0.0.1:1/lockgate", patience=0.2)


def test_a_release_that_shares_another_ones_name_is_refused(store: SqlStore) -> None:
    """Ids are the first digits of digests; that two share them must not make one of the other."""
    first = store.releases.add(a_release(), an_event("release.created"))
    with pytest.raises(Conflict, match="UNIQUE"):
        store.releases.add(replace(first, digest=digest_of("other")), an_event("release.created"))
    assert store.releases.select("", 10) == (first,)


# --- Postgres ---


@pytest.mark.real
def test_a_worker_frozen_inside_a_transaction_does_not_stop_the_others(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "IDLE_IN_TRANSACTION", 0.3)
    with open_store(postgres_url) as frozen, open_store(postgres_url) as other:
        with frozen.database.engine.connect() as connection:
            take(connection, "event")
            assert added(other).number == 1
            connection.invalidate()
        assert added(frozen, environment="dev").number == 2


@pytest.mark.real
def test_connections_that_the_server_has_closed_are_replaced(postgres_url: str) -> None:
    with open_store(postgres_url) as store, open_store(postgres_url) as other:
        added(store)
        close = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        other.database.read(lambda connection: connection.execute(close).all())
        assert added(store, environment="dev").number == 2
        other.database.read(lambda connection: connection.execute(close).all())
        assert len(store.history.events(0, 10)) == 2


@pytest.mark.real
def test_a_lock_on_a_row_is_waited_for_and_then_named(postgres_url: str) -> None:
    with open_store(postgres_url, patience=0.2) as store, store.database.engine.connect() as connection:
        take(connection, "event")
        with pytest.raises(StoreBusy, match="lock timeout"):
            added(store)
        connection.rollback()
        assert added(store).number == 1, "the one that was given up has used no number"


# --- many at once ---


def test_many_can_open_a_new_database_at_once(tmp_path: Path) -> None:
    def open_and_read(url: str) -> int:
        with open_store(url) as store:
            return len(store.history.events(0, 1))

    urls = [f"sqlite:///{tmp_path}/{n}.db" for n in range(8) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(open_and_read, urls)) == {0}


@pytest.mark.real
def test_many_can_open_a_new_postgres_database_at_once(postgres_url: str) -> None:
    def add(n: int) -> int:
        with open_store(postgres_url) as store:
            return added(store, environment=f"e{n}").number

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(add, range(6))) == [1, 2, 3, 4, 5, 6]


WORK = """
import sys
from lockgate.store.database import open_store
from lockgate.testing.contracts.workers import work_until_done
with open_store(sys.argv[1]) as store:
    work_until_done(store, sys.argv[2])
"""


def test_two_processes_take_every_step_once(url: str) -> None:
    with open_store(url) as store:
        for n in range(16):
            added(store, environment=f"e{n % 4}", events=[])
        processes = [python(WORK, url, name) for name in ("a", "b")]
        assert [p.wait(60) for p in processes] == [0, 0]
        for process in processes:
            process.communicate()
        assert {row.state for row in store.history.select(Selection(limit=100))} == {State.SUCCEEDED}
        told = store.history.events(0, 1000)
        assert [e.seq for e in told] == list(range(1, 16 * STEPS + 1))
        assert set(Counter((e.deployment, e.data["step"]) for e in told).values()) == {1}


WRITE = """
import sys
from dataclasses import replace
from lockgate.core.deployment import State
from lockgate.store.database import open_store
from lockgate.testing.samples import NOON, an_event
store = open_store(sys.argv[1])
now = NOON + 100 * float(sys.argv[2])
(row,) = store.deployments.claim("w" + sys.argv[2], now, 10, 10)
print("started", flush=True)
while True:
    progress = replace(row.progress, steps_taken=row.progress.steps_taken + 1)
    told = an_event("stepped", deployment=row.id, data={"step": str(progress.steps_taken)}, audited=True)
    row = store.deployments.save(replace(row, progress=progress), now, [told])
"""


def killed_while_writing(url: str, round_: int, seconds: float) -> None:
    process = python(WRITE, url, str(round_))
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        time.sleep(seconds)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_process_killed_while_writing_leaves_a_whole_database(url: str) -> None:
    chance = random.Random(7)
    with open_store(url) as store:
        added(store, events=[])
        for round_ in range(ROUNDS):
            killed_while_writing(url, round_, chance.uniform(0.02, 0.2))
            check_whole(store)
        if url.startswith("sqlite"):
            assert store.database.read(lambda c: c.execute(text("PRAGMA integrity_check")).scalar()) == "ok"


def check_whole(store: SqlStore) -> None:
    """The row, its events and the audit chain tell the same story."""
    (row,) = store.history.select(Selection())
    told: Any = store.history.events(0, 100_000)
    assert [e.seq for e in told] == list(range(1, len(told) + 1))
    assert [e.data["step"] for e in told] == [str(n) for n in range(1, row.progress.steps_taken + 1)]
    entries = store.history.audit(0, 100_000)
    assert len(entries) == len(told) > 0
    assert broken_at(entries) is None
