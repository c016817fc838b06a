"""A huge list of contents is refused with a sentence, and the server goes on as if nothing had happened."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.client import Client, Refusal
from lockgate.core.errors import LockgateError
from lockgate.core.evidence import MAX_BYTES
from lockgate.testing.installation import Installation

DEFINITION = """
application: shop
components: {web: {artifact: "file:./shop.py", run: "python3 {artifact}"}}
"""
HEAD = b'{"bomFormat":"CycloneDX","specVersion":"1.6","components":['


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("server"), "environments: {dev: {listen: 1}}\n") as found:
        (found.folder / "shop.py").write_text("print()\n")
        found.release(DEFINITION)
        yield found


def listing(size: int, one: bytes) -> bytes:
    """A document of nearly so many bytes."""
    return HEAD + b",".join([one] * ((size - len(HEAD) - 2) // (len(one) + 1))) + b"]}"


DOCUMENTS = {
    "more packages than are kept": (
        listing(MAX_BYTES, b'{"name":"a","version":"1.0.0","x":"yyyyy"}'),
        "at most 100000",
    ),
    "too many objects": (listing(MAX_BYTES, b'{"name":"a"}'), "more than 2000000 objects"),
    "more bytes than are read": (HEAD + b" " * MAX_BYTES, "larger than 67108864 bytes"),
    "depth": (HEAD + b'{"components":[' * 4_000_000, "objects|not JSON"),
    "one huge text": (HEAD + b'{"name":"' + b"x" * 60_000_000 + b'"}]}', "60000000 characters"),
}


def resident(pid: int) -> float:
    """MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_it_is_refused_and_the_server_is_unharmed(server: Installation, tmp_path: Path, kind: str) -> None:
    data, words = DOCUMENTS[kind]
    file = tmp_path / "sbom.json"
    file.write_bytes(data)
    assert server.process is not None
    before, answered, over = resident(server.process.pid), [], threading.Event()

    def ask() -> None:
        done = False
        while not done:
            try:
                answered.append(bool(Client.of(server.home).health()))
            except LockgateError:
                answered.append(False)
            done = over.wait(0.05)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        with pytest.raises(Refusal, match=words):
            server.client.attach("shop", "latest", file)
    finally:
        over.set()
        asking.join()
    assert answered and all(answered)
    assert resident(server.process.pid) - before < 100
    assert server.client.evidence("shop") == ()
    assert list((server.home / "artifacts" / "tmp").glob("blob-*")) == []
