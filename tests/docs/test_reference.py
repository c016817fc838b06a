"""The reference describes everything there is, and nothing that is not. (The command line's has a test of its own.)"""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from lockgate.config.settings import Settings
from lockgate.core import errors, plan
from lockgate.core.application import StrategyKind
from lockgate.core.audit import DECISIONS
from lockgate.core.deployment import FINAL, TRANSITIONS, State
from lockgate.core.inventory import Standing
from lockgate.engine.walker import STRATEGIES
from lockgate.gates import (
    approval,
    integrity,
    policy,
    promotion_order,
    provenance,
    quarantine,
    requirements,
    review,
    schedule,
    secrets,
    soak,
    vulnerabilities,
    window,
)
from tests.docs.pages import DOCS, ROOT

REFERENCE = DOCS / "reference"
SOURCE = ROOT / "src" / "lockgate"
STATES = (REFERENCE / "states-and-events.md").read_text()


def headings(name: str) -> set[str]:
    """``## `blue-green` `` -> ``blue-green``"""
    return set(re.findall(r"^## `(.+)`$", (REFERENCE / name).read_text(), re.MULTILINE))


def table(text: str, title: str) -> dict[str, list[str]]:
    """First cell, without its quotes -> the other cells, of the table below a heading."""
    below = re.split(r"^## ", text.partition(f"\n## {title}\n")[2], flags=re.MULTILINE)[0]
    rows = [line.strip("|").split("|") for line in below.splitlines() if line.startswith("|")][2:]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in rows}


def test_every_setting_has_its_heading() -> None:
    assert headings("settings.md") == {f"LOCKGATE_{field.name.upper()}" for field in fields(Settings)}


def test_every_variable_that_the_code_knows_is_described() -> None:
    found = {
        name for path in SOURCE.rglob("*.py") for name in re.findall(r"\bLOCKGATE_[A-Z_]*[A-Z]\b", path.read_text())
    }
    text = (REFERENCE / "settings.md").read_text()
    assert {name for name in found if f"`{name}`" not in text} == set()


def test_every_strategy_has_its_heading() -> None:
    assert headings("strategies.md") == {kind.value for kind in StrategyKind} == {kind.value for kind in STRATEGIES}


def test_the_table_of_states_is_the_table_of_transitions() -> None:
    told = {
        name: set(re.findall(r"`(\w+)`", cells[1])) for name, cells in table(STATES, "States of a deployment").items()
    }
    assert told == {state.value: {following.value for following in TRANSITIONS[state]} for state in State}


def test_every_step_is_described() -> None:
    kinds = {step.kind for step in _steps()}
    assert set(table(STATES, "Steps")) == kinds


def _steps() -> list[plan.Step]:
    some = {"revision": "r", "count": 1, "through_router": False, "stage": 0}
    made = []
    for kind in plan.Step.__subclasses__():
        made.append(kind(**{f.name: some[f.name] for f in fields(kind) if f.name in some}))
    return made


def test_every_standing_is_described() -> None:
    assert set(table(STATES, "Standing of what runs")) == {standing.value for standing in Standing}


def test_every_gate_is_described() -> None:
    people = (approval, review)
    rules = (
        integrity,
        policy,
        promotion_order,
        provenance,
        quarantine,
        requirements,
        schedule,
        soak,
        vulnerabilities,
        window,
    )
    assert set(table(STATES, "Gates")) == {gate.GATE for gate in (*people, *rules, secrets)}


def test_every_kind_of_event_is_described() -> None:
    subjects = "release|deployment|promotion|quarantine|waiver|environment|feed|audit|key|statement|approval|person"
    subjects += "|notification|secret|train|task"
    pattern = re.compile(rf"\"((?:{subjects})\.[a-z_]+)\"")
    written = {
        name
        for path in (*(SOURCE / "engine").glob("*.py"), SOURCE / "store" / "releases.py")
        for name in pattern.findall(path.read_text())
    }
    asked = {f"deployment.{want}_asked" for want in ("pause", "resume", "continue", "finish", "abort")}
    states = {f"deployment.{state.value}" for state in State if state is not State.PENDING}
    told = set(re.findall(r"`(\w+\.\w+)`", STATES))
    assert written | asked | DECISIONS - {"deployment.give-way"} <= told
    assert told <= written | asked | states
    assert "deployment.gated" in told and FINAL


def test_every_error_is_described_with_whether_it_may_pass() -> None:
    text = "\n## Codes\n" + (REFERENCE / "errors.md").read_text().partition("\n\n|")[2].join(("|", ""))
    told = {code: cells[1] for code, cells in table(text, "Codes").items()}
    there = {
        kind.code: "yes" if issubclass(kind, errors.Retryable) else "no"
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.LockgateError) and "code" in vars(kind)
    }
    del there["error"]
    assert told == there


@pytest.mark.parametrize("name", ["settings.md", "strategies.md"])
def test_headings_are_found(name: str) -> None:
    assert len(headings(name)) >= 3


def test_every_word_of_the_glossary_is_in_order() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    assert words == sorted(words) and len(words) > 30


def test_every_decision_is_listed() -> None:
    folder = DOCS / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in Path(folder).glob("0*.md"))
