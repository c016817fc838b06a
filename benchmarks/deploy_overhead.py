"""What a deployment costs beyond the start of the application: from the call ``deploy`` to traffic on the new release.

The floor is the bare application, started by hand and asked every 2 ms until its first 200 (with several replicas: as
many at once, until each has answered). Floors and deployments alternate on the same machine. Blue-green, one HTTP check
(asked before and again after the traffic moves), by way of the API, with a client that asks through the router every
2 ms. One JSON object a line. ``--quick``: 3 of each, and only 1 replica. ``--steps`` adds when each step of a
deployment began: where the time goes. ``--target docker``: containers, and the floor is a bare container.
"""

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bare import Bare, grounds

from lockgate.core.errors import Unavailable
from lockgate.messages import ReleaseView
from lockgate.testing import sites
from lockgate.testing.installation import Installation, free_ports, wait_until
from lockgate.testing.sites import Site

EVERY = 0.002
"""Seconds between two questions, of whoever watches."""
STARTS = (0.05, 0.2, 0.6)
"""Seconds that the application takes from its start to its first answer, about."""
REST = 0.2
"""Seconds between two runs: whatever the one before left to do is done."""


def definition(site: Site, version: str, delay: float, replicas: int) -> str:
    """lockgate.yaml of one version."""
    return sites.definition(site, version, replicas=replicas, options=f"--start-delay {delay:.3f}")


# --- asking ---


class Asker:
    """One connection, kept while it can be; as little work a question as Python allows."""

    def __init__(self, port: int, path: str = "/version") -> None:
        self._port = port
        self._request = f"GET {path} HTTP/1.1\r\nHost: sample.localhost\r\n\r\n".encode()
        self._connection: socket.socket | None = None

    def ask(self) -> str:
        """The body of a 200; empty: something else, or nothing."""
        try:
            if self._connection is None:
                self._connection = socket.create_connection(("127.0.0.1", self._port), timeout=5)
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection.sendall(self._request)
            answer = self._connection.recv(4096)
            while b"\r\n\r\n" not in answer:
                more = self._connection.recv(4096)
                if not more:
                    raise ConnectionError("cut off")
                answer += more
        except OSError:
            self.close()
            return ""
        head, _, body = answer.partition(b"\r\n\r\n")
        return body.decode() if head.startswith(b"HTTP/1.1 200") else ""

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Watch(threading.Thread):
    """Asks until the answer is ``version``; then ``at`` is when it came."""

    def __init__(self, port: int, version: str) -> None:
        super().__init__(daemon=True)
        self._asker, self._version = Asker(port), version
        self.at = 0.0

    def run(self) -> None:
        end = time.perf_counter() + 60
        while self._asker.ask() != self._version and time.perf_counter() < end:
            time.sleep(EVERY)
        self.at = time.perf_counter()
        self._asker.close()


# --- one run of each ---


def floor(bare: Bare, delay: float, replicas: int = 1) -> float:
    """Seconds from the start of so many bare applications, one after the other, until each has answered 200."""
    ports = free_ports(replicas)
    askers = [Asker(port) for port in ports]
    began = time.perf_counter()
    started = [bare.start(["--start-delay", f"{delay:.3f}", "--port", str(port)]) for port in ports]
    try:
        waiting = list(askers)
        while waiting := [asker for asker in waiting if not asker.ask()]:
            time.sleep(EVERY)
        return time.perf_counter() - began
    finally:
        for asker, each in zip(askers, started, strict=True):
            asker.close()
            bare.end(each)


@dataclass(frozen=True)
class Run:
    """Seconds since the call."""

    answered: float
    """The call came back: the deployment is recorded."""
    moved: float
    """The first answer of the new release through the router."""
    gone: float
    """The last instance of the old release had stopped listening."""
    steps: Mapping[str, float]


