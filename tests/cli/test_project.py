"""init and check: both files written for a project, and understood again."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_init_writes_two_files_that_check_understands(run: Run, surroundings: Path) -> None:
    ran = run("init")
    assert (ran.code, ran.err) == (0, "")
    assert "wrote lockgate.yaml" in ran.out
    assert "lockgate release create" in ran.out
    assert (surroundings / "lockgate.yaml").read_text().startswith("#")
    ran = run("check")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "✔ lockgate.yaml: project with web; blue-green, 1 check.",
        "✔ environments.yaml: dev → staging → prod.",
    ]


def test_init_takes_another_folder(run: Run, surroundings: Path) -> None:
    (surroundings / "shop").mkdir()
    ran = run("init", "shop")
    assert ran.code == 0
    assert "  cd shop" in ran.out
    assert (surroundings / "shop" / "lockgate.yaml").exists()
    assert run("init", "nowhere").code == 2


def test_init_overwrites_nothing_unless_forced(run: Run, surroundings: Path) -> None:
    file = surroundings / "environments.yaml"
    file.write_text("mine")
    ran = run("init")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: environments.yaml is there already; nothing was written. Overwrite with --force.\n"
    assert [path.name for path in surroundings.iterdir()] == ["environments.yaml"]
    assert file.read_text() == "mine"
    assert run("init", "--force").code == 0
    assert file.read_text() != "mine"


def test_init_that_cannot_write_all_leaves_nothing_half_made(run: Run, surroundings: Path) -> None:
    """The last of the files cannot be written, for a folder stands in its place."""
    (surroundings / ".environments.yaml.new").mkdir()
    ran = run("init")
    assert ran.code == 2
    assert "cannot be written" in ran.err
    assert [path.name for path in surroundings.iterdir()] == [".environments.yaml.new"]


def test_init_speaks_json(run: Run) -> None:
    told = json.loads(run("init", "--json").out)
    assert set(told) == {"kind", "because", "files", "notes"}
    assert "lockgate.yaml" in told["files"]


def test_check_lists_every_fault_of_both_files_by_line(run: Run, surroundings: Path) -> None:
    run("init")
    definition, catalogue = surroundings / "lockgate.yaml", surroundings / "environments.yaml"
    definition.write_text(definition.read_text().replace("replicas: 2", "replica: 2"))
    catalogue.write_text(catalogue.read_text().replace("after: staging", "after: stagin"))
    ran = run("check")
    assert (ran.code, ran.out) == (2, "")
    first, *lines = ran.err.splitlines()
    assert first == "error: there are 2 problems; nothing was changed."
    line = 1 + definition.read_text().splitlines().index("    replica: 2")
    assert lines[0].startswith(f"  lockgate.yaml:{line}: components.web")
    assert "environments.yaml:" in lines[1] and "stagin" in lines[1]
    fault = json.loads(run("check", "--json").err)
    assert fault["problems"][0]["line"] == line


def test_check_sees_what_only_both_files_together_tell(run: Run, surroundings: Path) -> None:
    run("init")
    file = surroundings / "lockgate.yaml"
    file.write_text(file.read_text().replace("{work}", "{work} {values.colour}"))
    ran = run("check")
    assert ran.code == 2
    assert "colour" in ran.err
    assert run("check", "lockgate.yaml").code == 0


def test_check_of_nothing_says_how_to_begin(run: Run) -> None:
    ran = run("check")
    assert ran.code == 2
    assert "Write them with: lockgate init" in ran.err
    assert run("check", "missing.yaml").code == 2


def test_serve_refuses_bad_settings_by_the_option_they_came_from(run: Run) -> None:
    ran = run("serve", "--listen", "0.0.0.0:7070")
    assert ran.code == 2
    assert ran.err.startswith("error: command line: --listen: ")


def test_serve_refuses_bad_settings_by_the_variable_they_came_from(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_LISTEN", "nonsense")
    ran = run("serve")
    assert ran.code == 2
    assert "LOCKGATE_LISTEN" in ran.err


def test_doctor_looks_at_the_machine_itself_when_no_server_runs(run: Run, home: Path) -> None:
    ran = run("doctor", "--json")
    told = {one["subject"]: one for one in json.loads(ran.out)}
    assert told["Python"]["usable"]
    assert str(home) in told["data folder"]["because"]
    assert not told["server"]["usable"]
    assert told["server"]["mend"] == "Start one with: lockgate serve"
