"""Rules are checked with their place, worked out in a process of their own, and allow nothing that they do not say."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.core.errors import ComponentMissing, Unavailable
from lockgate.core.facts import AUTHORS, FINDINGS, SAMPLE, ArtifactFacts, Facts, RunningFacts, Span, document
from lockgate.core.policy import MAX_RULE, Judgement, Parameter, ParameterKind, Policy
from lockgate.drivers.policies import worker
from lockgate.drivers.policies.worker import MAX_DOCUMENT, CelPolicies

TEN = "[1,2,3,4,5,6,7,8,9,10]"
DOUBLING = "[0,1,2,3,4,5,6,7].map(x, ['aaaaaaaa'])" + 9 * ".map(b, [b[0]+b[0]+b[0]+b[0]+b[0]+b[0]+b[0]+b[0]])"
BOMBS = {
    "deep nesting": ("(" * 40 + "true" + ")" * 40, "nested more than 32 levels"),
    "a loop of loops": ("".join(f"{TEN}.all({v}, " for v in "abcde") + "true" + ")" * 5, "more than 10,000 times"),
    "a long sum": ("+".join(["'a'"] * 900) + " == ''", "strings together too many parts"),
    "memory": (f"{DOUBLING}.size() == 8", "1 GiB"),
    "replacing": (f'"{"a" * 1000}".replace("a", "{"b" * 900}").replace("b", "{"c" * 900}") == ""', "1 GiB"),
    "time": (
        "".join(f"{TEN}.all({v}, " for v in "abc") + f'"{"a" * 1000}".replace("a", "{"b" * 900}").size() > 0)))',
        "half a second of a processor",
    ),
    "length": (f'"{"x" * MAX_RULE}" == ""', f"longer than {MAX_RULE} characters"),
}


def rule(text: str, message: str = "It does not.", **parameters: Parameter) -> Policy:
    return Policy("rule", text, message, parameters=parameters)


def judged(policies: CelPolicies, text: str, facts: Facts = SAMPLE, **parameters: Parameter) -> Judgement:
    (found,) = policies.judge([rule(text, **parameters)], document(facts))
    return found


# --- checking ---


@pytest.mark.parametrize(
    ("text", "offset", "because", "mend"),
    [
        ('environment.ower == "x"', 12, "an environment has no field 'ower'.", "Did you mean 'owner'?"),
        ('true &&\n release.verion == "1"', 17, "a release has no field 'verion'.", "Did you mean 'version'?"),
        ("release.artifacts.all(a, a.pined)", 27, "an artifact has no field 'pined'.", "Did you mean 'pinned'?"),
        ("relase.number == 1", 7, "there is nothing called 'relase'.", "Did you mean 'release'?"),
        ("release.number > 'x'", 15, "'>' does not fit a whole number and text.", "Convert one of them."),
        (
            "deployment.canary.first_percent > 3", 32,
            "'>' does not fit a number with a fraction and a whole number.",
            "Write the whole number with a point: 3.0.",
        ),
        ("release.number >", 16, "it ends where more was expected.",
         "Close what is open, or finish the comparison."),
        ("release.version", None, "it gives text, and a rule gives true or false.", "Compare it with something."),
        ("with.most > 1", 5, "there is no parameter 'with.most'.", "Add it to the policy's `with`."),
        ('release.autors == ["ann"]', 8, "a release has no field 'autors'.", "Did you mean 'authors'?"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place_and_the_way_to_mend_it(
    policies: CelPolicies, text: str, offset: int | None, because: str, mend: str
) -> None:
    (problem,) = policies.check(rule(text))
    assert (problem.part, problem.because, problem.mend) == ("rule", because, mend)
    if offset is None or "called" in because or "ends" in because or "fit" in because:
        assert (problem.offset is None) is (offset is None)
    else:
        assert text[offset : offset + 3] == text[problem.offset or 0 :][:3]


def test_a_fault_of_the_message_is_placed_in_the_message(policies: CelPolicies) -> None:
    message = "It is {release.version}, {{not}} {release.foo}."
    (problem,) = policies.check(rule("true", message))
    assert (problem.part, message[problem.offset or 0 :]) == ("message", "foo}.")


def test_every_fact_is_known_by_its_type(policies: CelPolicies) -> None:
    text = (
        'release.created_at < time.now && release.ran["staging"] >= duration("1h") && "web" in deployment.changed '
        '&& inventory["prod"].version == "1.3.0" && findings.critical.open == 0 && "ann" in release.authors '
        '&& approvals.exists(a, a.by == "bob" && a.at < time.now) && environment.values["region"] == "north" '
        '&& "developers" in actor.groups && time.now.getHours("Europe/Berlin") == 9 && release.age_hours == 2'
    )
    assert policies.check(rule(text)) == ()
    assert judged(policies, text).holds


def test_parameters_have_types_too(policies: CelPolicies) -> None:
    hours = Parameter(ParameterKind.SPAN, 3600.0)
    names = Parameter(ParameterKind.TEXTS, ("ann", "bob"))
    assert policies.check(rule('release.ran["staging"] > with.least', least=hours)) == ()
    assert "does not fit" in policies.check(rule("with.least > 3", least=hours))[0].because
    assert judged(policies, "actor.name in with.names", names=names).holds
    assert judged(policies, 'release.ran["staging"] > with.least', least=hours).holds


# --- failing closed ---


@pytest.mark.parametrize(
    "text",
    ["1/0 == 1", 'environment.values["nope"] == "x"', "dyn(release).foo == 1", "dyn('true')", "dyn(1)", "dyn(null)",
     'time.now.getHours("No/Where") > 0', "this is no rule", "", "release.version", "dyn(release)"],
)  # fmt: skip
def test_only_exactly_true_holds(policies: CelPolicies, text: str) -> None:
    found = judged(policies, text)
    assert not found.holds
    assert found.because.startswith("Its rule could not be worked out: ") and found.because.endswith(".")


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("findings.critical.open == 0", FINDINGS),
        ("!(findings.critical.open > 0)", FINDINGS),
        ('release.authors.all(a, a != "ann")', AUTHORS),
        ("size(release.authors) == 0", AUTHORS),
        ('release.version == "1.4.0" && release.authors == []', AUTHORS),
    ],
)
def test_what_is_unknown_holds_neither_way(policies: CelPolicies, text: str, missing: str) -> None:
    facts = replace(SAMPLE, unknown={missing: "nobody looked"})
    assert judged(policies, text, facts).missing == missing
    assert not judged(policies, text, facts).holds
    assert judged(policies, f'deployment.kind == "deploy" || {text}', facts).holds


def test_a_message_is_filled_in_and_never_fails(policies: CelPolicies) -> None:
    message = "{release.version} {{x}} {deployment.changed} {with.least} {environment.values['nope']} {1 > 0}"
    found = policies.judge(
        [replace(rule("false", message), parameters={"least": Parameter(ParameterKind.SPAN, 5400.0)})], document(SAMPLE)
    )
    assert found[0].because == "1.4.0 {x} web 90 min (unknown) true"


# --- bombs ---


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_when_it_is_checked_and_does_not_hold_when_it_is_not(
    policies: CelPolicies, name: str
) -> None:
    text, words = BOMBS[name]
    (problem,) = policies.check(rule(text))
    assert words in problem.because
    assert problem.mend == "Write a simpler rule."
    assert not judged(policies, text).holds
    assert judged(policies, "true").holds


@pytest.mark.parametrize(
    "text",
    [
        f"'{'a' * 3000}b'.matches('(a+)+$')",
        f"'{'a' * 3000}'.matches('(.*)(.*)(.*)(.*)(.*)(.*)x')",
        "'a'.matches('((((a{100}){100}){100}){100})')",
        "timestamp('9999-12-31T23:59:59Z') + duration('999999999999s') < time.now",
        "9223372036854775807 + 1 < 0",
        "'\\uD800' == ''",
        "'\0' == 'x'",
    ],
)
def test_a_search_or_a_number_without_end_does_not_hold_and_costs_nothing(policies: CelPolicies, text: str) -> None:
    before = judged(policies, "true").holds and pid(policies)
    assert not judged(policies, text).holds
    assert pid(policies) == before, "nothing had to be stopped"


def test_thousands_of_policies_are_each_judged(policies: CelPolicies) -> None:
    many = [replace(rule(f"release.number != {n}"), name=f"r{n}") for n in range(3000)]
    assert [one.holds for one in policies.judge(many, document(SAMPLE))].count(False) <= 1


def test_a_bomb_in_the_message_harms_nobody(policies: CelPolicies) -> None:
    found = policies.judge([rule("false", f"{{{DOUBLING}}}"), rule("true"), rule("false")], document(SAMPLE))
    assert [one.holds for one in found] == [False, True, False]


def test_those_beside_a_bomb_are_judged(policies: CelPolicies) -> None:
    bomb = rule(BOMBS["replacing"][0])
    found = policies.judge([rule("true"), bomb, rule("true"), rule("false")], document(SAMPLE))
    assert [one.holds for one in found] == [True, False, True, False]
    assert "1 GiB" in found[1].because


def test_many_bombs_do_not_keep_the_others_waiting_for_ever(policies: CelPolicies) -> None:
    """Not by memory: that may be refused without ending the process."""
    found = policies.judge([rule(BOMBS["time"][0])] * (worker.DEATHS + 5) + [rule("true")], document(SAMPLE))
    assert not any(one.holds for one in found)


def test_rules_that_are_slow_together_do_not_keep_the_gate_waiting(
    policies: CelPolicies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "WHOLE", 0.0)
    found = policies.judge([rule("true"), rule("true")], document(SAMPLE))
    assert not any(one.holds for one in found) and all(one.because for one in found)
    monkeypatch.undo()
    assert judged(policies, "true").holds, "and the next question is answered"


def test_too_many_facts_are_not_told(policies: CelPolicies) -> None:
    many = {str(n): RunningFacts("r" * 100, "1", "d", "dep-1", SAMPLE.time.now) for n in range(MAX_DOCUMENT // 200)}
    with pytest.raises(Unavailable, match="at most"):
        judged(policies, "true", replace(SAMPLE, inventory=many))


def test_facts_that_nobody_can_read_are_against_the_deployment(policies: CelPolicies) -> None:
    told: Mapping[str, Any] = {**document(SAMPLE), "release": {"nonsense": 1}}
    (found,) = policies.judge([rule("true")], told)
    assert not found.holds
    assert judged(policies, "true").holds


# --- the process ---


def pid(policies: CelPolicies) -> int:
    assert policies.pid is not None
    return policies.pid


def test_it_is_started_again_when_it_has_died() -> None:
    policies = CelPolicies()
    try:
        assert judged(policies, "true").holds
        first = pid(policies)
        os.kill(first, 9)
        assert judged(policies, "true").holds
        assert pid(policies) != first
    finally:
        policies.close()


def test_it_ends_with_whoever_asks() -> None:
    policies = CelPolicies()
    assert judged(policies, "true").holds
    number, process = pid(policies), policies._process
    assert process is not None and process.popen.stdin is not None
    process.popen.stdin.close()
    assert process.popen.wait(10) == 0
    policies.close()
    assert not Path(f"/proc/{number}").exists()


def test_it_is_given_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    policies = CelPolicies()
    try:
        assert judged(policies, "true").holds
        assert b"hunter2" not in Path(f"/proc/{pid(policies)}/environ").read_bytes()
        limits = Path(f"/proc/{pid(policies)}/limits").read_text()
        assert f"{1 << 30}" in next(line for line in limits.splitlines() if line.startswith("Max address space"))
    finally:
        policies.close()


def test_nothing_is_started_until_it_is_needed() -> None:
    assert CelPolicies().pid is None


def test_where_the_library_is_missing_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_there", lambda package: package != "cel_expr_python")
    with pytest.raises(ComponentMissing, match="'cel_expr_python' is not installed"):
        judged(CelPolicies(), "true")


def test_a_process_that_does_not_come_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_environ", lambda: {"PYTHONHOME": "/nowhere"})
    with pytest.raises(Unavailable, match="ended before it was ready"):
        judged(CelPolicies(), "true")


def test_any_number_of_threads_may_ask(policies: CelPolicies) -> None:
    wrong: list[str] = []

    def ask(number: int) -> None:
        for _ in range(10):
            found = judged(policies, f"release.number == {number}", replace(SAMPLE, release=numbered(number)))
            wrong.extend([] if found.holds else [found.because])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def numbered(number: int) -> Any:
    return replace(SAMPLE.release, number=number)


# --- anything ---

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=60)
@given(
    version=texts, names=st.lists(texts, max_size=3), hours=st.integers(0, 10**6), values=st.dictionaries(texts, texts)
)
def test_whatever_the_facts_are_rules_see_them_as_they_are(
    policies: CelPolicies, version: str, names: list[str], hours: int, values: dict[str, str]
) -> None:
    artifacts = tuple(ArtifactFacts(name, "oci", name, "", "", "", False) for name in names)
    release = replace(
        SAMPLE.release, version=version, artifacts=artifacts, age_hours=hours, ran={"a": Span(hours * 1.0)}
    )
    facts = replace(SAMPLE, release=release, environment=replace(SAMPLE.environment, values=values))
    given_ = {
        "v": Parameter(ParameterKind.TEXT, version), "n": Parameter(ParameterKind.TEXTS, tuple(names)),
        "h": Parameter(ParameterKind.WHOLE, hours), "k": Parameter(ParameterKind.TEXTS, tuple(values)),
        "x": Parameter(ParameterKind.TEXTS, tuple(values.values())),
    }  # fmt: skip
    text = (
        "release.version == with.v && release.artifacts.map(a, a.component) == with.n && release.age_hours == with.h "
        "&& with.k.all(k, environment.values[k] in with.x) && size(environment.values) == size(with.k) "
        "&& release.ran['a'] == duration(string(with.h) + 's')"
    )
    assert judged(policies, text, facts, **given_) == Judgement(True)


@settings(max_examples=100)
@given(st.text(max_size=60))
def test_whatever_is_written_as_a_rule_gets_an_answer(policies: CelPolicies, text: str) -> None:
    problems = policies.check(rule(text, "It does not."))
    assert all(problem.because.endswith((".", "?")) for problem in problems)
    assert judged(policies, text).holds is False or not problems


def test_it_is_quick_enough_to_be_asked_for_each_deployment(policies: CelPolicies) -> None:
    """No measurement (see benchmarks/policies.py): only that fifty rules are not fifty processes."""
    before = policies.pid
    began = time.monotonic()
    assert all(one.holds for one in policies.judge([rule("true")] * 50, document(SAMPLE)))
    assert time.monotonic() > began
    assert before in (None, pid(policies))
