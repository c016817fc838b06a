"""Which format a document is of, and what it says. ``python -m lockgate.drivers.documents.reading FILE [FORMAT]``
prints it, within limits of time and memory; that is how the server has it read."""

import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from lockgate.core.errors import Invalid
from lockgate.core.evidence import MAX_BYTES, MAX_FINDINGS, MAX_PACKAGES, Contents, Format
from lockgate.drivers.documents import cyclonedx, envelope, grype, sarif, spdx, trivy
from lockgate.drivers.documents.wire import Shape, read_as, refused

MEMORY = 1024 * 1024 * 1024
"""Bytes of address space: several times what the greatest honest document needs."""
SECONDS = 30
"""Of one core."""

MAX_OBJECTS = 2_000_000
"""JSON objects in one document: what little is built of each has to fit into the memory."""

MAX_TEXT = 600
"""Characters of a name, a version, a package URL. Postgres has no index over much longer ones."""

READERS: Mapping[Format, Callable[[bytes], Contents]] = {
    Format.IN_TOTO: envelope.read,
    Format.CYCLONEDX: cyclonedx.read,
    Format.SPDX: spdx.read,
    Format.SARIF: sarif.read,
    Format.TRIVY: trivy.read,
    Format.GRYPE: grype.read,
}

EXPECTED = (
    "Expected a DSSE envelope with an in-toto statement, CycloneDX JSON 1.4 to 1.7, SPDX JSON 2.2 or 2.3, SARIF 2.1.0, "
    "or the JSON of Trivy or Grype."
)

REFUSED = 3
"""Exit code: what is printed is the refusal."""


class _Marks(Shape):
    """Names by which formats are known; what they hold is not looked at."""

    payload_type: msgspec.Raw = msgspec.Raw()
    bom_format: msgspec.Raw = msgspec.Raw()
    spdx_version: msgspec.Raw = msgspec.Raw()
    runs: msgspec.Raw = msgspec.Raw()
    schema_version: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw, name="SchemaVersion")
    matches: msgspec.Raw = msgspec.Raw()
    context: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw, name="@context")
    statement: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw, name="_type")
    dsse_envelope: msgspec.Raw = msgspec.Raw()


_MARKS = {
    "payload_type": Format.IN_TOTO,
    "bom_format": Format.CYCLONEDX,
    "spdx_version": Format.SPDX,
    "runs": Format.SARIF,
    "schema_version": Format.TRIVY,
    "matches": Format.GRYPE,
}


def read(data: bytes, wanted: Format | None = None) -> Contents:
    """Raises :class:`Invalid`, naming what was expected."""
    if len(data) > MAX_BYTES:
        raise refused(f"it has {len(data)} bytes.", f"At most {MAX_BYTES} are read.")
    if data.count(b"{") > MAX_OBJECTS:
        raise refused(f"it holds more than {MAX_OBJECTS} objects.", "Attach one document for each part.")
    found = recognised(data.removeprefix(b"\xef\xbb\xbf"))
    if wanted is not None and found is not wanted:
        raise refused(f"it is not what was said: expected {wanted.value}, found {found.value}.", "Write --kind auto.")
    contents = READERS[found](data.removeprefix(b"\xef\xbb\xbf"))
    for what, count, most in (
        ("packages", len(contents.packages), MAX_PACKAGES),
        ("findings", len(contents.findings) + len(contents.statements), MAX_FINDINGS),
    ):
        if count > most:
            mend = "Attach one document for each part."
            raise refused(f"it lists {count} {what}; at most {most} are kept of one document.", mend)
    for text in _texts(contents):
        if len(text) > MAX_TEXT or "\x00" in text:
            what = f"a text of {len(text)} characters" if len(text) > MAX_TEXT else "a NUL character"
            raise refused(f"it holds {what} where a name or a version is expected.", "Look at what has written it.")
    return contents


def _texts(contents: Contents) -> Iterator[str]:
    """Everything that is kept to be looked up or shown."""
    yield from (contents.version, contents.tool, contents.about)
    for package in contents.packages:
        yield from (package.name, package.version, package.purl)
    for found in contents.findings:
        yield from (found.vulnerability, found.name, found.version, found.purl, found.fixed, found.ref, *found.aliases)
    for statement in contents.statements:
        yield from (statement.vulnerability, *statement.packages, statement.because)


def recognised(data: bytes) -> Format:
    """By the names at its top. Raises :class:`Invalid`."""
    if not data.strip():
        raise refused("it is empty.", EXPECTED)
    if data.lstrip()[:1] != b"{":
        raise refused(f"it is no JSON object{_perhaps(data)}.", EXPECTED)
    marks = read_as(data, _Marks, "JSON object")
    for name, known in _MARKS.items():
        if bytes(getattr(marks, name)):
            return known
    if bytes(marks.statement):
        raise refused("it is an in-toto statement that nobody has signed.", "Attach it in its DSSE envelope.")
    if bytes(marks.dsse_envelope):
        raise refused("it is a Sigstore bundle.", "Attach what stands in its field dsseEnvelope.")
    if b"spdx.org/rdf/3" in bytes(marks.context):
        raise refused("it is SPDX 3.", "Write it as SPDX 2.3: most tools can do both.")
    raise refused("nothing in it says what kind of document it is.", EXPECTED)


def _perhaps(data: bytes) -> str:
    """What people attach by mistake."""
    start = data.lstrip()[:200]
    for mark, what in ((b"<", "but XML"), (b"SPDXVersion:", "but SPDX as tag:value"), (b"\x1f\x8b", "but gzip")):
        if start.startswith(mark):
            return f", {what}"
    return ""


def main(arguments: list[str]) -> int:
    """Reads one file, prints what is in it or why it is refused."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        contents = read(Path(arguments[0]).read_bytes(), Format(arguments[1]) if arguments[1:] else None)
        answer, code = msgspec.json.encode(contents), 0
    except Invalid as error:
        answer, code = msgspec.json.encode(error.problems), REFUSED
    with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(answer)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
