"""The audit record: entries appended and verified per second.

Appending is a transaction each, as the engine does it, and an entry of many in one. Verifying is of an export, offline:
digests of every line and the signature of every day. Prints one JSON object a line. ``--quick``: a tenth of the work.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lockgate.core.audit import Event
from lockgate.core.checkpoint import DAY
from lockgate.core.export import verify_export
from lockgate.drivers.signing import KeyFolder
from lockgate.engine.auditing import Auditing
from lockgate.engine.notary import Notary
from lockgate.store import outbox
from lockgate.store.database import SqlStore, open_store
from lockgate.testing.fakes import FakeClock
from lockgate.testing.samples import a_release, an_event

BATCH = 1000
DAYS = 10
ROUNDS = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 when it could."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    entries = 20_000 if parser.parse_args(argv).quick else 200_000
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as folder, open_store(url(folder)) as store:
        release = store.releases.add(a_release(), an_event("release.created"))
        clock = FakeClock()
        signer = KeyFolder(Path(folder) / "keys", clock.now())
        desk = Auditing(store, clock, Notary(store, clock, signer))
        say(benchmark="audit append", **appended(store, clock, entries // 100, 1, release.id))
        say(benchmark="audit append, many at once", **appended(store, clock, entries, BATCH, release.id))
        say(benchmark="audit export", **exported(desk, Path(folder) / "audit.jsonl"))
        say(benchmark="audit verify", **verified(signer, Path(folder) / "audit.jsonl"))
        say(benchmark="audit verify, in the database", **recorded(desk))
    return 0


def url(folder: str) -> str:
    return f"sqlite:///{Path(folder) / 'lockgate.db'}"


def say(**line: object) -> None:
    print(json.dumps({**line, "load": round(os.getloadavg()[0], 1)}), flush=True)


def requested(clock: FakeClock, n: int, release: str) -> Event:
    """As long as a real one: it gets the release's commit and digests."""
    return an_event(
        "deployment.requested",
        clock.now(),
        because=f"shop 1.0 (#1) to prod: the weekly release number {n}.",
        actor="ada",
        application="shop",
        environment="prod",
        deployment=f"dep-{n}",
        release=release,
        data={"plan": "sha256:" + "7" * 64, "kind": "deploy", "release_label": "shop 1.0 (#1)"},
        address="127.0.0.1",
        audited=True,
    )


def appended(store: SqlStore, clock: FakeClock, entries: int, batch: int, release: str) -> dict[str, object]:
    step = DAYS * DAY / entries
    began = time.perf_counter()
    for first in range(0, entries, batch):
        events = []
        for n in range(first, first + batch):
            events.append(requested(clock, n, release))
            clock.pass_by(step)
        store.database.write(lambda connection, events=events: outbox.append(connection, events))
    return rate(entries, time.perf_counter() - began)


def exported(desk: Auditing, path: Path) -> dict[str, object]:
    began = time.perf_counter()
    with path.open("wb") as file:
        file.writelines(desk.export(None, None, "jsonl"))
    seconds = time.perf_counter() - began
    return {**rate(desk.notary.chain.last, seconds), "bytes": path.stat().st_size}


def verified(signer: KeyFolder, path: Path) -> dict[str, object]:
    """The median of several rounds."""
    found, worked = [], []
    for _ in range(ROUNDS):
        began, work = time.perf_counter(), time.process_time()
        with path.open("rb") as file:
            report = verify_export(file, signer.ring(), signer.verify)
        found.append(time.perf_counter() - began)
        worked.append(time.process_time() - work)
        assert report.whole, report.because
    cpu = round(report.entries / sorted(worked)[ROUNDS // 2])
    return {**rate(report.entries, sorted(found)[ROUNDS // 2]), "per_cpu_second": cpu, "days": report.days}


def recorded(desk: Auditing) -> dict[str, object]:
    began = time.perf_counter()
    report = desk.verified()
    assert report.whole, report.because
    return rate(report.entries, time.perf_counter() - began)


def rate(entries: int, seconds: float) -> dict[str, object]:
    return {"entries": entries, "seconds": round(seconds, 3), "per_second": round(entries / seconds)}


if __name__ == "__main__":
    raise SystemExit(main())
