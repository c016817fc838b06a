"""Counters: numbers without gaps, given in the transaction that uses them.

The row stays locked until that transaction ends, so whoever takes the next number sees everything before it.
"""

from sqlalchemy import Connection, bindparam, update

from lockgate.store.schema import counter

_TAKE = (
    update(counter)
    .where(counter.c.name == bindparam("which"))
    .values(value=counter.c.value + bindparam("count"))
    .returning(counter.c.value)
)


def take(connection: Connection, name: str, count: int = 1) -> int:
    """The first of ``count`` numbers in a row."""
    last: int = connection.execute(_TAKE, {"which": name, "count": count}).scalar_one()
    return last - count + 1