def deployment(installation: Installation, release: ReleaseView, version: str, port: int) -> Run:
    old = doors(installation)
    watch = Watch(port, version)
    watch.start()
    time.sleep(0.05)
    called, began = time.time(), time.perf_counter()
    opened = installation.deploy(release, "dev")
    answered = time.perf_counter() - began
    try:
        wait_until(lambda: all(map(shut, old)), "The end of the old release", pause=EVERY)
    except Unavailable:
        print(installation.client.explain(opened.id), installation.log(), file=sys.stderr)
        raise
    gone = time.perf_counter() - began
    watch.join()
    ended = installation.until_final(opened.id)
    assert ended.state == "succeeded", ended.because
    events = installation.client.past_events(deployment=opened.id)
    return Run(answered, watch.at - began, gone, {e.because.partition(" of web ")[0]: e.at - called for e in events})


def doors(installation: Installation) -> list[int]:
    """Ports that the application's instances listen on."""
    rows = installation.client.status().rows
    return [int(i.endpoint.rpartition(":")[2]) for row in rows for i in row.instances]


def shut(port: int) -> bool:
    """Nobody listens there any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


# --- many ---


def calibrated(bare: Bare, start: float, rounds: int) -> float:
    """The delay with which the bare application takes ``start`` seconds, or as much longer as it takes by itself."""
    return max(0.0, start - statistics.median(floor(bare, 0.0) for _ in range(rounds)))


def series(site: Site, bare: Bare, start: float, replicas: int, count: int, steps: bool) -> None:
    """One line of figures."""
    delay = calibrated(bare, start, 5)
    port = free_ports(1)[0]
    floors: list[float] = []
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as folder:
        environments = sites.one_environment(site, port)
        with Installation(Path(folder), environments, {"LOCKGATE_LOG_LEVEL": "warning"}) as installation:
            releases = [installation.release(definition(site, f"v{n}", delay, replicas)) for n in range(count + 2)]
            # The first starts Envoy, the second finds everything as a server that has run for a while has it.
            for release in releases[:2]:
                installation.run(release, "dev")
            for n, release in enumerate(releases[2:], 2):
                time.sleep(REST)
                floors.append(floor(bare, delay, replicas))
                time.sleep(REST)
                runs.append(deployment(installation, release, f"v{n}", port))
    say(site, start, replicas, floors, runs)
    if steps:
        say_steps(runs)


def say(site: Site, start: float, replicas: int, floors: Sequence[float], runs: Sequence[Run]) -> None:
    added = [run.moved - floor for run, floor in zip(runs, floors, strict=True)]
    told = {
        "benchmark": "deploy_overhead",
        "target": site.name,
        "application_starts_in_ms": round(start * 1000),
        "strategy": "blue-green",
        "checks": 1,
        "replicas": replicas,
        "deployments": len(runs),
        **quantiles("floor", floors),
        **quantiles("moved", [run.moved for run in runs]),
        **quantiles("added", added),
        **quantiles("old_gone", [run.gone for run in runs]),
        **quantiles("call", [run.answered for run in runs]),
        "load": load(),
    }
    print(json.dumps(told), flush=True)


def say_steps(runs: Sequence[Run]) -> None:
    """The median time since the call at which each event was recorded."""
    for name in runs[-1].steps:
        at = statistics.median(run.steps[name] for run in runs if name in run.steps)
        print(f"  {at * 1000:7.1f} ms  {name}", file=sys.stderr)


def quantiles(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds: the median, and what nine of ten stay below."""
    ordered = sorted(seconds)
    ninth = ordered[min(len(ordered) - 1, round(0.9 * (len(ordered) - 1)))]
    return {f"{name}_p50_ms": round(statistics.median(ordered) * 1000, 1), f"{name}_p90_ms": round(ninth * 1000, 1)}


def load() -> float:
    """Processes that wanted a core in the last minute, ours included."""
    return round(os.getloadavg()[0], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--start", type=float, help="only an application that starts in so many seconds")
    parser.add_argument("--replicas", type=int, help="only with so many replicas")
    parser.add_argument("--count", type=int, default=15)
    parser.add_argument("--target", choices=("process", "docker"), default="process")
    chosen = parser.parse_args()
    count, pools = (3, [1]) if chosen.quick else (chosen.count, [1, 2])
    with grounds(chosen.target) as (site, bare):
        for replicas in [chosen.replicas] if chosen.replicas else pools:
            for start in [chosen.start] if chosen.start else STARTS:
                series(site, bare, start, replicas, count, chosen.steps)


if __name__ == "__main__":
    main()
