"""Policies are files beside environments.yaml; every fault has its file, line and place, and hinders everything."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.config.catalogue_file import CatalogueFile
from lockgate.config.environments_file import read_catalogue
from lockgate.config.policies import Shelf, read_shelf, starter
from lockgate.config.policy_file import read_policy
from lockgate.core.errors import ComponentMissing, Invalid
from lockgate.core.facts import document_with
from lockgate.core.policy import Mode, Otherwise, Parameter, ParameterKind, Policy, RuleProblem
from lockgate.ports import Policies

TICKET = """\
about: Changes name their ticket.
rule: |
  deployment.kind == "rollback"
  || deployment.reason.matches(with.pattern)
message: Give a reason with a ticket, such as SHOP-7; {deployment.reason} has none.
with: {pattern: "[A-Z]+-[0-9]+"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "ticket.yaml").write_text(TICKET)
    (tmp_path / "environments.yaml").write_text("environments:\n  prod:\n    policies: [ticket]\n")
    return tmp_path


def sentences(read: Callable[[], object]) -> list[str]:
    with pytest.raises(Invalid) as refused:
        read()
    return [problem.sentence() for problem in refused.value.problems]


def test_a_policy_is_read() -> None:
    policy = read_policy(TICKET, "policies/ticket.yaml", "ticket").value
    assert (policy.name, policy.mode, policy.otherwise) == ("ticket", Mode.ENFORCE, Otherwise.DENY)
    assert policy.parameters == {"pattern": Parameter(ParameterKind.TEXT, "[A-Z]+-[0-9]+")}
    assert policy.source == "policies/ticket.yaml"


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        ("3", ParameterKind.WHOLE, 3),
        ("'3'", ParameterKind.TEXT, "3"),
        ("3.5", ParameterKind.NUMBER, 3.5),
        ("true", ParameterKind.YES_NO, True),
        ("2h", ParameterKind.SPAN, 7200.0),
        ("[Mon, Tue]", ParameterKind.TEXTS, ("Mon", "Tue")),
        ("Europe/Berlin", ParameterKind.TEXT, "Europe/Berlin"),
    ],
)
def test_a_parameters_type_is_told_by_what_the_policy_gives_it(
    written: str, kind: ParameterKind, value: object
) -> None:
    policy = read_policy(f"rule: 'true'\nmessage: no\nwith: {{x: {written}}}\n", "p.yaml", "p").value
    assert policy.parameters["x"] == Parameter(kind, value)  # type: ignore[arg-type]


def test_every_fault_of_the_form_has_its_line() -> None:
    text = (
        "name: other\nrule: 'true'\nmessage: it is {here\nmode: enforced\nwith: {in: 3}\ntests:\n"
        "  - given: {release: {verion: 1, number: many}}\n    expect: pass\n"
        "  - with: {most: 1}\n    expect: maybe\nseverity: high\n"
    )
    assert sentences(lambda: read_policy(text, "p.yaml", "p")) == [
        "p.yaml:1: name: the file is called p, and the policy in it 'other'. Give both the same name, or remove this "
        "line.",
        "p.yaml:3: message: a { has no other to go with it. Write {{ or }} for the brace itself.",
        "p.yaml:4: mode: 'enforced' is not a mode; there are: enforce, advise. Did you mean 'enforce'?",
        "p.yaml:5: with.in: expected the name of a parameter, got 'in'. They have lower-case letters, digits and _; "
        "rules keep these words for themselves: as, break, const, continue, else, false, for, function, if, import, "
        "in, let, loop, namespace, null, package, return, true, var, void, while.",
        "p.yaml:7: tests[0].given.release.verion: release has no field 'verion'. Did you mean 'version'?",
        "p.yaml:7: tests[0].given.release.number: expected a whole number (a whole number, -9007199254740992 to "
        "9007199254740992), got 'many'.",
        "p.yaml:9: tests[1].with: p has no parameter 'most'. Its parameters are: none.",
        "p.yaml:10: tests[1].expect: 'maybe' is not what is expected; there are: pass, deny. Write one of: pass, deny.",
        "p.yaml:11: severity: a policy has no field 'severity'. Did you mean 'mode'?",
    ]


def test_an_environment_names_policies_that_are_there() -> None:
    text = (
        "environments:\n  prod:\n    policies:\n      - soakd\n      - {policy: soaked, with: {least: long}}\n"
        "      - {policy: soaked, with: {most: 1}}\n      - {policy: change-size, mode: warn}\n"
    )
    assert sentences(lambda: read_catalogue(text)) == [
        "environments.yaml:4: environments.prod.policies[0]: there is no policy 'soakd'; there are: "
        f"{', '.join(starter())}. Did you mean 'soaked'?",
        "environments.yaml:5: environments.prod.policies[1].with.least: expected a duration such as 10s, got 'long'. "
        "The units are s, ms, m, h.",
        "environments.yaml:6: environments.prod.policies[2].with.most: soaked has no parameter 'most'. Its parameters "
        "are: least, where.",
        "environments.yaml:7: environments.prod.policies[3].mode: 'warn' is not a mode; there are: enforce, advise. "
        "Write one of: enforce, advise.",
    ]


