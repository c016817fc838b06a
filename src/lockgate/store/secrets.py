"""Secrets, sealed, and the sealed keys they are sealed with. Nothing is opened here.

Every change locks the one row of the sealing first, so that a key that is being replaced is not used meanwhile.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from lockgate.core.audit import Event
from lockgate.core.errors import Conflict, NotFound
from lockgate.core.sealed import FINGERPRINTS, DataKey, SealedSecret, Sealing
from lockgate.core.secret import SecretVersion
from lockgate.store import outbox, rows
from lockgate.store.connection import Database
from lockgate.store.counters import take
from lockgate.store.schema import EVENT, data_key, sealing, secret

AGAIN = "It is done again with what is there now."


class SqlDataKeys:
    """:class:`lockgate.ports.DataKeys` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sealing(self) -> Sealing | None:
        return self._database.read(_sealing)

    def begin(self, begun: Sealing) -> Sealing:
        return self._database.write(lambda connection: _begun(connection, begun))

    def select(self) -> tuple[DataKey, ...]:
        return self._database.read(_keys)

    def add(self, key: DataKey) -> None:
        self._database.write(lambda connection: _key_added(connection, key))

    def rewrap(self, old: str, new: str, keys: Sequence[DataKey], event: Event) -> None:
        self._database.write(lambda connection: _rewrapped(connection, old, new, keys, event))

    def abandon(self, old: str, new: str, gone: Sequence[SecretVersion], event: Event) -> None:
        self._database.write(lambda connection: _abandoned(connection, old, new, gone, event))


