"""What a hundred replicas cost, and how soon a new control plane knows them after kill -9 of the one before.

The server is killed and started again; measured are its start (until it answers) and the adoption (from then until the
status shows every replica as ready). Then memory of the shims and of the server, and the server's CPU while nothing
happens, with the replicas and before there were any. One JSON object a line. ``--quick``: 20 replicas, little rest.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import lockgate.testing.sample_app
from lockgate.drivers.supervision import adopt
from lockgate.testing.installation import Installation, free_ports, wait_until

PROGRAM = Path(lockgate.testing.sample_app.__file__).resolve()
KILLS = 5
SETTLING = 2.0
"""Seconds after a start before the server counts as idle."""


def definition(replicas: int) -> str:
    """lockgate.yaml of the sample application with so many replicas."""
    return f"""
application: sample
components:
  web:
    artifact: file:{PROGRAM}
    run: {sys.executable} -I -S {{artifact}} --host {{host}} --port {{port}}
    health: /health
    replicas: {replicas}
    stop: {{grace: 2s}}
"""


def memory(pid: int) -> tuple[float, float]:
    """Private and resident MiB of a process."""
    kib = {"Private_Clean:": 0, "Private_Dirty:": 0, "Rss:": 0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        words = line.split()
        if words[0] in kib:
            kib[words[0]] += int(words[1])
    return (kib["Private_Clean:"] + kib["Private_Dirty:"]) / 1024, kib["Rss:"] / 1024


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(pid: int, seconds: float) -> float:
    """Per cent of one core that the process takes while nothing is asked of it."""
    time.sleep(SETTLING)
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / seconds


def server_of(installation: Installation) -> int:
    assert installation.process is not None
    return installation.process.pid


def adopted(installation: Installation, replicas: int) -> tuple[float, float]:
    """Seconds: the start of a server after kill -9, and from its first answer until it knows all replicas."""
    installation.kill()
    began = time.perf_counter()
    installation.start()
    answered = time.perf_counter()
    wait_until(lambda: installation.client.status().rows[0].ready == replicas, "Every replica ready", pause=0.002)
    return answered - began, time.perf_counter() - answered


def tell(what: str, **figures: object) -> None:
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    print(
        json.dumps({"benchmark": "adoption", "what": what, "load": round(os.getloadavg()[0], 1), **rounded}), flush=True
    )


def main(words: Sequence[str] | None = None) -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the replicas, and little rest")
    quick = parser.parse_args(words).quick
    replicas, rest, kills = (20, 2.0, 2) if quick else (100, 20.0, KILLS)
    environments = f"environments:\n  dev: {{listen: {free_ports(1)[0]}}}\n"
    with tempfile.TemporaryDirectory() as folder, Installation(Path(folder), environments) as installation:
        empty = idle(server_of(installation), rest)
        tell("idle server, nothing deployed", cpu_percent=empty, rss_mib=memory(server_of(installation))[1])
        began = time.perf_counter()
        assert installation.run(installation.release(definition(replicas)), "dev").state == "succeeded"
        tell("first deployment", replicas=replicas, seconds=time.perf_counter() - began)
        times = [adopted(installation, replicas) for _ in range(kills)]
        start, adoption = (statistics.median(column) for column in zip(*times, strict=True))
        tell("adoption after kill -9", replicas=replicas, kills=kills, start_p50_s=start, adoption_p50_s=adoption)
        shims = [memory(shim.status().shim_pid) for shim in adopt(installation.data / "instances")]
        private, resident = (statistics.median(column) for column in zip(*shims, strict=True))
        tell("one shim", replicas=len(shims), uss_mib=private, rss_mib=resident)
        busy = idle(server_of(installation), rest)
        rss = memory(server_of(installation))[1]
        tell("idle server, everything running", replicas=replicas, cpu_percent=busy, rss_mib=rss)


if __name__ == "__main__":
    main()
