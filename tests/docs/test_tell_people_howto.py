"""docs/howto/tell-people.md is followed to the letter, with a webhook on loopback that takes what is sent."""

import hmac
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.client import Client
from lockgate.testing.web_sink import Received, WebSink
from tests.docs.pages import DOCS, blocks, typed
from tests.docs.test_quickstart import Person, first_missing

HOWTO = DOCS / "howto" / "tell-people.md"
STEPS = [step for block in blocks("console", pages=[HOWTO]) for step in typed(block)]
KEY = b"the key of this test, not short"


class Teller(Person):
    """Has a page to deploy, the how-to's environments, and a server that knows where the webhook is."""

    def __init__(self, folder: Path, sink: WebSink) -> None:
        super().__init__(folder)
        self.environ |= {"RELEASES_URL": sink.url, "RELEASES_KEY": f"whsec_{b64encode(KEY).decode()}"}
        self.folder /= "page"
        self.folder.mkdir()
        super().types("lockgate init")
        (written,) = blocks("yaml", pages=[HOWTO])
        text = written.text
        for old, new in zip(("8081", "8082"), self.ports, strict=False):
            text = text.replace(old, str(new))
        (self.folder / "environments.yaml").write_text(text)
        super().types("lockgate serve")

    def types(self, command: str) -> str:
        printed = super().types(command)
        if command.startswith("lockgate deploy"):
            self._until_told()
        return printed

    def _until_told(self) -> None:
        """As long as a person needs for the next command."""
        for _ in range(500):
            if not Client.of(self.home).notifications(state="waiting"):
                return
            time.sleep(0.02)
        pytest.fail("notifications do not arrive")


@pytest.fixture
def teller(tmp_path: Path) -> Iterator[Teller]:
    with WebSink() as sink:
        found = Teller(tmp_path, sink)
        found.sink = sink  # type: ignore[attr-defined]
        try:
            yield found
        finally:
            found.interrupts()
            found.types("lockgate down --yes")


def signed_by_us(request: Received) -> bool:
    content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    wanted = f"v1,{b64encode(hmac.digest(KEY, content, 'sha256')).decode()}"
    return request.headers["webhook-signature"] == wanted


@pytest.mark.real
@pytest.mark.timeout(180)
def test_tell_people_does_what_it_says(teller: Teller) -> None:
    for step in STEPS:
        printed = teller.types(step.command)
        missing = first_missing(list(step.printed), printed.splitlines())
        assert missing is None, f"`{step.command}` does not print {missing!r}, but:\n{printed}"
    sink: WebSink = teller.sink  # type: ignore[attr-defined]
    assert all(map(signed_by_us, sink.received))
    kinds = [request.json["type"] for request in sink.received]
    assert kinds == ["notification.test", "release.created", "deployment.running", "deployment.succeeded"]
    log = (teller.home.parent / "server.log").read_text()
    assert not re.search("secret-path|whsec_", log)
