"""What a person reads of environments, comparisons and templates, and what is asked of the server for it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.cli.environments import diff_lines, list_lines, page
from lockgate.messages.environments import (
    ComparisonView,
    DifferenceView,
    EnvironmentDetail,
    HolderView,
    KeptView,
    OriginView,
    WhyView,
)
from tests.cli import canned
from tests.cli.canned import NOW
from tests.cli.conftest import Run
from tests.cli.double import Double

ABOVE = OriginView("organisation", "environments.yaml", 3, "250")
LIMIT = OriginView("environment prod", "environments.yaml", 21, "1000", (ABOVE,))

PROD = EnvironmentDetail(
    name="prod",
    tier="production",
    owner="shop",
    purpose="what customers get",
    users=("customers", "support"),
    endpoints={"shop": "https://shop.example.org/"},
    after="staging",
    before=("world",),
    promote="on-demand",
    capabilities=("gpu",),
    stated=("hold", "weights"),
    listen={"*": "127.0.0.1:8083", "catalogue": "0.0.0.0:8084"},
    values={"limit": "1000"},
    secrets={"token": KeptView("file /etc/token", "1a2b3c"), "key": KeptView("variable KEY", "")},
    cells={},
    fields={"values.limit": LIMIT, "owner": OriginView("environment prod", "environments.yaml", 15, "shop")},
    runs=(HolderView("catalogue", "rel-3a3a3a3a3a3a", canned.NEW_LABEL, "dep-7", NOW - 60),),
)

DIFFERENCES = (
    DifferenceView("release", "shop", "shop 2 (#2)", "", "shop: only in staging: shop 2 (#2).", True),
    DifferenceView(
        "rule", "promote", "automatic", "on-demand", "promote: automatic in staging, on-demand in prod.", True
    ),
    DifferenceView("observed", "shop/web", "as deployed", "unknown", "shop/web cannot be compared.", False),
    DifferenceView("secret", "", "", "unknown", "The secrets of prod cannot be compared: nobody knows.", False),
)
COMPARISON = ComparisonView(
    NOW,
    "staging",
    "prod",
    False,
    ("staging and prod differ in 2 things.", *(d.sentence for d in DIFFERENCES)),
    DIFFERENCES,
)


def words(lines: object) -> str:
    return "\n".join(one.words for one in lines)  # type: ignore[attr-defined]


def test_an_environment_is_told_in_sentences_first() -> None:
    assert (
        words(page(PROD, NOW))
        == """\
prod
  Run by shop, of the tier production. It is for what customers get. Used by customers, support.
  Releases that have succeeded in staging enter when somebody promotes them; world comes after it.
  Its owner says that it has: gpu; its drivers can: hold, weights.
  Requests arrive at 127.0.0.1:8083, 0.0.0.0:8084 for catalogue.

For people
  shop  https://shop.example.org/

Written
  values.limit  1000  environment prod, line 21, instead of organisation
  owner         shop  environment prod, line 15

Secrets
  token  file /etc/token  fingerprint 1a2b3c
  key    variable KEY     fingerprint unknown

Runs
  catalogue 0.65.2 (#3)  rel-3a3a3a3a3a3a  dep-7  60 s ago"""
    )


def test_an_environment_of_which_little_is_known() -> None:
    bare = replace(
        PROD, tier="", owner="", purpose="", users=(), endpoints={}, after=None, before=(), promote="automatic",
        capabilities=(), stated=None, listen={}, secrets={}, fields={}, runs=(), cells={"north": {"*": "127.0.0.1:1"}},
    )  # fmt: skip
    assert (
        words(page(bare, NOW))
        == """\
prod
  Run by nobody that is named.
  It is a first environment: releases enter by themselves.
  Its owner says that it has: nothing; its drivers cannot tell now.
  Requests arrive in its cells: north: 127.0.0.1:1."""
    )


def test_differences_are_sentences_and_then_a_table() -> None:
    assert (
        words(diff_lines(COMPARISON))
        == """\
staging and prod differ in 2 things.
  ≠ shop: only in staging: shop 2 (#2).
  ≠ promote: automatic in staging, on-demand in prod.
  ? shop/web cannot be compared.
  ? The secrets of prod cannot be compared: nobody knows.

KIND      WHAT      staging      prod
release   shop      shop 2 (#2)  –
rule      promote   automatic    on-demand
observed  shop/web  as deployed  unknown"""
    )


def test_what_is_the_same_needs_no_table() -> None:
    assert (
        words(diff_lines(replace(COMPARISON, sentences=("They are the same.",), differences=())))
        == "They are the same."
    )


def test_a_long_value_is_cut_in_the_table_alone() -> None:
    long = DifferenceView("rule", "x", "y" * 100, "z", f"x: {'y' * 100} in staging, z in prod.", True)
    text = words(diff_lines(replace(COMPARISON, sentences=("1.", long.sentence), differences=(long,))))
    assert "y" * 100 in text and "y" * 47 + "…" in text


