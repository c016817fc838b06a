"""Attribution: where the command came from that is being served. Known at the door, wanted in the record.

It travels with the call, not as an argument of it, so that no command can forget to hand it on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ADDRESS: ContextVar[str] = ContextVar("lockgate_source_address", default="")


def source_address() -> str:
    """``10.0.0.7``; empty: nobody's command is being served."""
    return _ADDRESS.get()


@contextmanager
def coming_from(address: str) -> Iterator[None]:
    """What is done in here, is done for a command from there."""
    token = _ADDRESS.set(address)
    try:
        yield
    finally:
        _ADDRESS.reset(token)
