"""Durable transitions per second, and what ten thousand waiting deployments cost.

Prints one JSON object a line. ``--quick``: a few seconds, for a look; without it, about a minute.
"""

import argparse
import json
import os
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
from lockgate.testing.installation import Installation
from lockgate.testing.postgres import postgres_server
from lockgate.testing.samples import a_deployment, an_event

STEPS = 16
"""Saves of a running deployment, as many as a rolling deployment of a few instances makes."""
LEASE = 60.0
SETTLING = 2.0
"""Seconds after the start of a server until it has nothing left to do."""
FAR = 30 * 86_400.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 when it could."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args(argv)
    deployments, waiting, rest = (20, 1_000, 2.0) if chosen.quick else (200, 10_000, 20.0)
    with ExitStack() as databases:
        for name, url in urls(databases):
            for threads in (1, 4):
                say(benchmark="transitions", database=name, **transitions(url, deployments, threads), load=load())
            say(benchmark="waiting", database=name, **filled(url, waiting), **served(url, rest), load=load())
    return 0


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


def load() -> float:
    return round(os.getloadavg()[0], 1)


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
    """So many that wait: a third each for a person, for a time far away, and in line behind another."""
    ways = ((State.GATED, None), (State.GATED, time.time() + FAR), (State.READY, time.time() + FAR))
    with open_store(url) as store, stopwatch() as watch:
        for n in range(waiting):
            state, when = ways[n % 3]
            new = a_deployment(f"a{n % 100}", f"e{n}", state=state, created_at=time.time(), next_at=when)
            store.deployments.add(new, False, [an_event()])
    return {"deployments": waiting, "added_per_second": round(waiting / watch.seconds)}


def served(url: str, seconds: float) -> dict[str, object]:
    """What a whole server needs on that database while nothing is due: worker, API, console, router and all."""
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as folder:
        environments = "environments:\n  dev: {}\n"
        with Installation(Path(folder), environments, {"LOCKGATE_DATABASE": url}) as installation:
            assert installation.process is not None
            pid = installation.process.pid
            never = threading.Event()
            never.wait(SETTLING)
            before = cpu_seconds(pid)
            never.wait(seconds)
            spent = cpu_seconds(pid) - before
            return {"server_memory_mib": resident_mib(pid), "server_cpu_percent": round(100 * spent / seconds, 2)}


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
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
