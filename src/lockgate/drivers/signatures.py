"""Signatures: public keys in PEM, Ed25519 or ECDSA P-256 with SHA-256 (what cosign makes by default)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from lockgate.core.errors import ComponentMissing, Invalid, Problem
from lockgate.core.ids import SHORT

BEGIN, END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
MAX_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One that is trusted."""

    name: str
    """Its file, or ``key`` and the first digits of its sha256."""
    key: Ed25519PublicKey | ec.EllipticCurvePublicKey

    def signed(self, signature: bytes, data: bytes) -> bool:
        """Whether the signature is this key's, over these bytes."""
        try:
            if isinstance(self.key, Ed25519PublicKey):
                self.key.verify(signature, data)
            else:
                self.key.verify(signature, data, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


def public_keys(given: Sequence[str]) -> tuple[PublicKey, ...]:
    """PEM texts, or absolute paths of files with some. A file is read each time: a key that is taken out of it counts
    no more. Raises :class:`ComponentMissing` for a file that cannot be read, :class:`Invalid` for what is no key."""
    return tuple(key for text in given for key in _read(text))


def _read(text: str) -> tuple[PublicKey, ...]:
    if text.lstrip().startswith("-----BEGIN"):
        return _keys(text, "")
    try:
        with Path(text).open("r", encoding="ascii", errors="replace") as file:
            return _keys(file.read(MAX_FILE), text)
    except OSError as error:
        because = f"The public key {text} cannot be read: {error.strerror}."
        raise ComponentMissing(because, "Put it there, readable by the server, or mend its path.") from error


@lru_cache(256)
def _keys(text: str, file: str) -> tuple[PublicKey, ...]:
    parts = [part.partition(END)[0] for part in text.split(BEGIN)[1:]]
    found = tuple(_key(f"{BEGIN}{part}{END}\n", file) for part in parts)
    if not found:
        raise _no_key(file, "there is no PEM public key in it")
    return found


def _key(pem: str, file: str) -> PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(file, f"it cannot be understood ({error})") from error
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return PublicKey(file or _fingerprint(key), key)
    if isinstance(key, Ed25519PublicKey):
        return PublicKey(file or _fingerprint(key), key)
    raise _no_key(file, f"it is of the kind {type(key).__name__.removesuffix('PublicKey')}")


def _fingerprint(key: Ed25519PublicKey | ec.EllipticCurvePublicKey) -> str:
    known = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"key {hashlib.sha256(known).hexdigest()[:SHORT]}"


def _no_key(file: str, what: str) -> Invalid:
    mend = "Expected Ed25519 or ECDSA P-256, as `cosign generate-key-pair` or `openssl` makes them."
    return Invalid([Problem(file or "environments.yaml", None, "provenance.keys", f"{what}.", mend)])
