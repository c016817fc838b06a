"""Inventory both ways, and what ran at a moment, over a million deployments in 500 environments.

The data is made up, with fixed seeds: 200 applications with 60 releases each, each release with 100 packages, each
application deployed ten times in each environment. Asked is the desk that the API and the command line ask, so what is
timed is the queries and the views made of them; `p99_cpu_ms` is this process's own work, without waiting for a busy
machine or for Postgres. Prints one JSON object a line. ``--quick``: a hundredth of the data.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.transitions import load, say, stopwatch, urls

from lockgate.core.deployment import State
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.ids import DeploymentId, InstanceId, ReleaseId, RevisionId, digest_of
from lockgate.core.inventory import Condition, Instance, Observed
from lockgate.core.package import Package
from lockgate.core.traffic import Key
from lockgate.engine.consent import Consent
from lockgate.engine.gatehouse import Gatehouse
from lockgate.engine.promoter import Promoter
from lockgate.engine.whereabouts import Whereabouts
from lockgate.store import rows
from lockgate.store.attachments import own_row
from lockgate.store.database import SqlStore, open_store
from lockgate.store.schema import deployment, holding, observation, package
from lockgate.testing.fakes import FakeClock
from lockgate.testing.samples import a_deployment
from lockgate.testing.vaults import FakeVault

RELEASES = 60
PACKAGES = 100
TIMES = 10
"""Deployments of an application in an environment."""
SHOWN = 200
"""As many as the API and the command line show of something that is in many places."""
DAY = 86_400.0
START = 1_760_000_000.0
CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Size:
    applications: int
    environments: int
    questions: int

    @property
    def deployments(self) -> int:
        return self.applications * self.environments * TIMES


WHOLE, QUICK = Size(200, 500, 300), Size(40, 25, 60)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 when it could."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    size = QUICK if parser.parse_args(argv).quick else WHOLE
    with ExitStack() as databases:
        for name, url in urls(databases):
            with open_store(url) as store:
                with stopwatch() as watch:
                    fill(store, size)
                made = {"deployments": size.deployments, "environments": size.environments}
                say(benchmark="inventory", database=name, **made, seconds_to_fill=round(watch.seconds), load=load())
                for line in asked(store, size):
                    say(benchmark="inventory", database=name, **line, load=load())
    return 0


# --- the data ---


def name_of(application: int) -> str:
    return f"app-{application:03}"


def place_of(environment: int) -> str:
    return f"env-{environment:03}"


def release_of(application: int, number: int) -> ReleaseId:
    return ReleaseId(f"rel-{application:03}x{number:03}")


def package_of(application: int, number: int, which: int) -> Package:
    """Neighbouring releases have most of their packages in common; the first few are in all applications."""
    name = f"lib-{which}" if which < 5 else f"lib-{(application * 37 + which) % 2000}"
    version = f"{1 + which % 3}.{(number + which) // 6}.{which % 7}"
    return Package(name, version, f"pkg:pypi/{name}@{version}")


def digest_for(application: int, number: int) -> str:
    return digest_of([application, number])


def fill(store: SqlStore, size: Size) -> None:
    insert(store, package, packages(size))
    insert(store, observation, observations(size))
    insert(store, deployment, deployments(size))
    insert(store, holding, holdings(size))
    statement = "ANALYZE" if store.database.sqlite else "VACUUM ANALYZE"
    store.database.read(lambda connection: connection.exec_driver_sql(statement))


def insert(store: SqlStore, table: Any, written: Iterator[dict[str, Any]]) -> None:
    chunk: list[dict[str, Any]] = []
    for row in written:
        chunk.append(row)
        if len(chunk) == CHUNK:
            write(store, table, chunk)
            chunk = []
    write(store, table, chunk)


def write(store: SqlStore, table: Any, chunk: list[dict[str, Any]]) -> None:
    if chunk:
        store.database.write(lambda connection: connection.execute(table.insert(), chunk))


def packages(size: Size) -> Iterator[dict[str, Any]]:
    for application in range(size.applications):
        for number in range(RELEASES):
            release = release_of(application, number)
            own = Package(name_of(application), f"{number}.0", "", digest_for(application, number), "web")
            yield own_row(release, 0, own)
            for which in range(PACKAGES):
                yield own_row(release, which, package_of(application, number, which), digest_for(application, -1))


def observations(size: Size) -> Iterator[dict[str, Any]]:
    for application in range(size.applications):
        for environment in range(size.environments):
            key = Key(name_of(application), place_of(environment), "web")
            instances = tuple(
                Instance(InstanceId(f"i-{n}"), RevisionId("0" * 12), n, Condition.READY, f"127.0.0.1:{4000 + n}", START)
                for n in range(2)
            )
            seen = Observed(key, instances, end_of(size))
            yield {
                "application": key.application,
                "environment": key.environment,
                "component": "web",
                "document": rows.document(seen),
            }


def histories(size: Size) -> Iterator[tuple[int, int, int, int, float, float | None]]:
    """Number, application, environment, release, from and until of each deployment."""
    chance = random.Random(5)
    number = 0
    for application in range(size.applications):
        for environment in range(size.environments):
            times = sorted(START + chance.random() * 365 * DAY for _ in range(TIMES))
            first = chance.randrange(RELEASES - TIMES)
            for n, (since, until) in enumerate(zip(times, [*times[1:], None], strict=True)):
                number += 1
                yield number, application, environment, first + n, since, until


def end_of(size: Size) -> float:
    return START + 365 * DAY


def deployments(size: Size) -> Iterator[dict[str, Any]]:
    details = rows.details_of(a_deployment())
    for number, application, environment, release, since, until in histories(size):
        yield {
            "number": number,
            "id": f"dep-{number}",
            "application": name_of(application),
            "environment": place_of(environment),
            "release": release_of(application, release),
            "state": State.SUCCEEDED.value,
            "want": "run",
            "urgent": False,
            "holds": until is None,
            "asked": False,
            "next_at": None,
            "owner": "",
            "lease_until": 0.0,
            "generation": number,
            "written_at": since,
            "details": details,
        }


def holdings(size: Size) -> Iterator[dict[str, Any]]:
    for number, application, environment, release, since, until in histories(size):
        yield {
            "deployment": DeploymentId(f"dep-{number}"),
            "cell": "",
            "application": name_of(application),
            "environment": place_of(environment),
            "release": release_of(application, release),
            "label": f"{name_of(application)} {release}.0 (#{release})",
            "actor": "ann",
            "from_at": since,
            "until_at": until,
        }


# --- the questions ---


def asked(store: SqlStore, size: Size) -> Iterator[dict[str, object]]:
    clock = FakeClock(end_of(size))
    names = {place_of(n): Environment(place_of(n)) for n in range(size.environments)}
    catalogue, vault = Catalogue(names), FakeVault()
    consent = Consent(store, lambda: catalogue, vault)
    promoter = Promoter(store, clock, lambda: catalogue, lambda plan: None, Gatehouse(()), consent, vault)
    desk = Whereabouts(store, clock, promoter)
    for question, ask in questions(desk, size).items():
        yield {"question": question, **timed(ask, size.questions)}


def questions(desk: Whereabouts, size: Size) -> dict[str, Callable[[random.Random], int]]:
    """Each answers with how many rows it got."""

    def place(chance: random.Random) -> str:
        return place_of(chance.randrange(size.environments))

    def moment(chance: random.Random) -> float:
        return START + chance.random() * 365 * DAY

    def one(chance: random.Random) -> tuple[int, int]:
        return chance.randrange(size.applications), chance.randrange(RELEASES)

    def what(chance: random.Random) -> Package:
        return package_of(*one(chance), chance.randrange(5, PACKAGES))

    def common(chance: random.Random) -> Package:
        return package_of(*one(chance), chance.randrange(5))

    def found(text: str, at: float | None = None, ever: bool = False) -> int:
        return len(desk.where(text, at, ever, SHOWN).running)

    return {
        "what is in an environment": lambda c: len(desk.inventory(place(c), "", None, 1000).running),
        "what ran in an environment at a moment": lambda c: len(desk.inventory(place(c), "", moment(c), 1000).running),
        "where a digest runs": lambda c: found(digest_for(*one(c))),
        "where a digest ever ran": lambda c: found(digest_for(*one(c)), ever=True),
        "where a digest ran at a moment": lambda c: found(digest_for(*one(c)), at=moment(c)),
        "where a package URL runs": lambda c: found(what(c).purl),
        "where a name and version runs": lambda c: found(what(c).label()),
        "where a version that all applications have runs (200 shown)": lambda c: found(common(c).label()),
        "where a name runs, of any version (200 shown)": lambda c: found(common(c).name),
    }


def timed(ask: Callable[[random.Random], int], times: int) -> dict[str, object]:
    chance = random.Random(7)
    for _ in range(3):
        ask(chance)
    took, worked, counts = [], [], []
    for _ in range(times):
        began, at_work = time.perf_counter(), time.process_time()
        counts.append(ask(chance))
        took.append(1000 * (time.perf_counter() - began))
        worked.append(1000 * (time.process_time() - at_work))
    return {
        "rows": round(statistics.mean(counts), 1),
        "p50_ms": round(statistics.median(took), 2),
        "p99_ms": round(statistics.quantiles(took, n=100)[98], 2),
        "p99_cpu_ms": round(statistics.quantiles(worked, n=100)[98], 2),
        "times": times,
    }


if __name__ == "__main__":
    sys.exit(main())
