"""The signing key of an installation: a folder that only its owner can read. Ed25519.

``ring.json`` holds the public keys and says which one signs; its private half is beside it under the key's own name.
The ring is replaced in one go when the new key is on the disk, so a crash leaves the old state or the new one. Servers
that share the folder see each other's rotations.
"""

import fcntl
import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from lockgate.core import keyring
from lockgate.core.envelope import ROTATION, Envelope, Signature, pae
from lockgate.core.errors import ComponentMissing
from lockgate.core.ids import Instant, short
from lockgate.core.keyring import Keyring, PublicKey, public_key

log = logging.getLogger("lockgate.signing")

RING = "ring.json"
NEW = "new"
"""A mark that the ring has just been made: what was recorded before it is not signed yet."""

_Stamp = tuple[int, int, int]


class KeyFolder:
    """:class:`lockgate.ports.Signer` on a folder."""

    def __init__(self, folder: Path, now: Instant) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: tuple[_Stamp, Keyring] | None = None
        self._private: Ed25519PrivateKey | None = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            if not (folder / RING).exists():
                self._begin(now)

    @property
    def is_new(self) -> bool:
        """Until :meth:`settled`."""
        return (self._folder / NEW).exists()

    def settled(self) -> None:
        """Everything there was is signed."""
        (self._folder / NEW).unlink(missing_ok=True)

    def ring(self) -> Keyring:
        """The public keys: they verify even where the private one has been lost."""
        with self._lock, self._legibly():
            return self._read()

    def sign(self, message: bytes) -> Signature:
        ring, private = self._current()
        return Signature(ring.current.id, private.sign(message))

    def verify(self, pem: str, message: bytes, signature: bytes) -> bool:
        return verify(pem, message, signature)

    def rotate(self, at: Instant, actor: str, reason: str) -> Keyring:
        with self._alone():
            ring, old = self._current()
            public = self._made(at)
            payload = keyring.rotation(ring.current, public, actor, reason)
            signature = Signature(ring.current.id, old.sign(pae(ROTATION, payload)))
            after = ring.followed_by(public, Envelope(ROTATION, payload, (signature,)))
            self._keep(after)
            self._place_of(ring.current).unlink(missing_ok=True)
            return after

    # --- the files ---

    def _begin(self, now: Instant) -> None:
        _write(self._folder / NEW, b"")
        self._keep(Keyring((self._made(now),)))

    def _made(self, at: Instant) -> PublicKey:
        """A new key, on the disk."""
        private = Ed25519PrivateKey.generate()
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        public = public_key(pem, at)
        text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(self._place_of(public), text)
        return public

    def _keep(self, ring: Keyring) -> None:
        _write(self._folder / RING, keyring.write(ring))

    def _place_of(self, key: PublicKey) -> Path:
        return self._folder / f"{short(key.id)}.key"

    def _current(self) -> tuple[Keyring, Ed25519PrivateKey]:
        """The ring and the key that signs. Both are read again whenever the ring has changed."""
        with self._lock, self._legibly():
            ring = self._read()
            if self._private is None:
                try:
                    self._private = self._load(ring.current)
                except FileNotFoundError:
                    ring = self._read()  # another server has rotated it a moment ago
                    self._private = self._load(ring.current)
            return ring, self._private

    def _read(self) -> Keyring:
        path = self._folder / RING
        found = path.stat()
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if self._known is None or self._known[0] != stamp:
            self._known, self._private = (stamp, keyring.read(path.read_bytes(), str(path))), None
        return self._known[1]

    @contextmanager
    def _legibly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            because = f"The signing keys in {self._folder} cannot be read: {error.strerror}."
            mend = "Restore the folder from a backup; without it nothing can be signed."
            raise ComponentMissing(because, mend) from error

    def _load(self, key: PublicKey) -> Ed25519PrivateKey:
        path = self._place_of(key)
        if path.stat().st_mode & 0o077:
            log.warning("%s could be read by others; from now on only its owner can. Rotate: lockgate key rotate", path)
            path.chmod(0o600)
        try:
            private = load_pem_private_key(path.read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ComponentMissing(f"{path} holds no private key.", "Restore it from a backup.") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise ComponentMissing(f"{path} holds a key of another kind than Ed25519.", "Restore it from a backup.")
        return private

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Among all servers that share the folder."""
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def verify(pem: str, message: bytes, signature: bytes) -> bool:
    """Whether the signature is the key's. A text that is no Ed25519 key verifies nothing."""
    try:
        key = load_pem_public_key(pem.encode())
        if not isinstance(key, Ed25519PublicKey):
            return False
        key.verify(signature, message)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _write(path: Path, text: bytes) -> None:
    """Whole or not at all, and readable by its owner only from the first byte."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
