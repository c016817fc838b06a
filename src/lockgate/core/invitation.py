"""Invitation: a signed link to what somebody may approve. It shows where; it proves nobody and approves nothing."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass

from lockgate.core.errors import Denied
from lockgate.core.ids import Digest, Instant
from lockgate.core.secret import Secret

PURPOSE = "approve"
"""Written into what is signed: a signature for another purpose does not fit."""

_MARK = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who is asked to approve what, until when."""

    deployment: str
    subject: Digest
    person: str
    until: Instant


def sealed(invitation: Invitation, key: Secret) -> str:
    """As text for an address."""
    body = json.dumps({"for": PURPOSE, **asdict(invitation)}, sort_keys=True).encode()
    return base64.urlsafe_b64encode(_mark(body, key) + body).rstrip(b"=").decode()


def opened(text: str, key: Secret, now: Instant) -> Invitation:
    """Raises :class:`Denied` for one that was not sealed by this key, was altered, or has expired."""
    try:
        data = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError, UnicodeError):
        data = b""
    mark, body = data[:_MARK], data[_MARK:]
    if not hmac.compare_digest(mark, _mark(body, key)):
        raise Denied("This link is not one of ours, or it was altered.", "Find what waits for you at /inbox.")
    found = json.loads(body)
    if found.pop("for") != PURPOSE:
        raise Denied("This link is for something else.", "Find what waits for you at /inbox.")
    invitation = Invitation(**found)
    if now >= invitation.until:
        raise Denied("This link has expired.", "Find what waits for you at /inbox.")
    return invitation


def _mark(body: bytes, key: Secret) -> bytes:
    return hmac.new(key.reveal().encode(), body, hashlib.sha256).digest()
