"""Keyring: the public keys that have signed for an installation, and how each was introduced by the one before.

A key is never taken away: what it signed must be verified for years. A new one is introduced by a statement that the
old one signs, so whoever trusts one key can follow to all that came after it.
"""

import json
from base64 import b64decode
from binascii import Error as Undecodable
from dataclasses import dataclass, replace
from typing import Any

from lockgate.core.envelope import ROTATION, Envelope, Verify, decode, encode, pae
from lockgate.core.errors import Invalid, Problem, RecordAltered
from lockgate.core.ids import Instant, canonical, digest_of_bytes


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key. ``id`` is the digest of the key itself (its DER form), so it cannot be given to another one."""

    id: str
    pem: str
    since: Instant
    until: Instant | None = None
    """When it stopped signing; None: it signs now."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Oldest first; the last one signs."""

    keys: tuple[PublicKey, ...] = ()
    rotations: tuple[Envelope, ...] = ()

    @property
    def current(self) -> PublicKey:
        return self.keys[-1]

    def find(self, key: str) -> PublicKey | None:
        return next((one for one in self.keys if one.id == key), None)

    def followed_by(self, new: PublicKey, rotation: Envelope) -> "Keyring":
        """The ring after a rotation."""
        ended = replace(self.current, until=new.since)
        return Keyring((*self.keys[:-1], ended, new), (*self.rotations, rotation))


def key_id(pem: str) -> str:
    """``sha256:...`` of the DER form that a PEM block holds. Raises :class:`Invalid`."""
    body = "".join(line for line in pem.splitlines() if not line.startswith("-----"))
    try:
        der = b64decode(body, validate=True)
    except (ValueError, Undecodable) as error:
        raise _faulty("a public key is not in PEM form.") from error
    return digest_of_bytes(der)


def public_key(pem: str, since: Instant) -> PublicKey:
    return PublicKey(key_id(pem), pem, since)


def rotation(old: PublicKey, new: PublicKey, actor: str, reason: str) -> bytes:
    """The payload that the old key signs to introduce the new one."""
    what = {"old": old.id, "new": new.id, "pem": new.pem, "since": new.since, "actor": actor, "reason": reason}
    return canonical(what)


def opened(envelope: Envelope, payload_type: str, ring: Keyring, verify: Verify) -> dict[str, Any]:
    """The content of an envelope of that type which a key of the ring has signed. Raises :class:`RecordAltered`."""
    if envelope.payload_type != payload_type:
        raise RecordAltered(f"An envelope says it holds {envelope.payload_type}, where {payload_type} is expected.")
    message = pae(payload_type, envelope.payload)
    known = [(ring.find(one.key), one.value) for one in envelope.signatures]
    if not known or any(key is None for key, _ in known) or len(set(known)) < len(known):
        raise RecordAltered("It is signed by no key that is known: it has been changed, or the keys are not its own.")
    if not all(key and verify(key.pem, message, value) for key, value in known):
        raise RecordAltered("The signature is not one of what it stands under: one of the two has been changed.")
    return envelope.content()


def trusted(ring: Keyring, root: str, verify: Verify) -> Keyring:
    """The keys that can be reached from ``root`` (its id, or the beginning of it), by rotations that hold. Raises
    :class:`Invalid` when it is not there."""
    wanted = root.removeprefix("sha256:")
    first = [key for key in ring.keys if wanted and key.id.removeprefix("sha256:").startswith(wanted)]
    if len(first) != 1:
        raise _faulty(f"it holds {'no key' if not first else 'several keys'} {root!r}.", "Give the whole id.")
    reached = [first[0]]
    for envelope in ring.rotations:
        try:
            content = opened(envelope, ROTATION, Keyring(tuple(reached)), verify)
        except RecordAltered:
            continue
        new = ring.find(str(content.get("new")))
        if new is not None and new.pem == content.get("pem"):
            reached.append(new)
    return Keyring(tuple(reached), ring.rotations)


# --- as a file ---


def write(ring: Keyring) -> bytes:
    """A keyring as a file that may be given to anybody."""
    keys = [{"id": key.id, "pem": key.pem, "since": key.since, "until": key.until} for key in ring.keys]
    return canonical({"keys": keys, "rotations": [json.loads(encode(one)) for one in ring.rotations]}) + b"\n"


def read(text: bytes, where: str = "keys") -> Keyring:
    """What :func:`write` wrote, or PEM blocks one after the other. Raises :class:`Invalid`."""
    if text.lstrip().startswith(b"-----BEGIN"):
        return _from_pem(text.decode(errors="replace"), where)
    try:
        found = json.loads(text)
        keys = tuple(_key(one) for one in found["keys"])
        rotations = tuple(decode(canonical(one)) for one in found["rotations"])
    except (ValueError, KeyError, TypeError, RecordAltered) as error:
        raise _faulty("it is no file of keys.", "Make one with: lockgate key export FILE", where) from error
    for key in keys:
        if key.id != key_id(key.pem):
            raise _faulty(f"the key {key.id} is not the one that its id names.", "Export the keys again.", where)
    if not keys:
        raise _faulty("it holds no key.", "Make one with: lockgate key export FILE", where)
    return Keyring(keys, rotations)


def _key(found: dict[str, Any]) -> PublicKey:
    until = found["until"]
    return PublicKey(
        str(found["id"]), str(found["pem"]), float(found["since"]), None if until is None else float(until)
    )


def _from_pem(text: str, where: str) -> Keyring:
    end = "-----END PUBLIC KEY-----"
    blocks = [f"{block.strip()}\n{end}\n" for block in text.split(end) if block.strip()]
    if not all(block.startswith("-----BEGIN PUBLIC KEY-----") for block in blocks):
        raise _faulty("it holds a PEM block that is no public key.", where=where)
    return Keyring(tuple(public_key(block, 0.0) for block in blocks))


def _faulty(because: str, mend: str = "", where: str = "keys") -> Invalid:
    return Invalid([Problem(where, None, "", because, mend)])
