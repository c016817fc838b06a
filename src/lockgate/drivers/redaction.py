"""Redaction: secrets of an instance in what it prints become ``***`` before anybody reads it.

Output is read in pieces, and a secret may lie across two of them; so a piece is looked at with what surrounds it.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from lockgate.core.secret import LONGEST
from lockgate.drivers.disguises import SHORTEST, disguises

MASK = b"***"
_PADDING = re.compile(rb"(?<=\*)\x00+|^\x00+")

Read = Callable[[int, int], tuple[bytes, int]]
"""From logical offset, up to so many bytes -> them, and the offset behind them. What was thrown away is skipped."""


class Redaction:
    """Of certain secrets. Without any, everything stays as it is."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {form.encode() for secret in secrets for form in disguises(secret)}
        self._secrets = sorted(known, key=lambda secret: (-len(secret), secret))
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets))) if known else None
        self.reach = len(self._secrets[0]) - 1 if known else 0
        """Bytes around a piece of text that must be seen to redact it."""

    def masked(self, data: bytes) -> bytes:
        """With ``***`` for each secret."""
        return self._pattern.sub(MASK, data) if self._pattern else data

    def last(self, data: bytes, limit: int) -> bytes:
        """The last ``limit`` bytes of it; ``data`` holds :attr:`reach` more, if there are any."""
        return self._part(data, max(0, len(data) - limit), len(data))

    def read(self, read: Read, after: int, limit: int) -> tuple[bytes, int]:
        """As ``read`` does, redacted. What may be the first half of a secret is held back until the other is there."""
        data, end = read(after, limit)
        if self._pattern is None or not data:
            return data, end
        start = end - len(data)
        before, behind = _span(read, max(0, start - self.reach), start), _span(read, end, end + self.reach)
        around = before + data + behind
        held = min(len(around) - self._begun(around), len(before) + len(data))
        last = max(held, len(before))
        return self._part(around, len(before), last), start + last - len(before)

    def padded(self, data: bytes) -> bytes:
        """As long as before, so that offsets in it stay what they were; :func:`unpadded` is told."""
        if self._pattern is None:
            return data
        return self._pattern.sub(lambda found: MASK.ljust(len(found[0]), b"\0"), data)

    def _part(self, data: bytes, first: int, last: int) -> bytes:
        """Of ``data`` from ``first`` to ``last``, a secret belonging to where it begins."""
        told, place = [], first
        for found in self._pattern.finditer(data) if self._pattern else ():
            if found.start() >= last:
                break
            if found.start() >= place:
                told += [data[place : found.start()], MASK]
            place = max(place, found.end())
        return b"".join([*told, data[place:last]])

    def _begun(self, data: bytes) -> int:
        """Bytes at its end that a secret begins with."""
        return max((_overlap(data, secret) for secret in self._secrets), default=0)


def nothing() -> Redaction:
    """Nothing is masked."""
    return Redaction(())


def of_folder(folder: Path) -> Redaction:
    """Of the secrets in its files; none, where there is no such folder, or none any more."""
    try:
        return Redaction([text for file in folder.iterdir() if (text := _text(file)) is not None])
    except FileNotFoundError:
        return Redaction(())


def _text(file: Path) -> str | None:
    """None: it is not what was put there. The instance may write its own files, and put others there where it is the
    same user as we are: a pipe must not hold us up, nor one secret keep us from the others."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as opened:
            regular = stat.S_ISREG(os.fstat(fd).st_mode)
            data = opened.read(LONGEST + 1) if regular else b""
        return data.decode() if regular and len(data) <= LONGEST else None
    except (OSError, UnicodeDecodeError):
        return None


def unpadded(data: bytes) -> bytes:
    """For people."""
    return _PADDING.sub(b"", data)


def _overlap(data: bytes, secret: bytes) -> int:
    """How much of the secret's beginning, but not all of it, stands at the end."""
    head, at = secret[:SHORTEST], max(0, len(data) - len(secret) + 1)
    while (at := data.find(head, at)) >= 0:
        if secret.startswith(data[at:]):
            return len(data) - at
        at += 1
    return 0


def _span(read: Read, first: int, last: int) -> bytes:
    """From one offset to another, as far as it is there; nothing from before a gap."""
    whole = b""
    while first < last:
        data, end = read(first, last - first)
        if not data or end > last:
            break
        whole = whole + data if end == first + len(data) else data
        first = end
    return whole