def test_an_environment_has_the_rules_that_it_names_with_its_own_parameters() -> None:
    text = (
        "environments:\n  dev: {}\n  prod:\n    policies: [soaked, {policy: soaked, with: {least: 1h}, mode: advise}, "
        "soaked]\n"
    )
    found = read_catalogue(text).value.environments
    rules = found["prod"].rules or ()
    assert [(rule.name, rule.parameters["least"].value, rule.mode) for rule in rules] == [
        ("soaked", 7200.0, Mode.ENFORCE),
        ("soaked", 3600.0, Mode.ADVISE),
    ]
    assert found["dev"].rules is None


def test_a_policy_may_not_take_the_name_of_one_that_lockgate_brings(folder: Path) -> None:
    (folder / "policies" / "soaked.yaml").write_text(TICKET)
    (folder / "policies" / "Bad Name.yaml").write_text(TICKET)
    told = sentences(lambda: read_shelf(folder / "policies"))
    assert told[1] == "policies/soaked.yaml: Lockgate brings a policy 'soaked' itself. Give yours another name."
    assert told[0].startswith("policies/Bad Name.yaml: 'Bad Name' is not a name for a policy.")


@pytest.mark.parametrize("style", ["|", ">", ">-", '"', "plain"])
def test_a_fault_of_a_rule_has_the_line_it_stands_on(policies: Policies, tmp_path: Path, style: str) -> None:
    begin, end = {"|": ("|\n  ", ""), ">": (">\n  ", ""), ">-": (">-\n  ", ""), '"': ('"', '"'), "plain": ("", "")}[
        style
    ]
    text = f"rule: {begin}environment.name == 'prod'\n  &&\n  environment.teir == 'x'{end}\nmessage: no\n"
    (tmp_path / "p.yaml").write_text(text)
    shelf = read_shelf(tmp_path)
    (problem,) = shelf.faults(policies.check)
    assert (problem.where, problem.line) == (f"{tmp_path.name}/p.yaml", 3 if style in ('"', "plain") else 4)
    assert "(teir == 'x')" in problem.because.replace('"', "'")
    assert "an environment has no field 'teir'." in problem.because


def test_a_faulty_policy_keeps_the_whole_catalogue_shut(policies: Policies, folder: Path) -> None:
    catalogue = CatalogueFile(folder / "environments.yaml", policies.check)
    assert catalogue().environments["prod"].rules
    good = (folder / "policies" / "ticket.yaml").read_text()
    (folder / "policies" / "ticket.yaml").write_text(good.replace("deployment.reason.m", "deployment.raeson.m"))
    assert sentences(catalogue) == [
        "policies/ticket.yaml:4: rule: at character 45 (raeson.matches(with.pattern)): a deployment has no field "
        "'raeson'. Did you mean 'reason'?"
    ]
    (folder / "policies" / "ticket.yaml").write_text(good)
    assert catalogue().environments["prod"].rules


def test_a_bomb_keeps_it_shut_as_well(policies: Policies, folder: Path) -> None:
    (folder / "policies" / "bomb.yaml").write_text(f"rule: {'(' * 40}true{')' * 40}\nmessage: boom\n")
    told = sentences(CatalogueFile(folder / "environments.yaml", policies.check))
    assert told == ["policies/bomb.yaml:1: rule: it is nested more than 32 levels deep. Write a simpler rule."]


def test_a_policy_that_is_changed_or_gone_is_noticed(policies: Policies, folder: Path) -> None:
    catalogue = CatalogueFile(folder / "environments.yaml", policies.check)
    before = catalogue().environments["prod"].policy_digest
    (folder / "policies" / "ticket.yaml").write_text(TICKET.replace("[A-Z]+", "SHOP"))
    assert catalogue().environments["prod"].policy_digest != before
    assert "ticket" in catalogue.shelf.all
    (folder / "policies" / "ticket.yaml").unlink()
    assert "there is no policy 'ticket'" in sentences(catalogue)[0]


def test_where_rules_cannot_be_checked_the_catalogue_is_read_all_the_same(folder: Path) -> None:
    def missing(policy: Policy) -> tuple[RuleProblem, ...]:
        raise ComponentMissing("There is no library.")

    assert CatalogueFile(folder / "environments.yaml", missing)().environments["prod"].rules


def test_what_an_environment_gives_is_tried(policies: Policies, tmp_path: Path) -> None:
    (tmp_path / "environments.yaml").write_text(
        "environments:\n  prod:\n    policies:\n      - {policy: business-hours, with: {zone: Europe/Berln}}\n"
    )
    assert sentences(CatalogueFile(tmp_path / "environments.yaml", policies.check)) == [
        "environments.yaml:4: environments.prod.policies[0].with: there is no such time zone. Write one such as "
        "Europe/Berlin."
    ]


@pytest.mark.parametrize("name", sorted(starter()))
def test_the_starter_set_is_understood_and_passes_its_own_tests(policies: Policies, name: str) -> None:
    policy = starter()[name]
    assert policies.check(policy) == ()
    assert policy.about and len(policy.tests) >= 3
    for test in policy.tests:
        asked = Policy(name, policy.rule, policy.message, parameters=test.parameters)
        (found,) = policies.judge((asked,), document_with(test.given))
        assert found.holds is (test.expect.value == "pass"), f"{name}.yaml:{test.line}: {found.because}"
        assert "(unknown)" not in found.because


def test_the_starter_set_is_the_one_that_is_promised() -> None:
    assert list(starter()) == [
        "author-is-not-approver", "business-hours", "canary-in-production", "change-size", "images-by-digest",
        "no-critical-vulnerabilities", "soaked",
    ]  # fmt: skip
    assert Shelf().all == starter()
