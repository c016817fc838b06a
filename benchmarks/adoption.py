"""What a hundred replicas cost, and how soon a new control plane knows them after kill -9 of the one before.

The server is killed and started again; measured are its start (until it answers) and the adoption (from then until the
status shows every replica as ready). Then memory of the shims and of the server, and the server's CPU while nothing
happens, with the replicas and before there were any. One JSON object a line. ``--quick``: 20 replicas, little rest.
``--target docker``: containers.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bare import grounds

from lockgate.drivers.supervision import adopt
from lockgate.testing import sites
from lockgate.testing.installation import Installation, free_ports, wait_until
from lockgate.testing.sites import Site

KILLS = 5
SETTLING = 2.0
"""Seconds after a start before the server counts as idle."""


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


def tell(site: Site, what: str, **figures: object) -> None:
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    load = round(os.getloadavg()[0], 1)
    told = {"benchmark": "adoption", "target": site.name, "what": what, "load": load}
    print(json.dumps({**told, **rounded}), flush=True)


def measure(site: Site, installation: Installation, replicas: int, rest: float, kills: int) -> None:
    empty = idle(server_of(installation), rest)
    tell(site, "idle server, nothing deployed", cpu_percent=empty, rss_mib=memory(server_of(installation))[1])
    began = time.perf_counter()
    release = installation.release(sites.definition(site, "1", replicas=replicas))
    assert installation.run(release, "dev").state == "succeeded"
    tell(site, "first deployment", replicas=replicas, seconds=time.perf_counter() - began)
    times = [adopted(installation, replicas) for _ in range(kills)]
    start, adoption = (statistics.median(column) for column in zip(*times, strict=True))
    tell(site, "adoption after kill -9", replicas=replicas, kills=kills, start_p50_s=start, adoption_p50_s=adoption)
    shims = [memory(shim.status().shim_pid) for shim in adopt(installation.data / "instances")]
    if shims:
        private, resident = (statistics.median(column) for column in zip(*shims, strict=True))
        tell(site, "one shim", replicas=len(shims), uss_mib=private, rss_mib=resident)
    busy = idle(server_of(installation), rest)
    rss = memory(server_of(installation))[1]
    tell(site, "idle server, everything running", replicas=replicas, cpu_percent=busy, rss_mib=rss)


def main(words: Sequence[str] | None = None) -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the replicas, and little rest")
    parser.add_argument("--target", choices=("process", "docker"), default="process")
    chosen = parser.parse_args(words)
    replicas, rest, kills = (20, 2.0, 2) if chosen.quick else (100, 20.0, KILLS)
    with (
        grounds(chosen.target) as (site, _),
        tempfile.TemporaryDirectory() as folder,
        Installation(Path(folder), sites.one_environment(site, free_ports(1)[0])) as installation,
    ):
        measure(site, installation, replicas, rest, kills)


if __name__ == "__main__":
    main()