def test_the_list_is_in_the_order_it_comes() -> None:
    lines = words(list_lines(canned.ENVIRONMENTS)).splitlines()
    assert [line.split()[0] for line in lines] == ["ENVIRONMENT", "dev", "staging", "prod"]


@pytest.fixture
def answering(double: Double) -> Double:
    told = WhyView("prod", ("values.limit is 1000: written in environment prod.",))
    double.answers |= {
        ("GET", "/v1/environments/prod"): PROD,
        ("GET", "/v1/environments/prod/why/limit"): told,
        ("GET", "/v1/comparisons"): COMPARISON,
    }
    return double


def test_showing_one_and_asking_why(run: Run, answering: Double) -> None:
    assert "Run by shop" in run("env", "show", "prod").out
    assert json.loads(run("env", "show", "prod", "--json").out)["owner"] == "shop"
    assert run("env", "show", "prod", "--why", "limit").out == "values.limit is 1000: written in environment prod.\n"
    assert run("env", "list").code == 0
    assert run("env", "show", "nowhere").code == 1


def test_comparing_two_sides(run: Run, answering: Double) -> None:
    assert "differ in 2 things" in run("env", "diff", "staging", "prod@2h").out
    assert answering.last("GET").query == {"left": "staging", "right": "prod@2h"}
    assert json.loads(run("env", "diff", "staging", "prod", "--json").out)["same"] is False


def test_a_release_is_named_by_its_number_too(run: Run, answering: Double, surroundings: Path) -> None:
    assert run("env", "diff", "#4", "rel-3a3a3a3a3a3a", "--app", "catalogue").code == 0
    assert answering.last("GET").query == {"left": canned.BAD_RELEASE.id, "right": "rel-3a3a3a3a3a3a"}
    assert run("release", "diff", "#4", "--app", "catalogue").code == 0
    assert answering.last("GET").query == {"left": canned.BAD_RELEASE.id, "right": canned.RELEASE.id}


def test_a_release_tells_its_templates(run: Run, answering: Double) -> None:
    made = replace(canned.RELEASE, templates={"service@1": "sha256:" + "5" * 64})
    answering.answers["GET", "/v1/releases/latest"] = made
    out = run("release", "show", "--app", "catalogue").out
    assert "TEMPLATE   DIGEST" in out and "service@1  555555555555" in out


# --- templates need no server ---

TEMPLATE = """\
template: service
version: 1
about: A service.
inputs: {file: {about: The program., example: ./a.py}}
component: {artifact: "file:{inputs.file}", run: "python3 {artifact} {port}"}
"""


@pytest.fixture
def project(surroundings: Path) -> Path:
    (surroundings / "templates").mkdir()
    (surroundings / "templates" / "service.yaml").write_text(TEMPLATE)
    return surroundings


def test_templates_are_listed_with_those_that_are_shipped(run: Run, project: Path) -> None:
    ran = run("template", "list")
    assert ran.code == 0 and "service@1" in ran.out and "answers@1" in ran.out
    (project / "templates" / "bad.yaml").write_text("template: bad\n")
    ran = run("template", "list")
    assert ran.code == 0 and "service@1" in ran.out and "✘" in ran.out and "bad.yaml" in ran.out
    assert [one["template"] for one in json.loads(run("template", "list", "--json").out)["templates"]][
        -1
    ] == "service@1"


def test_a_template_is_shown_with_its_inputs(run: Run, project: Path) -> None:
    for name in ("service", "service@1"):
        out = run("template", "show", name).out
        assert "file   text  must be given  The program." in out and "artifact:" in out
    assert run("template", "show", "service@2").code == 2
    assert "Did you mean 'service'?" in run("template", "show", "servic").err


def test_templates_are_checked(run: Run, project: Path) -> None:
    ran = run("template", "check")
    assert (ran.code, ran.out) == (
        0,
        "✔ service@1: a component with 1 input; reads well with its defaults and examples.\n",
    )
    file = project / "templates" / "service.yaml"
    file.write_text(TEMPLATE.replace("run:", "ran:"))
    ran = run("template", "check", "templates/service.yaml")
    assert ran.code == 2 and "templates/service.yaml:5: component.ran: a component has no field 'ran'." in ran.err
    file.write_text(TEMPLATE.replace(", example: ./a.py", ""))
    assert "not tried, for want of an example of file." in run("template", "check").out


def test_check_and_release_know_the_templates_of_the_folder(run: Run, double: Double, project: Path) -> None:
    text = "application: shop\ncomponents: {web: {template: service@1, with: {file: ./a.py}}}\n"
    (project / "lockgate.yaml").write_text(text)
    assert run("check").code == 0
    assert run("release", "create", "--artifact", "file:./b.py").code == 0
    assert double.last().body["artifacts"] == {"web": "file:./b.py"}
