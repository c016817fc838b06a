"""A policy's version names what decides, and the facts' document says what is known and nothing more."""

from dataclasses import fields, replace

import pytest

from lockgate.core.environment import Environment
from lockgate.core.facts import (
    AUTHORS,
    FINDINGS,
    SAMPLE,
    UNKNOWABLE,
    Facts,
    document,
    document_with,
    moment_text,
    paths,
    span_text,
    variables,
)
from lockgate.core.gate import Answer
from lockgate.core.policy import Mode, Otherwise, Parameter, ParameterKind, Policy, PolicyTest

POLICY = Policy("small", "size(deployment.changed) < with.most", "Too large.", parameters={
    "most": Parameter(ParameterKind.WHOLE, 3),
})  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"}, {"rule": "true"}, {"message": "Much too large."}, {"mode": Mode.ADVISE},
        {"otherwise": Otherwise.WAIT}, {"parameters": {"most": Parameter(ParameterKind.WHOLE, 4)}},
    ],
)  # fmt: skip
def test_whatever_decides_is_part_of_the_version(change: dict[str, object]) -> None:
    assert replace(POLICY, **change).digest != POLICY.digest  # type: ignore[arg-type]


def test_what_decides_nothing_is_not() -> None:
    same = replace(POLICY, about="for people", source="policies/small.yaml", tests=(PolicyTest({}, Answer.PASS),))
    assert same.digest == POLICY.digest


def test_an_environment_has_one_digest_of_all_its_policies() -> None:
    one = Environment("prod", rules=(POLICY,))
    assert one.policy_digest == replace(one, owner="platform").policy_digest
    assert one.policy_digest != replace(one, rules=(replace(POLICY, rule="true"),)).policy_digest
    assert one.policy_digest != replace(one, rules=()).policy_digest


@pytest.mark.parametrize(
    ("mode", "otherwise", "answer"),
    [
        (Mode.ENFORCE, Otherwise.DENY, Answer.DENY),
        (Mode.ENFORCE, Otherwise.WAIT, Answer.WAIT),
        (Mode.ADVISE, Otherwise.DENY, Answer.PASS),
    ],
)
def test_what_comes_of_a_rule_that_does_not_hold(mode: Mode, otherwise: Otherwise, answer: Answer) -> None:
    assert replace(POLICY, mode=mode, otherwise=otherwise).failing is answer


def test_the_document_holds_every_variable() -> None:
    assert set(document(SAMPLE)) == set(variables()) == {f.name for f in fields(Facts)} - {"unknown"}
    told = document(SAMPLE)
    assert told["time"] == {"now": "2027-01-15T08:00:00Z"}
    assert told["release"]["ran"] == {"staging": "7200s"}


def test_what_is_unknown_is_not_told_as_nothing() -> None:
    told = document(replace(SAMPLE, unknown={FINDINGS: "nobody looked", AUTHORS: "nobody said"}))
    assert "findings" not in told and "authors" not in told["release"]
    assert "version" in told["release"]


def test_every_field_that_may_be_unknown_is_one() -> None:
    assert set(UNKNOWABLE) <= {path for path, _ in paths()}


def test_a_case_differs_from_the_sample_in_what_it_says() -> None:
    told = document_with({"release": {"version": "2", "ran": {"dev": "1s"}}, "deployment": {"canary": {"stages": 1}}})
    assert told["release"]["version"] == "2" and told["release"]["application"] == "shop"
    assert told["release"]["ran"] == {"dev": "1s"}
    assert told["deployment"]["canary"] == {"first_percent": 1.0, "stages": 1}


def test_a_case_knows_of_what_may_be_unknown_only_what_it_says() -> None:
    assert not {"findings", "approvals"} & set(document_with({}))
    told = document_with({"findings": {"high": {"open": 1}}, "release": {"authors": ["bob"]}, "approvals": []})
    assert (told["findings"]["high"]["open"], told["findings"]["critical"]["open"]) == (1, 0)
    assert (told["release"]["authors"], told["approvals"]) == (["bob"], [])


def test_instants_and_durations_are_told_exactly() -> None:
    assert moment_text(1_800_000_000.25) == "2027-01-15T08:00:00.250000Z"
    assert [span_text(n) for n in (0.0, 90.0, 0.5)] == ["0s", "90s", "0.5s"]
