"""Templates become what they stand for, with typed inputs, and a fault is told where it can be mended."""

from pathlib import Path

import pytest

from lockgate.config.application_file import read_application
from lockgate.config.library import SHIPPED, Library, Shelf, library
from lockgate.config.template_file import read_template
from lockgate.config.trial import faults
from lockgate.core.application import Application, CommandCheck, HttpCheck
from lockgate.core.errors import Invalid
from lockgate.core.ids import digest_of_bytes

SERVICE = """\
template: service
version: 1
about: A service.
inputs:
  file: {about: The program., pattern: '.*\\.py'}
  replicas: {type: number, default: 2}
  mode: {type: choice, options: [fast, slow], default: fast}
  wait: {type: duration, default: 20s}
  greeting: {default: Hello}
component:
  artifact: file:{inputs.file}
  run: python3 {artifact} {port} {inputs.greeting} {inputs.mode}
  health: {start_within: "{inputs.wait}"}
  replicas: {inputs.replicas}
  env: {MODE: "{inputs.mode}", LEVEL: info}
"""
USE = """\
application: shop
components:
  web:
    template: service@1
    with:
      file: ./shop.py
      replicas: 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "service.yaml").write_text(SERVICE)
    return tmp_path


def read(text: str, folder: Path) -> Application:
    return read_application(text, "lockgate.yaml", library(("the team", folder))).value


def refused(text: str, folder: Path) -> list[str]:
    with pytest.raises(Invalid) as error:
        read(text, folder)
    return [problem.sentence().replace(str(folder.resolve()), "HERE") for problem in error.value.problems]


def test_a_component_is_what_the_template_says_with_what_is_given(folder: Path) -> None:
    web = read(USE, folder).components["web"]
    assert (web.artifact.name, web.replicas) == ("./shop.py", 3)
    assert web.run == ("python3", "{artifact}", "{port}", "Hello", "fast")
    assert web.health.start_within == 20.0 and web.env == {"MODE": "fast", "LEVEL": "info"}


def test_what_is_given_stays_one_word_of_a_command(folder: Path) -> None:
    web = read(USE + "      greeting: Good 'day; rm -rf /\n", folder).components["web"]
    assert web.run[3] == "Good 'day; rm -rf /"


def test_what_is_put_in_is_not_looked_at_again(folder: Path) -> None:
    assert "nothing fills in {inputs.mode} here" in refused(USE + '      greeting: "{inputs.mode}"\n', folder)[0]


def test_what_stands_beside_it_counts_instead_and_variables_are_merged(folder: Path) -> None:
    web = read(USE + "    replicas: 7\n    env: {LEVEL: debug, MORE: x}\n", folder).components["web"]
    assert web.replicas == 7 and web.env == {"MODE": "fast", "LEVEL": "debug", "MORE": "x"}


def test_the_definition_says_which_templates_it_was_made_with(folder: Path) -> None:
    text = (folder / "templates" / "service.yaml").read_bytes()
    assert read(USE, folder).templates == {"service@1": digest_of_bytes(text)}
    assert read_application("application: a\ncomponents: {b: {artifact: 'pypi:b', run: b}}\n").value.templates == {}


def test_a_fault_of_what_is_given_is_told_in_the_definition(folder: Path) -> None:
    assert refused(USE.replace("replicas: 3", "replicas: many"), folder) == [
        "lockgate.yaml:7: components.web.with.replicas: expected the input replicas such as 10, got 'many'."
    ]
    assert refused(USE.replace("replicas: 3", "mode: medium"), folder)[0].startswith(
        "lockgate.yaml:7: components.web.with.mode: 'medium' is not the input mode; there are: fast, slow."
    )
    assert refused(USE.replace("shop.py", "shop.rb"), folder) == [
        "lockgate.yaml:6: components.web.with.file: expected the input file, got './shop.rb'. It must match .*\\.py"
    ]
    assert refused(USE.replace("replicas: 3", "wait: soon"), folder)[0].startswith(
        "lockgate.yaml:7: components.web.with.wait: expected the input wait such as 10s"
    )
    assert refused(USE.replace("replicas: 3", "replica: 3"), folder) == [
        "lockgate.yaml:7: components.web.with.replica: service@1 has no input 'replica'. Did you mean 'replicas'?"
    ]
    assert refused(USE.replace("      file: ./shop.py\n", ""), folder) == [
        "lockgate.yaml:5: components.web.with: service@1 needs the input 'file'. Add it: The program."
    ]


def test_a_value_that_the_definition_refuses_is_told_where_it_was_given(folder: Path) -> None:
    (found,) = refused(USE.replace("replicas: 3", "replicas: 0"), folder)
    assert found.startswith("lockgate.yaml:7: components.web.replicas: 0 is out of range")


def test_a_fault_of_the_template_is_told_with_its_own_file_and_line(folder: Path) -> None:
    file = folder / "templates" / "service.yaml"
    file.write_text(file.read_text().replace("health: {start_within", "helth: {start_within"))
    (found,) = refused(USE, folder)
    assert found.startswith("HERE/templates/service.yaml:13: components.web.helth: a component has no field 'helth'.")


def test_all_faults_of_a_definition_are_told_at_once(folder: Path) -> None:
    text = USE + "    relicas: 2\nverify: [{template: nothing@1}, {http: {path: x}}]\nowner: me\n"
    found = refused(text.replace("replicas: 3", "mode: no"), folder)
    assert [sentence.partition(": ")[2].partition(":")[0] for sentence in found] == [
        "components.web.with.mode", "components.web.relicas", "verify[0].template", "verify[0].http.path", "owner",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("service", "'service' names no template. Write NAME@VERSION"),
        ("service@2", "the template service has no such version; there are: 1"),
        ("servce@1", "there is no template 'servce'. Did you mean 'service'?"),
        ("answers@1", "answers@1 is of a check, which cannot stand here"),
        ("service@1@sha256:" + "0" * 12, "service@1 is not what was meant"),
    ],
)
def test_a_name_that_means_no_template_is_refused(folder: Path, name: str, said: str) -> None:
    (found,) = refused(USE.replace("service@1", name), folder)
    assert said in found and found.startswith("lockgate.yaml:4: components.web.template: ")


def test_a_digest_that_is_the_templates_is_accepted(folder: Path) -> None:
    digest = digest_of_bytes((folder / "templates" / "service.yaml").read_bytes())
    assert read(USE.replace("service@1", f"service@1@{digest}"), folder).components["web"].replicas == 3


def test_two_shelves_that_disagree_count_neither(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "operators"
    (other / "templates").mkdir(parents=True)
    text = (folder / "templates" / "service.yaml").read_text()
    (other / "templates" / "service.yaml").write_text(text)
    both = library(("the team", folder), ("the operators", other))
    assert read_application(USE, "lockgate.yaml", both).value.components["web"].replicas == 3
    (other / "templates" / "service.yaml").write_text(text + "# changed\n")
    with pytest.raises(Invalid, match="there are two templates service@1, and they differ"):
        read_application(USE, "lockgate.yaml", both)


def test_a_file_is_named_for_its_template_and_versions_lie_side_by_side(folder: Path) -> None:
    file = folder / "templates" / "service.yaml"
    (folder / "templates" / "service@2.yaml").write_text(
        file.read_text().replace("version: 1", "version: 2").replace("default: 2}", "default: 9}")
    )
    assert read(USE.replace("@1", "@2").replace("      replicas: 3\n", ""), folder).components["web"].replicas == 9
    file.rename(folder / "templates" / "other.yaml")
    assert "its file is not" in refused(USE.replace("service@1", "other@1"), folder)[0]


def test_checks_and_tasks_stand_below_verify() -> None:
    text = """\
