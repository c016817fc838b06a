"""Documents for tests: a shelf in memory, and keys that sign as builders do."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lockgate.core.envelope import pae
from lockgate.core.evidence import Attestation, Contents, Format
from lockgate.core.ids import Digest, digest_of_bytes
from lockgate.drivers.documents import envelope as signed
from lockgate.drivers.documents.reading import read
from lockgate.ports import Incoming

SLSA = "https://slsa.dev/provenance/v1"


@dataclass
class FakeIncoming:
    """Bytes in memory."""

    kept: dict[Digest, bytes]
    data: bytearray = field(default_factory=bytearray)

    @property
    def size(self) -> int:
        return len(self.data)

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def finish(self) -> Digest:
        return digest_of_bytes(bytes(self.data))

    def keep(self) -> Digest:
        self.kept[self.finish()] = bytes(self.data)
        return self.finish()


class FakeDocuments:
    """:class:`lockgate.ports.Documents` that keeps in memory what it reads as the real one does, in this process."""

    def __init__(self) -> None:
        self.kept: dict[Digest, bytes] = {}

    @contextmanager
    def incoming(self) -> Iterator[Incoming]:
        yield FakeIncoming(self.kept)

    def read(self, incoming: Incoming, wanted: Format | None) -> Contents:
        assert isinstance(incoming, FakeIncoming)
        return read(bytes(incoming.data), wanted)

    def open(self, envelope: str, document: str, keys: Sequence[str]) -> Attestation:
        return signed.opened(envelope, document, keys)


@dataclass(frozen=True)
class SigningKey:
    """As a builder has it."""

    private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey

    @classmethod
    def ed25519(cls) -> "SigningKey":
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def p256(cls) -> "SigningKey":
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def pem(self) -> str:
        """The public half."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(data)
        return self.private.sign(data, ec.ECDSA(SHA256()))

    def envelope(self, statement: Mapping[str, object], payload_type: str = "application/vnd.in-toto+json") -> bytes:
        """The statement in a DSSE envelope."""
        body = json.dumps(statement).encode()
        signature = self.sign(pae(payload_type, body))
        made = {
            "payload": base64.b64encode(body).decode(),
            "payloadType": payload_type,
            "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}],
        }
        return json.dumps(made).encode()


def provenance(
    subjects: Mapping[str, str],
    *,
    builder: str = "https://ci.example/builder@v1",
    source: str = "git+https://git.example/shop",
) -> dict[str, object]:
    """An in-toto statement with SLSA provenance. ``subjects``: name -> ``sha256:...``"""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": n, "digest": {"sha256": d.removeprefix("sha256:")}} for n, d in subjects.items()],
        "predicateType": SLSA,
        "predicate": {
            "buildDefinition": {
                "buildType": "https://ci.example/build/v1",
                "externalParameters": {
                    "workflow": {"repository": source.removeprefix("git+"), "ref": "refs/heads/main"}
                },
                "resolvedDependencies": [{"uri": source, "digest": {"gitCommit": "c0ffee"}}],
            },
            "runDetails": {"builder": {"id": builder}, "metadata": {"finishedOn": "2026-11-20T10:00:00Z"}},
        },
    }
