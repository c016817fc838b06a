"""Sealing: AES-256-GCM, bound to a place. What is opened elsewhere than where it was sealed does not open."""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lockgate.core.ids import canonical

BYTES = 32
"""Of a key."""
NONCE = 12
"""Bytes of chance before each ciphertext. A key seals far fewer than the 2^32 texts for which that is safe."""
FORM = "lockgate 1"
"""In front of every place: another way of sealing would have another name."""


class Unsealable(Exception):
    """It was not sealed by this key in this place, or has been altered since."""


@dataclass(frozen=True, slots=True)
class Key:
    """Never printed."""

    data: bytes

    def __repr__(self) -> str:
        return f"Key({self.id})"

    @property
    def id(self) -> str:
        """Tells keys apart, and nothing about them."""
        return hmac.new(self.data, b"lockgate: name of this key", hashlib.sha256).hexdigest()[:12]

    @property
    def text(self) -> str:
        return base64.b64encode(self.data).decode()

    def seal(self, data: bytes, *place: str | int) -> str:
        """To be opened with the same place alone."""
        nonce = os.urandom(NONCE)
        return base64.b64encode(nonce + AESGCM(self.data).encrypt(nonce, data, _bound(place))).decode()

    def open(self, sealed: str, *place: str | int) -> bytes:
        """Raises :class:`Unsealable`."""
        try:
            data = base64.b64decode(sealed, validate=True)
            return AESGCM(self.data).decrypt(data[:NONCE], data[NONCE:], _bound(place))
        except (InvalidTag, ValueError) as error:
            raise Unsealable from error

    def fingerprint(self, text: str) -> str:
        """Tells texts apart, to who has the key."""
        return hmac.new(self.data, text.encode(), hashlib.sha256).hexdigest()[:16]


def new_key() -> Key:
    return Key(os.urandom(BYTES))


def key_of(text: str) -> Key | None:
    """That :attr:`Key.text` wrote, or ``openssl rand -base64 32``; None: it is none."""
    try:
        data = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        return None
    return Key(data) if len(data) == BYTES else None


def _bound(place: tuple[str | int, ...]) -> bytes:
    """Unambiguous: a list, not words run together."""
    return canonical([FORM, *place])
