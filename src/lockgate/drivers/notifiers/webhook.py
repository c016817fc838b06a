"""Webhooks: JSON to whoever asked for it, signed as Standard Webhooks says.

``webhook-id`` is the same at every attempt, ``webhook-timestamp`` says when it was sent, and ``webhook-signature`` has
one signature for each key of the channel, so that a key can be replaced while both ends still use the old one.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import msgspec

from lockgate.core.audit import Event
from lockgate.core.errors import Undeliverable
from lockgate.core.message import Message
from lockgate.core.notification import Channel
from lockgate.core.secret import Secret
from lockgate.drivers.posting import Poster, Reveal, url_of
from lockgate.ports import Parcel

PREFIX = "whsec_"
TOLD = (
    *("seq", "kind", "at", "because", "actor", "application", "environment", "deployment", "release"),
    *("commit", "artifacts", "data"),
)
"""Fields of an event. Not where a command came from: that stays in the audit record."""
SHORTEST_KEY = 16
"""Bytes; the standard asks for 24."""


class WebhookNotifier:
    """:class:`lockgate.ports.Notifier` for programs."""

    def __init__(self, poster: Poster, reveal: Reveal) -> None:
        self._poster = poster
        self._reveal = reveal

    def send(self, channel: Channel, parcel: Parcel) -> str:
        keys = [_key(self._reveal(source), channel.name) for source in channel.secrets.get("secret", ())]
        body = body_of(parcel.message)
        headers = {"content-type": "application/json", **signed(parcel.id, int(parcel.sent_at), body, keys)}
        self._poster.post(url_of(channel, self._reveal), body, headers, parcel.sent_at)
        return ""


def signed(name: str, at: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers."""
    content = f"{name}.{at}.".encode() + body
    signatures = [f"v1,{base64.b64encode(hmac.digest(key, content, 'sha256')).decode()}" for key in keys]
    return {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": " ".join(signatures)}


def body_of(message: Message) -> bytes:
    """The same bytes at every attempt."""
    data = {
        "title": message.title,
        "sentences": message.sentences,
        "links": [asdict(link) for link in message.links],
        "events": [_event(event) for event in message.events],
    }
    return msgspec.json.encode({"type": message.kind, "timestamp": _iso(message.at), "data": data})


def _event(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in TOLD}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _key(secret: Secret, channel: str) -> bytes:
    """``whsec_`` and Base64, as the standard writes it; any other text is taken as it is."""
    text = secret.reveal().strip()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else text.encode()
    except binascii.Error:
        because = f"The secret of the channel {channel} begins with {PREFIX} and goes on with what is not Base64."
        raise Undeliverable(because, "Copy it once more.") from None
    if len(key) < SHORTEST_KEY:
        because = (
            f"The secret of the channel {channel} is shorter than {SHORTEST_KEY} bytes: signatures could be guessed."
        )
        raise Undeliverable(because, "Make one with: openssl rand -base64 32")
    return key
