"""The master key: what the data keys are sealed with. It is never in the database.

Where it is kept are lines, each a key: the first counts, those behind it are known from before. So it can be changed
while servers run: at every moment of that each of them finds what it needs.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.core.errors import SecretUnusable
from lockgate.core.secret import Secret
from lockgate.drivers.sealing import Key, key_of, new_key
from lockgate.drivers.storage import storage

HOW = "A key is 32 random bytes in Base64, as `openssl rand -base64 32` prints them, each on a line of its own."


@dataclass(frozen=True, slots=True)
class Known:
    """The keys there are."""

    keys: Sequence[Key]
    where: str

    @property
    def first(self) -> Key:
        return self.keys[0]

    @property
    def by_id(self) -> Mapping[str, Key]:
        return {key.id: key for key in self.keys}

    def get(self, wanted: str) -> Key:
        """By name. Raises SecretUnusable."""
        if wanted in self.by_id:
            return self.by_id[wanted]
        have = ", ".join(self.by_id)
        because = f"The secrets are sealed with the master key {wanted}, and {self.where} holds {have}."
        raise SecretUnusable(because, f"Put back the key that belongs to this database, as a line of {self.where}.")


@dataclass(frozen=True, slots=True)
class MasterKeyFile:
    """In a file. ``own``: Lockgate may make it."""

    path: Path
    own: bool = True

    def known(self, make: bool = False) -> Known:
        """``make``: nothing is sealed yet, so there may be a new one. Raises SecretUnusable, Unavailable."""
        if make and self.own and not self.path.exists():
            with storage(self.path.parent, "making the master key"), self.changing():
                if not self.path.exists():
                    self.write([new_key()])
        try:
            text = self.path.read_text()
        except FileNotFoundError as error:
            mend = "Put it back from where it was saved: nothing else opens the secrets."
            raise SecretUnusable(f"The master key {self.path} is not there.", mend) from error
        except (OSError, UnicodeDecodeError) as error:
            raise SecretUnusable(f"The master key {self.path} cannot be read: {error}.", HOW) from error
        self._demand_private()
        return _known(text, str(self.path))

    def prepare(self, used: str) -> Known:
        """A key in front of the one that is used, made if there is none. Call it inside :meth:`changing`."""
        known = self.known()
        if known.first.id != used:
            return known
        with storage(self.path.parent, "writing a new master key"):
            self.write([new_key(), *known.keys])
        return self.known()

    def finish(self, used: str) -> str:
        """Only the key that is used stays. Returns what is left to do by hand."""
        try:
            self.write([self.known().get(used)])
        except OSError:
            return f"Remove every line but the first from {self.path}: the server may not write it."
        return ""

    def write(self, keys: Sequence[Key]) -> None:
        """Whole or not at all, and on the disk."""
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w") as file:
                file.writelines(f"{key.text}\n" for key in keys)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One at a time, of all processes of the machine."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _demand_private(self) -> None:
        if self.own and self.path.stat().st_mode & 0o077:
            with suppress(OSError):
                self.path.chmod(0o600)


@dataclass(frozen=True, slots=True)
class MasterKeyText:
    """In a variable of the server."""

    text: Secret = field(repr=False)
    where: str = "LOCKGATE_MASTER_KEY"

    def known(self, make: bool = False) -> Known:
        """Raises SecretUnusable."""
        return _known("\n".join(self.text.reveal().split()), self.where)

    def prepare(self, used: str) -> Known:
        """Raises SecretUnusable when there is no new one."""
        known = self.known()
        if known.first.id == used:
            because = f"The master key is in {self.where}, which a server cannot change."
            raise SecretUnusable(because, "Start it with the new key, a space, and the present one in it; then again.")
        return known

    def finish(self, used: str) -> str:
        return f"Leave only the first key in {self.where} at the next start." if len(self.known().keys) > 1 else ""

    @contextmanager
    def changing(self) -> Iterator[None]:
        yield


MasterKey = MasterKeyFile | MasterKeyText


def _known(text: str, where: str) -> Known:
    keys = [key_of(line) for line in text.splitlines() if line.strip()]
    found = [key for key in keys if key is not None]
    if not found or len(found) < len(keys):
        raise SecretUnusable(f"{where} holds {'a line that is no' if found else 'no master'} key.", HOW)
    return Known(found, where)
