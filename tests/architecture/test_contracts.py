"""The import contracts hold, and each catches what it is there for: violations are planted in a copy, one by one."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = ConfigParser()
CONTRACTS.read(ROOT / ".importlinter")
NAMES = {
    s.rpartition(":")[2]: CONTRACTS[s]["name"] for s in CONTRACTS.sections() if s.startswith("importlinter:contract:")
}

VIOLATIONS = [
    ("core/plan.py", "from lockgate import ports", {"floors", "no-cycles"}),
    ("messages/canary.py", "from lockgate import ports", {"floors"}),
    ("config/form.py", "from lockgate.drivers import storage", {"floors", "one-door"}),
    ("client/wire.py", "from lockgate.server import message", {"floors"}),
    ("utils.py", "", {"floors"}),
    ("core/plan.py", "import time", {"pure"}),
    ("core/traffic.py", "def later() -> None:\n    import random", {"pure"}),
    ("strategies/rolling.py", "import asyncio", {"pure"}),
    ("gates/quarantine.py", "import socket", {"pure"}),
    ("ports/edge.py", "from sqlalchemy import Engine", {"pure", "one-home"}),
    ("engine/executor.py", "from lockgate.drivers.targets.process import target", {"floors", "one-door"}),
    ("server/api.py", "from lockgate.store import database", {"one-door"}),
    ("cli/status.py", "from lockgate.store import database", {"one-door"}),
    ("cli/status.py", "from lockgate.server import api", {"by-http"}),
    ("cli/status.py", "from lockgate.engine import worker", {"by-http"}),
    ("charts/plot.py", "from lockgate.analysis import judge", {"floors"}),
    ("charts/series.py", "import time", {"pure"}),
    ("server/api.py", "from lockgate.engine import worker", {"thin-server"}),
    ("strategies/blue_green.py", "from lockgate.strategies import rolling", {"independent-strategies"}),
    ("gates/quarantine.py", "from lockgate.gates import promotion_order", {"independent-gates"}),
    ("drivers/sources/npm.py", "from lockgate.drivers.sources import git", {"independent-drivers"}),
    ("drivers/routers/null.py", "from lockgate.drivers.targets.process import target", {"independent-drivers"}),
    ("engine/worker.py", "import sqlalchemy", {"one-home"}),
    ("server/api.py", "import httpx2", {"one-home"}),
    ("drivers/sources/pypi.py", "import pygit2", {"one-home"}),
    ("drivers/documents/envelope.py", "import cryptography", {"one-home"}),
    ("gates/provenance.py", "import cryptography", {"pure", "one-home"}),
    ("client/supply.py", "from lockgate.engine import supply", {"floors"}),
    ("engine/notary.py", "import cryptography", {"one-home"}),
    ("wiring/serving.py", "from rich.console import Console", {"one-home"}),
    ("drivers/safe.py", "import cryptography", {"one-home"}),
    ("gates/secrets.py", "import cryptography", {"pure", "one-home"}),
    ("drivers/secrets/vault.py", "from lockgate.drivers.secrets import kept", {"independent-drivers"}),
    ("core/errors.py", "from lockgate.core import deployment", {"no-cycles"}),
    ("engine/course.py", "from lockgate.engine import worker", {"no-cycles"}),
    ("server/app.py", "from lockgate.testing import fakes", {"no-test-kit"}),
]


NEW = {"utils.py"}
"""Modules that are not there: a row is about what happens when somebody makes one."""

_PLANTED = re.compile(r"(?:from lockgate\.?(?P<package>[\w.]*) import (?P<name>\w+))")


@pytest.mark.parametrize("place", sorted({place for place, _, _ in VIOLATIONS}))
def test_a_violation_is_planted_in_a_module_that_there_is(place: str) -> None:
    """One that has moved would be made anew, alone and imported by nobody, and prove nothing of the house as it is."""
    assert (ROOT / "src" / "lockgate" / place).is_file() is (place not in NEW)


@pytest.mark.parametrize("line", sorted({line for _, line, _ in VIOLATIONS if "lockgate" in line}))
def test_what_is_planted_imports_something_that_there_is(line: str) -> None:
    found = _PLANTED.search(line)
    assert found is not None
    folder = ROOT / "src" / "lockgate" / found["package"].replace(".", "/")
    places = (folder / f"{found['name']}.py", folder / found["name"] / "__init__.py")
    if not any(place.is_file() for place in places):  # a name in a module
        module = next(p for p in (folder.with_suffix(".py"), folder / "__init__.py") if p.is_file())
        assert re.search(rf"\b{found['name']}\b", module.read_text()), line


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The source and its contracts, to spoil."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", folder)
    yield folder
    shutil.rmtree(folder)


def broken(folder: Path) -> set[str]:
    """Which contracts do not hold there."""
    words = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "250"}
    done = subprocess.run(
        [*words, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    report = done.stdout + done.stderr
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", report, re.MULTILINE))
    assert set(verdicts) == set(NAMES.values()), report
    return {contract for contract, name in NAMES.items() if verdicts[name] == "BROKEN"}


def test_the_house_keeps_its_contracts(copy: Path) -> None:
    assert broken(copy) == set()


@pytest.mark.parametrize(("place", "line", "contracts"), VIOLATIONS, ids=[f"{p}: {n[:50]}" for p, n, _ in VIOLATIONS])
def test_a_planted_violation_is_caught(copy: Path, place: str, line: str, contracts: set[str]) -> None:
    path = copy / "src" / "lockgate" / place
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n")
    try:
        assert contracts <= broken(copy)
    finally:
        path.unlink() if before is None else path.write_text(before)


def test_every_contract_has_been_seen_to_catch_something() -> None:
    assert set().union(*(contracts for _, _, contracts in VIOLATIONS)) == set(NAMES)


def test_whatever_decides_is_held_to_be_pure() -> None:
    listed = CONTRACTS["importlinter:contract:pure"]["source_modules"].split()
    for name in ("core", "ports", "messages", "gates", "strategies", "analysis", "charts"):
        exists = any((ROOT / "src" / "lockgate" / place).exists() for place in (f"{name}/__init__.py", f"{name}.py"))
        assert exists == (f"lockgate.{name}" in listed), name
