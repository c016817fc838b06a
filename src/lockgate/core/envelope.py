"""Envelope: a statement with signatures round it, as DSSE has it, so that other tools can verify it too.

What is signed is the type and the bytes of the payload, so nobody has to make the same bytes again. An envelope is
written in one way only: canonical JSON, so each of its bytes counts.
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as Undecodable
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lockgate.core.errors import RecordAltered
from lockgate.core.ids import canonical

IN_TOTO = "application/vnd.in-toto+json"
CHECKPOINT = "application/vnd.lockgate.checkpoint+json"
ROTATION = "application/vnd.lockgate.key-rotation+json"

Verify = Callable[[str, bytes, bytes], bool]
"""Public key (PEM), message, signature -> whether it is the key's signature of the message."""


@dataclass(frozen=True, slots=True)
class Signature:
    """``key``: id of the key that made it."""

    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, and who stands for it."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def content(self) -> dict[str, Any]:
        """The payload, which is a JSON object. Raises :class:`RecordAltered`."""
        return _object(self.payload, "The payload of an envelope")


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def encode(envelope: Envelope) -> bytes:
    """As canonical JSON, on one line."""
    signatures = [{"keyid": one.key, "sig": b64encode(one.value).decode()} for one in envelope.signatures]
    payload = b64encode(envelope.payload).decode()
    return canonical({"payload": payload, "payloadType": envelope.payload_type, "signatures": signatures})


def decode(text: bytes) -> Envelope:
    """What :func:`encode` wrote. Raises :class:`RecordAltered` for anything that differs from it in a single byte."""
    try:
        envelope = _read(_object(text, "An envelope"))
        same = encode(envelope) == text
    except (KeyError, TypeError, AttributeError, ValueError, Undecodable) as error:
        raise RecordAltered("An envelope lacks a part, or holds one that is not what it must be.") from error
    if not same:
        raise RecordAltered("An envelope is not written as Lockgate writes it, so it has been changed.")
    return envelope


def _read(found: dict[str, Any]) -> Envelope:
    signatures = tuple(Signature(str(one["keyid"]), b64decode(one["sig"])) for one in found["signatures"])
    return Envelope(str(found["payloadType"]), b64decode(found["payload"]), signatures)


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordAltered(f"{what} is not JSON, so it has been changed.") from error
    if not isinstance(found, dict):
        raise RecordAltered(f"{what} is not a JSON object, so it has been changed.")
    return found
