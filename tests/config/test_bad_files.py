"""Every fault of a file is reported at once: where, what, and the way to mend it. The cases are files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.config.application_file import read_application
from lockgate.config.document import MAX_BYTES, decode, load_text, parse
from lockgate.config.environments_file import read_catalogue
from lockgate.core.errors import Invalid

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


def reader_of(case: Path) -> Callable[[str, str], object]:
    return read_application if case.name.startswith("application") else read_catalogue


def refusal(read: Callable[[str, str], object], text: str, where: str = "file.yaml") -> Invalid:
    with pytest.raises(Invalid) as refused:
        read(text, where)
    return refused.value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_each_fault_of_a_file_is_a_sentence_with_its_line(case: Path) -> None:
    refused = refusal(reader_of(case), case.read_text(), case.name)
    assert [problem.sentence() for problem in refused.problems] == case.with_suffix(
        ".expected"
    ).read_text().splitlines()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_faults_come_in_the_order_of_the_file_and_each_can_be_mended(case: Path) -> None:
    problems = refusal(reader_of(case), case.read_text(), case.name).problems
    lines = [problem.line for problem in problems]
    assert None not in lines
    assert lines == sorted(lines, key=lambda line: line or 0)
    assert all(problem.because.endswith((".", "?")) for problem in problems)
    last = len(case.read_text().splitlines()) + 1
    assert all(1 <= (line or 0) <= last for line in lines)


def test_a_file_that_is_not_utf_8_is_refused_with_the_line() -> None:
    with pytest.raises(Invalid) as refused:
        decode(b"application: shop\nowner: Z\xfcrich\n", "lockgate.yaml")
    assert refused.value.problems[0].sentence() == (
        "lockgate.yaml:2: byte 27 (0xfc) is not UTF-8. Save the file as UTF-8."
    )


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "lockgate.yaml"
    path.write_bytes(b"\xef\xbb\xbfapplication: shop\n")
    assert "application" in parse(load_text(path), "lockgate.yaml").entries


def test_a_missing_file_names_the_way_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"there is no file .*lockgate init"):
        load_text(tmp_path / "lockgate.yaml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read: Is a directory"):
        load_text(tmp_path)


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "lockgate.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(Invalid, match="larger than 1024 KiB"):
        load_text(path)
    with pytest.raises(Invalid, match="larger than 1024 KiB"):
        parse("#" * (MAX_BYTES + 1), "lockgate.yaml")


def test_deep_nesting_is_refused() -> None:
    refused = refusal(read_application, "a: " + "[" * 5000)
    assert "nested more than 30 levels" in str(refused)


def test_very_many_values_are_refused() -> None:
    assert "more than 20000 values" in str(refusal(read_application, "a: [" + "x," * 30_000 + "]"))


@pytest.mark.parametrize("text", ['application: "\\0"\n', 'application: "\\ud800"\n', "application: \x07\n"])
def test_characters_that_no_program_can_take_are_refused(text: str) -> None:
    assert "character U+" in str(refusal(read_application, text))


def test_an_escape_beyond_unicode_is_refused() -> None:
    assert "1: an escape here" in str(refusal(read_application, 'application: "\\UFFFFFFFF"\n'))


@pytest.mark.parametrize(
    "written", ["hunter2", "[hunter2]", "{db: hunter2}", "{db: [hunter2]}", "{db: {value: hunter2}}"]
)
def test_a_secret_that_is_written_into_the_file_is_not_repeated(written: str) -> None:
    refused = refusal(read_catalogue, f"environments: {{dev: {{secrets: {written}}}}}\n")
    assert "hunter2" not in str(refused)
