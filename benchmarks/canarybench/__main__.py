"""``scripts/bench canarybench``: all studies; keeps the rows and writes the page.

``--quick``: fewer rollouts, about two minutes; prints the same tables and keeps its rows beside the full ones, but
leaves the page alone. ``--page``: only writes the page again, from the rows that are kept.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.canarybench import cpu, latency, report, studies
from benchmarks.canarybench.studies import SEED, Row
from benchmarks.canarybench.traffic import CELLS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "canarybench.jsonl"
QUICK_RESULTS = RESULTS.with_name("canarybench-quick.jsonl")
PAGE = ROOT / "docs" / "canarybench.md"


def run(quick: bool) -> Iterator[Row]:
    """All rows."""
    effort = studies.QUICK if quick else studies.FULL
    latencies = 5 if quick else 60
    began = time.process_time()
    yield from _told("cells", studies.cells(effort))
    yield from _told("dense", studies.dense(effort, CELLS[1::6] if quick else CELLS))
    yield from _told("ramp", studies.ramps(effort))
    yield from _told("stress", studies.stresses(effort))
    yield from _told("latency", latency.rows([SEED, 400], latencies, (1000.0,) if quick else (100.0, 1000.0)))
    yield from _told("cpu", cpu.rows(SEED, 200 if quick else 2000))
    minutes = round((time.process_time() - began) / 60, 1)
    yield {"study": "run", **vars(effort), "latency": latencies, "minutes": minutes}


def _told(name: str, rows: Iterator[Row]) -> Iterator[Row]:
    began = time.perf_counter()
    yield from rows
    print(f"  {name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def read(path: Path = RESULTS) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench canarybench", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", action="store_true")
    chosen = parser.parse_args()
    path = QUICK_RESULTS if chosen.quick else RESULTS
    if not chosen.page:
        rows = [json.dumps({"benchmark": "canarybench", **row}) for row in run(chosen.quick)]
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    page = report.page(read(path))
    if not chosen.quick:
        PAGE.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
