"""Real servers on loopback that take notifications: HTTP and SMTP, with TLS and without."""

import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from lockgate.core.notification import Channel, Service
from lockgate.core.secret import Secret, SecretSource, SecretStore
from lockgate.testing.web_sink import WebSink

NOW = 1_800_000_000.0


class Keeper:
    """Secrets by name, looked up as drivers do it."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def __call__(self, source: SecretSource) -> Secret:
        return Secret(self.texts[source.name])

    def channel(
        self,
        service: Service,
        secrets: Mapping[str, str | list[str]] | None = None,
        settings: Mapping[str, str] | None = None,
        to: tuple[str, ...] = (),
    ) -> Channel:
        """A channel with those secrets kept here."""
        kept: dict[str, tuple[SecretSource, ...]] = {}
        for name, texts in (secrets or {}).items():
            several = texts if isinstance(texts, list) else [texts]
            kept[name] = tuple(SecretSource(SecretStore.VARIABLE, f"{name}{n}") for n in range(len(several)))
            self.texts.update({f"{name}{n}": text for n, text in enumerate(several)})
        return Channel("team", service, settings or {}, to, kept)


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def sink() -> Iterator[WebSink]:
    with WebSink() as sink:
        yield sink


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of ``hooks.example``, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem"


@pytest.fixture(scope="session")
def served(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


@pytest.fixture(scope="session")
def trusted(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Name -> addresses: this test's name server. Other names are looked up as ever."""
    known: dict[str, list[str]] = {}
    asked: Callable[..., list[tuple[object, ...]]] = socket.getaddrinfo

    def look_up(host: str, *more: object, **named: object) -> list[tuple[object, ...]]:
        found = known.get(host)
        return (
            [entry for one in found for entry in asked(one, *more, **named)] if found else asked(host, *more, **named)
        )

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known