application: shop
components: {web: {artifact: 'pypi:shop', run: 'shop {port}'}}
verify:
  - {template: answers@1, with: {path: /health, attempts: 5}}
  - {template: runs-well@1, with: {program: "./my smoke"}}
  - http: {path: /}
"""
    answers, task, plain = read_application(text).value.verify
    assert answers == HttpCheck("/health", within=2.0, attempts=5)
    assert task == CommandCheck(("./my smoke", "{url}"), 60.0)
    assert plain == HttpCheck("/")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("version: 1", "version: 0"), "version"),
        (("{inputs.mode}", "{inputs.made}"), "{inputs.made} names an input that there is not"),
        (("  greeting: {default: Hello}\n", "  greeting: {default: Hello}\n  more: {default: x}\n"),
         "nothing uses the input 'more'"),
        (("replicas: {type: number, default: 2}", "replicas: {type: number, default: two}"), "inputs.replicas.default"),
        (("{type: choice, options: [fast, slow], default: fast}", "{type: choice, default: fast}"), "options"),
        (("{type: choice, options: [fast, slow], default: fast}", "{type: choice, options: [a], default: b}"),
         "inputs.mode.default"),
        (("{default: Hello}", "{default: Hello, required: true}"), "needs no default"),
        (("{default: Hello}", "{required: false}"), "nothing says what it is"),
        (("pattern: '.*\\.py'", "pattern: '('"), "no regular expression"),
        (("component:", "components:"), "exactly one"),
    ],
)  # fmt: skip
def test_a_template_that_is_not_whole_is_refused(change: tuple[str, str], said: str) -> None:
    text = SERVICE.replace(*change)
    assert text != SERVICE
    with pytest.raises(Invalid) as error:
        read_template(text, "templates/service.yaml")
    assert said in str(error.value)
    assert all(problem.where == "templates/service.yaml" for problem in error.value.problems)


def test_a_trial_finds_what_the_definition_would_refuse() -> None:
    good = read_template(SERVICE.replace("pattern: '.*\\.py'", "example: ./shop.py"), "t.yaml")
    assert [p.because for p in faults(good)] == []
    bad = read_template(
        SERVICE.replace("pattern: '.*\\.py'", "example: ./shop.py").replace("health:", "helth:"), "t.yaml"
    )
    assert [(p.where, p.line) for p in faults(bad)] == [("t.yaml", 13)]


@pytest.mark.parametrize("file", SHIPPED.files(), ids=lambda file: file.stem)
def test_what_is_shipped_reads_well_with_its_defaults_and_examples(file: Path) -> None:
    template = SHIPPED.read(file)
    assert template.about and all(one.about for one in template.inputs.values())
    assert all(one.default is not None or one.example is not None for one in template.inputs.values())
    assert faults(template) == []


def test_a_folder_without_templates_is_no_fault(tmp_path: Path) -> None:
    assert library(("the team", tmp_path)).names() == Library().names()
    assert Shelf("me", tmp_path / "none").files() == []
