"""Who works on a data folder: one server at a time, always under the same name."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockgate.core.errors import DataFolderBusy


@contextmanager
def own_folder(home: Path) -> Iterator[None]:
    """No other server works on the data folder as long as this one lives; the kernel frees it however that ends."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            because = f"Another Lockgate server works on {home}."
            raise DataFolderBusy(because, "Stop it, or name another folder with --home.") from error
        yield


def worker_name(home: Path) -> str:
    """The same for every server that ever works on the folder, one at a time: so a restarted one knows which leases are
    its dead predecessor's."""
    kept = home / "worker"
    if not kept.exists():
        kept.write_text(f"{os.uname().nodename}-{secrets.token_hex(4)}")
    return kept.read_text()
