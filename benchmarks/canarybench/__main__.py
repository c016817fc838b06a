"""``scripts/bench canarybench``: all studies; keeps the rows and writes the page.

``--quick``: fewer rollouts, about two minutes; prints the same tables and keeps its rows beside the full ones, but
leaves the page alone. ``--only STUDY``: makes that one anew. ``--page``: only writes the page again, from the rows that
are kept.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.canarybench import cpu, latency, live, report, studies
from benchmarks.canarybench.studies import SEED, Row
from benchmarks.canarybench.traffic import CELLS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "canarybench.jsonl"
QUICK_RESULTS = RESULTS.with_name("canarybench-quick.jsonl")
LATENCIES = {True: 5, False: 60}
"""Rollouts of each shape: the product judges them one by one."""
PAGE = ROOT / "docs" / "canarybench.md"


def planned(quick: bool) -> dict[str, Iterator[Row]]:
    """Study -> its rows, which are only made when they are asked for."""
    effort = studies.QUICK if quick else studies.FULL
    return {
        "cells": studies.cells(effort),
        "dense": studies.dense(effort, CELLS[1::6] if quick else CELLS),
        "ramp": studies.ramps(effort),
        "stress": studies.stresses(effort),
        "latency": latency.rows([SEED, 400], LATENCIES[quick], (1000.0,) if quick else (100.0, 1000.0)),
        "live": live.rows(SEED, 4 if quick else 30),
        "cpu": cpu.rows(SEED, 3 if quick else 9, 60 if quick else 300),
    }


def run(quick: bool) -> Iterator[Row]:
    """All rows."""
    began = time.process_time()
    for name, rows in planned(quick).items():
        yield from _told(name, rows)
    minutes = round((time.process_time() - began) / 60, 1)
    effort = studies.QUICK if quick else studies.FULL
    yield {"study": "run", **vars(effort), "latency": LATENCIES[quick], "minutes": minutes}


def again(quick: bool, name: str, kept: list[Row]) -> list[Row]:
    """The rows that are kept, those of one study made anew."""
    at = next((index for index, row in enumerate(kept) if row["study"] == name), len(kept))
    others = [row for row in kept if row["study"] != name]
    return [*others[:at], *_told(name, planned(quick)[name]), *others[at:]]


def _told(name: str, rows: Iterator[Row]) -> Iterator[Row]:
    began = time.perf_counter()
    yield from rows
    print(f"  {name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def read(path: Path = RESULTS) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench canarybench", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=tuple(planned(True)))
    parser.add_argument("--page", action="store_true")
    chosen = parser.parse_args()
    path = QUICK_RESULTS if chosen.quick else RESULTS
    if not chosen.page:
        rows = again(chosen.quick, chosen.only, read(path)) if chosen.only else list(run(chosen.quick))
        lines = [json.dumps({"benchmark": "canarybench", **row}) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    page = report.page(read(path))
    if not chosen.quick:
        PAGE.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
