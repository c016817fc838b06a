"""Policies on the command line: looked at, tested without a server, tried with one."""

import json
from pathlib import Path

import pytest

from lockgate.core.facts import SAMPLE, document
from lockgate.messages import PolicyAnswer, PolicyPlace, PolicyTrial, PolicyView
from tests.cli.conftest import Run
from tests.cli.double import Double

TICKET = """\
rule: deployment.reason.matches("SHOP-[0-9]+")
message: Give a reason with a ticket.
tests:
  - given: {deployment: {reason: "SHOP-7: faster"}}
    expect: pass
  - given: {deployment: {reason: faster}}
    expect: deny
"""
DIGEST = "sha256:" + "a" * 64
VIEW = PolicyView(
    "soaked", "A release has run for a while.", "true\n|| false\n", "It has not.", "enforce", "wait", DIGEST, "",
    {"least": "7200s", "where": ""}, 6, (PolicyPlace("prod", "enforce", DIGEST, {"least": "3600s"}),),
)  # fmt: skip
OWN = PolicyView("ticket", "", "true", "no", "advise", "deny", DIGEST, "policies/ticket.yaml")
TRIAL = PolicyTrial(
    "catalogue", "prod", "rel-1", "catalogue 0.65.2 (#3)", document(SAMPLE), {"findings": "No findings."},
    (PolicyAnswer("soaked", DIGEST, "enforce", True, "pass"),
     PolicyAnswer("ticket", DIGEST, "enforce", False, "deny", "Give a reason with a ticket."),
     PolicyAnswer("tidy", DIGEST, "advise", False, "pass", "It is large.")),
    "deny", "Policy ticket denies it.",
)  # fmt: skip


@pytest.fixture
def asked(double: Double) -> Double:
    double.answers[("GET", "/v1/policies")] = (VIEW, OWN)
    double.answers[("POST", "/v1/policies/try")] = TRIAL
    return double


@pytest.fixture
def ticket(surroundings: Path) -> Path:
    folder = surroundings / "policies"
    folder.mkdir()
    (folder / "ticket.yaml").write_text(TICKET)
    return folder / "ticket.yaml"


def test_policies_are_listed_with_what_they_judge(run: Run, asked: Double) -> None:
    lines = [line.split() for line in run("policy", "list").out.splitlines()]
    assert lines[1:] == [
        ["soaked", "wait", "prod", "comes", "with", "Lockgate"],
        ["ticket", "advise", "nothing", "policies/ticket.yaml"],
    ]


def test_one_is_shown_with_its_rule_and_where_it_judges(run: Run, asked: Double) -> None:
    shown = run("policy", "show", "soaked").out
    for part in ("true\n  || false", "with.least  7200s", 'with.where  ""', "prod  enforce, version aaaaaaaaaaaa"):
        assert part in shown
    assert run("policy", "show", "soakd").code == 1
    assert json.loads(run("policy", "show", "soaked", "--json").out)["digest"] == DIGEST


def test_a_trial_tells_each_answer_and_the_facts(run: Run, asked: Double) -> None:
    ran = run(
        "policy", "try", "0.65.2", "--to", "prod", "--app", "catalogue", "--at", "2026-11-21T14:00:00Z", "--rollback"
    )
    assert ran.code == 1
    sent = asked.last().body
    assert (sent["release"], sent["environment"], sent["rollback"], sent["at"]) == (
        "0.65.2",
        "prod",
        True,
        1795269600.0,
    )
    lines = ran.out.splitlines()
    assert lines[0] == "✘ catalogue 0.65.2 (#3) → prod: deny"
    assert lines[1:4] == [
        "  ✔ soaked (version aaaaaaaaaaaa): It holds.",
        "  ✘ ticket (version aaaaaaaaaaaa): Give a reason with a ticket.",
        "  ! tidy (version aaaaaaaaaaaa): It is large.",
    ]
    assert '"region": "north"' in ran.out and lines[-1] == "  findings: No findings."
    assert run("policy", "try", "--to", "prod", "--app", "catalogue", "--at", "noon").code == 2


def test_tests_are_run_without_a_server(run: Run, ticket: Path) -> None:
    ran = run("policy", "test")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "✔ policies/ticket.yaml:4: expected pass: The rule holds.",
        "✔ policies/ticket.yaml:6: expected deny: Give a reason with a ticket.",
        "2 tests passed.",
    ]
    told = json.loads(run("policy", "test", "policies/ticket.yaml", "--json").out)
    assert (told["passed"], told["failed"]) == (2, 0)


def test_a_test_that_fails_is_told_with_its_line(run: Run, ticket: Path) -> None:
    ticket.write_text(TICKET.replace("SHOP-[0-9]+", "shop"))
    ran = run("policy", "test")
    assert ran.code == 1
    assert "✘ policies/ticket.yaml:4: expected pass: Give a reason with a ticket." in ran.out
    assert ran.out.splitlines()[-1] == "1 of 2 tests failed."


def test_a_faulty_rule_is_bad_input_with_its_place(run: Run, ticket: Path) -> None:
    ticket.write_text(TICKET.replace("deployment.reason.m", "deployment.raeson.m"))
    for words in (("policy", "test"), ("check",)):
        (ticket.parents[1] / "environments.yaml").write_text("environments: {dev: {}}\n")
        ran = run(*words)
        assert ran.code == 2
        assert (
            'policies/ticket.yaml:1: rule: at character 12 (raeson.matches("SHOP-[0-9]+")): a deployment has no field '
            "'raeson'. Did you mean 'reason'?"
        ) in ran.err


def test_check_tells_the_policies_that_it_has_read(run: Run, ticket: Path) -> None:
    (ticket.parents[1] / "environments.yaml").write_text("environments: {dev: {policies: [ticket]}}\n")
    ran = run("check")
    assert ran.code == 0
    assert "✔ policies/ticket.yaml: ticket; 2 tests, see: lockgate policy test" in ran.out


def test_there_must_be_policies_to_test(run: Run, surroundings: Path) -> None:
    ran = run("policy", "test")
    assert ran.code == 2
    assert "there are no policies in policies. Write policies/NAME.yaml, or name a file." in ran.err
