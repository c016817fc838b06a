"""Documents are read in a process of their own, which alone pays for what is in them."""

import json
import time
from pathlib import Path

import pytest

from lockgate.core.errors import Invalid
from lockgate.core.evidence import Format
from lockgate.core.package import Package
from lockgate.drivers.blobs import Blobs
from lockgate.drivers.documents import apart, reading
from lockgate.drivers.documents.shelf import Shelf
from tests.drivers.documents import samples


def test_the_same_is_read_as_within(tmp_path: Path) -> None:
    for number, document in enumerate((samples.CYCLONEDX, samples.TRIVY, samples.SARIF)):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(document))
        assert apart.read_apart(file, None) == reading.read(file.read_bytes())


def test_a_refusal_comes_back_in_its_own_words(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{}")
    with pytest.raises(Invalid, match="nothing in it says what kind"):
        apart.read_apart(file, None)
    file.write_text(json.dumps(samples.SPDX))
    with pytest.raises(Invalid, match="expected sarif, found spdx"):
        apart.read_apart(file, Format.SARIF)


def test_a_huge_document_is_refused_and_harms_nobody(tmp_path: Path) -> None:
    """64 MB of components, as many as objects may be: it is refused for what it lists, or for the memory it takes."""
    file = tmp_path / "huge.json"
    one = b'{"name":"a","version":"1.0.0"}'
    count = min(64_000_000 // (len(one) + 1), reading.MAX_OBJECTS - 10)
    file.write_bytes(b'{"bomFormat":"CycloneDX","specVersion":"1.6","components":[' + b",".join([one] * count) + b"]}")
    began = time.process_time()
    with pytest.raises(Invalid, match=r"at most 100000 are kept|cannot be read within"):
        apart.read_apart(file, None)
    assert time.process_time() - began < 5, "the work is not done here"


def test_a_process_that_dies_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(samples.SPDX))
    monkeypatch.setattr(apart.sys, "executable", "/bin/false")
    with pytest.raises(Invalid, match="cannot be read within"):
        apart.read_apart(file, None)


def test_the_shelf_keeps_what_is_kept_and_nothing_else(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    shelf = Shelf(blobs)
    data = json.dumps(samples.SPDX).encode()
    with shelf.incoming() as incoming:
        incoming.write(data)
        assert shelf.read(incoming, None).packages[0] == Package(
            "urllib3", "2.0.4", "pkg:pypi/urllib3@2.0.4", "sha256:" + "b" * 64
        )
    assert list(blobs) == []
    with shelf.incoming() as incoming:
        incoming.write(data)
        shelf.read(incoming, None)
        digest = incoming.keep()
    assert blobs.read(digest) == data