class SqlSecrets:
    """:class:`lockgate.ports.Secrets` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, secret: SealedSecret, event: Event) -> None:
        self._database.write(lambda connection: _added(connection, secret, event))

    def select(self, environment: str = "", name: str = "") -> tuple[SealedSecret, ...]:
        query = select(secret).order_by(secret.c.environment, secret.c.name, secret.c.version)
        if environment:
            query = query.where(secret.c.environment == environment)
        if name:
            query = query.where(secret.c.name == name)
        return tuple(map(_secret, self._database.read(lambda connection: list(connection.execute(query)))))

    def get(self, environment: str, name: str, version: int) -> SealedSecret | None:
        query = select(secret).where(*_which(environment, name), secret.c.version == version)
        found = self._database.read(lambda connection: connection.execute(query).first())
        return None if found is None else _secret(found)

    def remove(self, told: SecretVersion, event: Event) -> None:
        self._database.write(lambda connection: _removed(connection, told, event))

    def reseal(self, key: DataKey, secrets: Sequence[SealedSecret]) -> None:
        self._database.write(lambda connection: _resealed(connection, key, secrets))


def _which(environment: str, name: str) -> Sequence[ColumnElement[bool]]:
    return secret.c.environment == environment, secret.c.name == name


def _key(row: rows.AnyRow) -> DataKey:
    return DataKey(row.place, row.number, row.master, row.sealed)


def _secret(row: rows.AnyRow) -> SealedSecret:
    return SealedSecret(rows.value(SecretVersion, row.document), row.data_key, row.sealed)


def _sealing(connection: Connection) -> Sealing | None:
    found = connection.execute(select(sealing)).first()
    return None if found is None else Sealing(found.installation, found.master)


def _keys(connection: Connection) -> tuple[DataKey, ...]:
    return tuple(map(_key, connection.execute(select(data_key).order_by(data_key.c.place, data_key.c.number))))


def _begun(connection: Connection, new: Sealing) -> Sealing:
    """Of two that begin at once one is the first: there is no row to lock yet, so it is that of the events."""
    take(connection, EVENT, 0)
    there = _sealing(connection)
    if there is None:
        connection.execute(insert(sealing).values(installation=new.installation, master=new.master))
    return there or new


def _locked(connection: Connection, master: str) -> None:
    found = connection.execute(select(sealing.c.master).with_for_update()).scalar()
    if found != master:
        raise Conflict("The master key has just been changed.", AGAIN)


def _key_added(connection: Connection, key: DataKey) -> None:
    _locked(connection, key.master)
    newest = _newest(connection, key.place)
    if newest >= key.number:
        raise Conflict(f"Somebody else has just made a key for {key.place or 'fingerprints'}.", AGAIN)
    _insert_key(connection, key)


def _insert_key(connection: Connection, key: DataKey) -> None:
    made = {"place": key.place, "number": key.number, "master": key.master, "sealed": key.sealed}
    connection.execute(insert(data_key), made)


def _newest(connection: Connection, place: str) -> int:
    query = select(func.coalesce(func.max(data_key.c.number), 0)).where(data_key.c.place == place)
    return int(connection.execute(query).scalar_one())


def _rewrapped(connection: Connection, old: str, new: str, keys: Sequence[DataKey], event: Event) -> None:
    _locked(connection, old)
    there = {(key.place, key.number) for key in _keys(connection)}
    if there != {(key.place, key.number) for key in keys}:
        raise Conflict("A key has just been made.", AGAIN)
    for key in keys:
        which = (data_key.c.place == key.place, data_key.c.number == key.number)
        connection.execute(update(data_key).where(*which).values(master=new, sealed=key.sealed))
    connection.execute(update(sealing).values(master=new))
    outbox.append(connection, [event])


def _abandoned(connection: Connection, old: str, new: str, gone: Sequence[SecretVersion], event: Event) -> None:
    _locked(connection, old)
    for told in gone:
        which = (*_which(told.environment, told.name), secret.c.version == told.version)
        connection.execute(update(secret).where(*which).values(sealed="", document=rows.document(told)))
    if connection.execute(select(secret.c.name).where(secret.c.sealed != "").limit(1)).first() is not None:
        raise Conflict("A secret has just been set.", AGAIN)
    connection.execute(delete(data_key))
    connection.execute(update(sealing).values(master=new))
    outbox.append(connection, [event])


def _added(connection: Connection, new: SealedSecret, event: Event) -> None:
    told = new.told
    connection.execute(select(sealing.c.master).with_for_update())
    last = select(func.coalesce(func.max(secret.c.version), 0)).where(*_which(told.environment, told.name))
    if connection.execute(last).scalar_one() + 1 != told.version:
        raise Conflict(f"Somebody else has just set {told.name} of {told.environment}.", AGAIN)
    if _newest(connection, told.environment) != new.key:
        raise Conflict(f"The key of {told.environment} has just been changed.", AGAIN)
    written = {"environment": told.environment, "name": told.name, "version": told.version}
    written |= {"data_key": new.key, "sealed": new.sealed, "document": rows.document(told)}
    connection.execute(insert(secret), written)
    outbox.append(connection, [event])


def _removed(connection: Connection, told: SecretVersion, event: Event) -> None:
    which = (*_which(told.environment, told.name), secret.c.version == told.version, secret.c.sealed != "")
    gone = update(secret).where(*which).values(sealed="", document=rows.document(told)).returning(secret.c.version)
    if connection.execute(gone).first() is None:
        raise NotFound(f"{told.environment} keeps no version {told.version} of {told.name}.")
    outbox.append(connection, [event])


def _resealed(connection: Connection, key: DataKey, secrets: Sequence[SealedSecret]) -> None:
    _locked(connection, key.master)
    assert key.place != FINGERPRINTS, "fingerprints must stay comparable"
    of_place = select(secret).where(secret.c.environment == key.place)
    found = map(_secret, connection.execute(of_place))
    there = {(one.told.name, one.told.version): bool(one.sealed) for one in found}
    given = {(one.told.name, one.told.version): bool(one.sealed) for one in secrets}
    if there != given or _newest(connection, key.place) >= key.number:
        raise Conflict(f"A secret of {key.place} has just been changed.", AGAIN)
    for one in secrets:
        which = (*_which(key.place, one.told.name), secret.c.version == one.told.version)
        connection.execute(update(secret).where(*which).values(data_key=key.number, sealed=one.sealed))
    connection.execute(delete(data_key).where(data_key.c.place == key.place))
    _insert_key(connection, key)
