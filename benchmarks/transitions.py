"""Durable transitions per second, and what ten thousand waiting deployments cost.

Prints one JSON object a line. ``--quick``: a few seconds, for a look; without it, about a minute.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from lockgate.core.deployment import Deployment, Progress, State
from lockgate.core.errors import ComponentMissing
from lockgate.ports import Store
from lockgate.store.database import open_store
from lockgate.testing.postgres import postgres_server
from lockgate.testing.samples import a_deployment, an_event

STEPS = 16
"""Saves of a running deployment, as many as a rolling deployment of a few instances makes."""
LEASE = 60.0
TICK = 0.5
FAR = 30 * 86_400.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 when it could."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--idle", metavar="URL", help=argparse.SUPPRESS)
    chosen = parser.parse_args(argv)
    if chosen.idle:
        say(**idle(chosen.idle, seconds=5 if chosen.quick else 30))
        return 0
    deployments, waiting = (20, 1_000) if chosen.quick else (200, 10_000)
    with ExitStack() as databases:
        for name, url in urls(databases):
            for threads in (1, 4):
                say(benchmark="transitions", database=name, **transitions(url, deployments, threads))
            say(benchmark="waiting", database=name, **filled(url, waiting), **measured_apart(url, chosen.quick))
    return 0


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


def urls(databases: ExitStack) -> Iterator[tuple[str, str]]:
    """Name and URL of an empty database of each kind that is here."""
    folder = databases.enter_context(tempfile.TemporaryDirectory(prefix="lockgate-bench-"))
    yield "sqlite", f"sqlite:///{Path(folder) / 'lockgate.db'}"
    try:
        yield "postgres", databases.enter_context(postgres_server())
    except ComponentMissing as missing:
        say(benchmark="transitions", database="postgres", skipped=str(missing))


def transitions(url: str, deployments: int, threads: int) -> dict[str, object]:
    """Each deployment on its own environment: claimed, admitted, walked with an event at each step, done. Claims and
    saves are counted; each is one durable transaction."""
    with open_store(url) as store:
        for n in range(deployments):
            new = a_deployment(environment=f"{threads}-{n}", created_at=time.time(), next_at=time.time())
            store.deployments.add(new, False, [an_event()])
        with stopwatch() as watch, ThreadPoolExecutor(threads) as pool:
            counts = list(pool.map(lambda worker: lead_all(store, f"w{worker}"), range(threads)))
        return {
            "threads": threads,
            "deployments": deployments,
            "transitions": sum(counts),
            "seconds": round(watch.seconds, 3),
            "per_second": round(sum(counts) / watch.seconds),
            "ms_each": round(1000 * watch.seconds / sum(counts), 3),
        }


def lead_all(store: Store, worker: str) -> int:
    count = 0
    while rows := store.deployments.claim(worker, time.time(), LEASE, 1):
        count += 1 + sum(lead(store, row) for row in rows)
    return count


def lead(store: Store, row: Deployment) -> int:
    """To success, in so many saves."""
    row = save(store, replace(row, state=State.READY))
    row = save(store, replace(row, state=State.RUNNING))
    for step in range(STEPS):
        row = save(store, replace(row, progress=Progress(step="shift", words="Half of it", steps_taken=step)))
    save(store, replace(row, state=State.SUCCEEDED, holds=True, next_at=None), keep=False)
    return STEPS + 3


def save(store: Store, row: Deployment, *, keep: bool = True) -> Deployment:
    told = an_event(f"deployment.{row.state}", application=row.application, deployment=row.id)
    return store.deployments.save(row, time.time(), [told], keep_claim=keep)


def filled(url: str, waiting: int) -> dict[str, object]:
    """So many that wait: half for a person, half for a time far away."""
    with open_store(url) as store, stopwatch() as watch:
        for n in range(waiting):
            when = time.time() + FAR if n % 2 else None
            new = a_deployment(f"a{n}", state=State.GATED, created_at=time.time(), next_at=when)
            store.deployments.add(new, False, [an_event()])
    return {"deployments": waiting, "added_per_second": round(waiting / watch.seconds)}


def measured_apart(url: str, quick: bool) -> dict[str, object]:
    """What a process of its own needs, which did not fill the database."""
    command = [sys.executable, __file__, "--idle", url, *(["--quick"] if quick else [])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def idle(url: str, seconds: float) -> dict[str, object]:
    """A worker's loop with nothing to do: memory of the process, and its share of one core."""
    with open_store(url) as store:
        store.deployments.claim("w", time.time(), LEASE, 8)
        before, watch = time.process_time(), time.monotonic()
        never = threading.Event()
        while time.monotonic() - watch < seconds:
            assert store.deployments.claim("w", time.time(), LEASE, 8) == ()
            never.wait(TICK)
        spent = time.process_time() - before
        return {"memory_mib": resident_mib(), "cpu_percent": round(100 * spent / (time.monotonic() - watch), 2)}


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


class Watch:
    seconds = 0.0


@contextmanager
def stopwatch() -> Iterator[Watch]:
    watch, started = Watch(), time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
