"""How long a comparison takes: of two environments, and of two moments of one, among a million deployments.

500 environments with 40 applications of two components each, and the same number of past deployments of each. The
databases are filled by SQL; the comparison is the one that the API calls. Prints one JSON object a line. ``--quick``: a
fiftieth of the deployments.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Table, insert

from lockgate.config.environments_file import read_catalogue
from lockgate.core.application import Application, Component
from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.core.capability import stated
from lockgate.core.deployment import Deployment, Kind, State
from lockgate.core.environment import Catalogue
from lockgate.core.errors import ComponentMissing
from lockgate.core.ids import DeploymentId, InstanceId, canonical, digest_of, digest_of_bytes
from lockgate.core.inventory import Condition, Instance, Observed
from lockgate.core.plan import Plan, make_plan
from lockgate.core.release import Release, freeze
from lockgate.core.traffic import RouterCaps, TargetCaps
from lockgate.engine.chronicle import Chronicle
from lockgate.engine.snapshots import Snapshots
from lockgate.engine.surveyor import Surveyor
from lockgate.store import rows, schema
from lockgate.store.database import SqlStore, open_store
from lockgate.testing.fakes import FakeClock
from lockgate.testing.postgres import postgres_server

ENVIRONMENTS, APPLICATIONS = 500, 40
EACH = 50
"""Deployments of an application in an environment."""
APART = 3600.0
"""Seconds between two of them."""
SEED = 20261121


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 when it could."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args(argv)
    each, pairs = (1, 40) if chosen.quick else (EACH, 300)
    with ExitStack() as databases:
        for name, url in urls(databases):
            run(name, url, each, pairs)
    return 0


def run(name: str, url: str, each: int, pairs: int) -> None:
    began = time.perf_counter()
    catalogue = read_catalogue(environments_file()).value
    read = time.perf_counter() - began
    with open_store(url) as store:
        began, until = time.perf_counter(), time.time()
        count = fill(store, catalogue, each, until)
        filled = time.perf_counter() - began
        stand = {"database": name, "deployments": count, "environments": ENVIRONMENTS}
        say(benchmark="filled", **stand, seconds=round(filled, 1), file_read_s=round(read, 2), load=load())
        surveyor = surveyor_of(store, catalogue, until)
        names, dice = list(catalogue.environments), random.Random(SEED)
        sides = [tuple(dice.sample(names, 2)) for _ in range(pairs)]
        for state, asked in (("cold", sides), ("warm", sides[:10] * (pairs // 10))):
            took = [timed(partial(surveyor.compare, *pair)) for pair in asked]
            say(benchmark="environment diff", **stand, plans=state, **figures(took), load=load())
        moments = [(f"{one}@{max(1, each // 2)}h", one) for one, _ in sides]
        took = [timed(partial(surveyor.compare, *pair)) for pair in moments]
        say(benchmark="two moments", **stand, **figures(took), load=load())


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds on the wall, and of this process's processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)


def figures(took: Sequence[tuple[float, float]]) -> dict[str, float]:
    wall, cpu = ([one[i] for one in took] for i in (0, 1))
    shares = {"p50": 0.5, "p99": 0.99}
    told = {f"{name}_ms": round(quantile(wall, share), 1) for name, share in shares.items()}
    return {**told, "cpu_p50_ms": round(quantile(cpu, 0.5), 1), "cpu_p99_ms": round(quantile(cpu, 0.99), 1)}


def quantile(values: Sequence[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(100 * share) - 1]


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


def load() -> float:
    return round(os.getloadavg()[0], 1)


def urls(databases: ExitStack) -> Iterator[tuple[str, str]]:
    """Name and URL of an empty database of each kind that is here."""
    folder = databases.enter_context(tempfile.TemporaryDirectory(prefix="lockgate-bench-"))
    yield "sqlite", f"sqlite:///{Path(folder) / 'lockgate.db'}"
    try:
        yield "postgres", databases.enter_context(postgres_server(durable=False))
    except ComponentMissing as missing:
        say(benchmark="environment diff", database="postgres", skipped=str(missing))


def surveyor_of(store: SqlStore, catalogue: Catalogue, now: float) -> Surveyor:
    """At that moment, so that what was observed is fresh."""
    clock = FakeClock(now)
    able = stated(TargetCaps(), RouterCaps(weights=True, inflight=True, hold=True))
    snapshots = Snapshots(store, lambda: catalogue, lambda _: able)
    Chronicle(store, clock, lambda: catalogue)()
    return Surveyor(store, clock, lambda: catalogue, snapshots)


# --- the ground ---


def environments_file() -> str:
    """Tiers, values of their own, and a secret each."""
    lines = ["organisation: {owner: platform, values: {region: eu, time_limit: 250}}", "tiers:"]
    lines += [f"  tier-{n}: {{promote: on-demand, values: {{time_limit: {100 * n}}}}}" for n in range(1, 6)]
    lines += ["environments:"]
    for n in range(ENVIRONMENTS):
        values = f"values: {{limit: {n % 7}}}, secrets: {{token: {{file: /etc/lockgate/token-{n % 9}}}}}"
        lines.append(f"  e{n}: {{tier: tier-{1 + n % 5}, listen: {10_000 + n}, {values}}}")
    return "\n".join(lines)


def fill(store: SqlStore, catalogue: Catalogue, each: int, until: float) -> int:
    releases = [[release_of(f"app{n}", f"1.{version}") for version in range(3)] for n in range(APPLICATIONS)]
    number = 0
    for index, environment in enumerate(catalogue.environments.values()):
        plans = [make_plan(versions[index % 3], environment) for versions in releases]
        made = list(deployments(plans, releases, index, each, number, until))
        number += len(made)
        write(store, schema.plan, ({"digest": digest, "document": text} for digest, text in map(stored, plans)))
        write(store, schema.observation, (seen for plan in plans for seen in observations(plan, until)))
        write(store, schema.deployment, ({**rows.deployment_columns(row), "asked": False} for row in made))
    write(store, schema.counter, [{"name": "filled", "value": number}])
    if store.database.engine.dialect.name == "postgresql":
        with store.database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return number


def write(store: SqlStore, table: Table, given: "Iterator[dict[str, object]] | list[dict[str, object]]") -> None:
    left = iter(given)
    while some := list(islice(left, 5000)):
        store.database.write(partial(added, table, some))


def added(table: Table, some: list[dict[str, object]], connection: Connection) -> None:
    connection.execute(insert(table), some)


def stored(plan: Plan) -> tuple[str, str]:
    text = canonical(plan)
    return digest_of_bytes(text), text.decode()


def release_of(name: str, version: str) -> Release:
    reference = Reference(ArtifactKind.PYPI, f"{name}=={version}")
    web = Component(
        "web",
        reference,
        ("serve", "--port", "{port}", "--limit", "{values.limit}"),
        env={"TIME_LIMIT": "{values.time_limit}", "REGION": "{values.region}"},
    )
    parts = {"web": web, "worker": Component("worker", reference, ("work", "--region", "{values.region}"))}
    artifact = Artifact(ArtifactKind.PYPI, name, version, digest_of([name, version]), str(reference))
    return freeze(Application(name, parts), dict.fromkeys(parts, artifact), {}, at=0.0, by="bench")


def deployments(
    plans: Sequence[Plan], releases: Sequence[Sequence[Release]], index: int, each: int, number: int, until: float
) -> Iterator[Deployment]:
    for plan, versions in zip(plans, releases, strict=True):
        release = versions[index % 3]
        for n in range(each):
            number += 1
            ended = until - 60 - APART * (each - 1 - n)
            holds = n == each - 1
            yield deployment_of(plan, release, number, ended, holds=holds)


def deployment_of(plan: Plan, release: Release, number: int, ended: float, *, holds: bool) -> Deployment:
    row = Deployment(
        DeploymentId(f"dep-{number}"), number, plan.application, plan.environment, release.id, release.label(),
        plan.digest, Kind.DEPLOY, "bench", ended - 30,
    )  # fmt: skip
    lost = ended if holds else ended + APART
    done = replace(row, state=State.SUCCEEDED, holds=holds, started_at=ended - 20, ended_at=ended, written_at=lost)
    return replace(done, next_at=time.time() + 86_400 if holds else None, because="It runs.")


def observations(plan: Plan, at: float) -> Iterator[dict[str, object]]:
    for part in plan.components:
        one = Instance(InstanceId(f"{part.key.part}-0"), part.revision, 0, Condition.READY, "127.0.0.1:4001", at - 60)
        key, text = part.key, rows.document(Observed(part.key, (one,), at))
        yield {
            "application": key.application, "environment": key.environment, "component": key.part, "document": text,
        }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
