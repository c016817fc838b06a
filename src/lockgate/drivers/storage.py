"""Writing to disk so that a crash, a full disk or a second process does no harm.

Three things every store on disk needs: a file lock that dies with its holder, a full disk told as
:class:`StorageFull`, and a flush of a whole file system (one call instead of thousands of fsyncs).
"""

import ctypes
import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockgate.core.errors import StorageFull, Unavailable

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PAUSE = 0.01


def storage_full(where: Path) -> StorageFull:
    """The error, with the way to mend it."""
    return StorageFull(
        f"The disk that holds {where} is full; what was half made has been removed.",
        "Free some space there, or let Lockgate collect what nothing needs, and try again.",
    )


@contextmanager
def disk(where: Path) -> Iterator[None]:
    """Tells a full disk, quota or file-size limit as :class:`StorageFull`; every other error passes."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise storage_full(where) from error
        raise


@contextmanager
def storage(place: Path, what: str) -> Iterator[None]:
    """Raises StorageFull or Unavailable for an ``OSError`` inside. ``what``: what was being done, for the sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(f"The disk of {place} is full; {what} failed.", "Free some space there.") from error
        raise Unavailable(f"{what[:1].upper()}{what[1:]} in {place} failed: {error}.") from error


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: float = 600.0) -> Iterator[int]:
    """Holds an advisory lock on a file, made if it is not there; gives its descriptor.

    The kernel drops the lock when its last holder dies. Handing the descriptor to a child process keeps the lock until
    the child has ended too, so that an orphaned installer never works in a folder that somebody else rebuilds.
    Raises :class:`Unavailable` after ``wait`` seconds.
    """
    descriptor = _lock(path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, time.monotonic() + wait)
    if descriptor is None:
        because = f"Another process has been at work behind {path} for {wait:g} seconds."
        raise Unavailable(because, "Look for one that hangs, end it, and try again.")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def locked_now(path: Path) -> Iterator[bool]:
    """The same, without waiting: False when somebody else holds it."""
    descriptor = _lock(path, fcntl.LOCK_EX, time.monotonic())
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(path: Path, how: int, deadline: float) -> int | None:
    """The descriptor that holds the lock; None after the deadline."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        taken = False
        try:
            taken = _take(descriptor, how, deadline)
            if taken and _still_there(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if not taken:
            return None
        # Its holder removed the file while we waited: the name is another file's now.


def _take(descriptor: int, how: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE)


def _still_there(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def flush_file_system(folder: Path) -> None:
    """Writes everything of the folder's file system to the disk (``syncfs(2)``)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Makes a rename in the folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_read_only(root: Path) -> None:
    """Takes the right to write from every file and folder below, and from the root; links are not followed."""
    for folder, _, files in os.walk(root, topdown=False):
        for name in files:
            _without_write(Path(folder, name))
        _without_write(Path(folder))


def _without_write(path: Path) -> None:
    mode = path.lstat().st_mode
    if not stat.S_ISLNK(mode) and mode & 0o222:
        path.chmod(stat.S_IMODE(mode) & ~0o222)


def discard(path: Path) -> int:
    """Removes a file or a folder, read-only or not, and tells how many bytes that freed."""
    if path.is_symlink() or not path.is_dir():
        return _unlink(path)
    freed = 0
    for folder, _, files in os.walk(path):
        Path(folder).chmod(0o700)
        freed += sum(Path(folder, name).lstat().st_size for name in files)
    shutil.rmtree(path)
    return freed


def _unlink(path: Path) -> int:
    try:
        size = path.lstat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size
