"""What a gate's decision by policies costs: gathering the facts from a store with a history, and working out the rules.

Prints one JSON object a line. ``--quick``: a few seconds; without it, about a minute.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from lockgate.config.policies import starter
from lockgate.core.admission import Admission
from lockgate.core.deployment import Kind
from lockgate.core.facts import SAMPLE, FindingsFacts, document
from lockgate.core.policy import Policy
from lockgate.drivers.policies.worker import CelPolicies
from lockgate.engine.policies import Evidence
from lockgate.messages import Promote
from lockgate.ports import Store
from lockgate.store.database import open_store
from lockgate.testing.rig import Rig

COUNTS = (1, 10, 50)
RULES = (
    'release.artifacts.all(a, a.kind != "oci" || a.pinned) && environment.name != "none{n}"',
    'inventory.exists(name, inventory[name].release == release.id) || release.number > {n}',
    'time.now - release.created_at >= duration("0s") && size(deployment.changed) <= {n} + 10',
    'findings.critical.open == 0 && findings.high.open <= {n}',
    'deployment.kind == "rollback" || deployment.reason.matches("[A-Z]+-[0-9]+") || actor.name != "a{n}"',
    'time.now.getHours("Europe/Berlin") >= 0 && !(actor.name in ["nobody", "somebody{n}"])',
)  # fmt: skip
BOMB = f'"{"a" * 1000}".replace("a", "{"b" * 900}").replace("b", "{"c" * 900}") == ""'


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 when it could."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args(argv).quick
    policies = CelPolicies()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="lockgate-bench-") as folder,
            open_store(f"sqlite:///{Path(folder) / 'lockgate.db'}") as store,
        ):
            decisions(store, policies, 200 if quick else 2000, 20 if quick else 100)
        rules(policies, 200 if quick else 2000)
        beginnings(3 if quick else 10)
        bombs(policies)
    finally:
        policies.close()
    return 0


def say(**line: object) -> None:
    print(json.dumps({**line, "load": round(os.getloadavg()[0], 1)}), flush=True)


def policy(number: int) -> Policy:
    """No two of them are the same."""
    return Policy(f"policy-{number}", RULES[number % len(RULES)].format(n=number), "{release.version} may not.")


def decisions(store: Store, policies: CelPolicies, times: int, releases: int) -> None:
    """The whole gate: facts from the store, rules, verdict. Each environment has had so many releases."""
    rig = Rig(store, policies=policies, evidence=Evidence(findings=lambda admission, now: FindingsFacts()))
    for number in range(releases):
        rig.deploy(rig.release(f"1.{number}"))
        rig.run(4)
        rig.operations.promote(Promote("shop", "prod", f"Release {number}", "ann"))
        rig.run(4)
    release = store.releases.select("shop", 1)[0]
    for count in COUNTS:
        environment = replace(rig.catalogue.get("prod"), rules=tuple(policy(n) for n in range(count)))
        admission = Admission(
            release, environment, rig.promoter.plan(release, environment), Kind.DEPLOY, "ann", "Faster"
        )
        answers = {rig.panel.verdict(admission, rig.clock.now()).answer.value}
        taken = timed(lambda a=admission: rig.panel.verdict(a, rig.clock.now()), times, policies)
        say(benchmark="gate", policies=count, releases=releases, answers=sorted(answers), **taken)


def rules(policies: CelPolicies, times: int) -> None:
    """Only the process: one question, and its answers."""
    told = document(SAMPLE)
    for count in COUNTS:
        asked = [policy(n) for n in range(count)]
        policies.judge(asked, told)
        say(
            benchmark="rules",
            policies=count,
            bytes=len(json.dumps(told)),
            **timed(lambda a=asked: policies.judge(a, told), times, policies),
        )
    starting = list(starter().values())
    policies.judge(starting, told)
    say(
        benchmark="starter set",
        policies=len(starting),
        **timed(lambda: policies.judge(starting, told), times, policies),
    )


def beginnings(times: int) -> None:
    """From no process to its first answer, with fifty rules that it has not seen."""
    asked, told, taken = [policy(n) for n in range(50)], document(SAMPLE), []
    for _ in range(times):
        fresh = CelPolicies()
        began = time.perf_counter()
        fresh.judge(asked, told)
        taken.append((time.perf_counter() - began) * 1e3)
        fresh.close()
    say(benchmark="first decision", policies=50, **shown(taken))


def bombs(policies: CelPolicies) -> None:
    """Until one is refused, and until the next rule is answered after it."""
    began = time.perf_counter()
    problems = policies.check(Policy("bomb", BOMB, "boom"))
    refused = time.perf_counter()
    policies.judge([policy(1)], document(SAMPLE))
    after = time.perf_counter()
    say(benchmark="bomb", refused_ms=round((refused - began) * 1e3), next_ms=round((after - refused) * 1e3),
        because=problems[0].because)  # fmt: skip


def timed(call: Callable[[], object], times: int, policies: CelPolicies) -> dict[str, float]:
    """How long it takes, and what it costs of a processor in this process and in that of the rules: the machine may be
    busy with other things."""
    taken, here, there = [], time.process_time(), spent(policies)
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1e3)
    cost = {"cpu_ms": time.process_time() - here, "rules_cpu_ms": spent(policies) - there}
    return shown(taken) | {name: round(seconds * 1e3 / times, 2) for name, seconds in cost.items()}


def spent(policies: CelPolicies) -> float:
    """Seconds of a processor that the process of the rules has used."""
    pid = policies.pid
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9 if pid else 0.0


def shown(taken: list[float]) -> dict[str, float]:
    """Milliseconds."""
    ordered = sorted(taken)
    found = {"p50_ms": ordered[len(ordered) // 2], "p99_ms": ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]}
    return {name: round(value, 2) for name, value in found.items()}


if __name__ == "__main__":
    raise SystemExit(main())
