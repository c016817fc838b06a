"""Attachments: what is attached to releases, what was read from it, and which of it counts until when."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from lockgate.core.audit import Event
from lockgate.core.errors import NotFound
from lockgate.core.evidence import Contents, Evidence, Role
from lockgate.core.finding import Finding, Scan, Waiver
from lockgate.core.ids import Digest, ReleaseId
from lockgate.core.package import Package, package_of
from lockgate.core.release import Release
from lockgate.store import outbox, rows
from lockgate.store.connection import Database, upserting
from lockgate.store.schema import evidence, finding, package, waiver

LONGEST = 600
"""Characters that are looked up by: Postgres has no index over much longer texts."""

AT_ONCE = 5000
"""Rows of one statement."""


def own_row(release: str, number: int, one: Package, source: str = "") -> dict[str, Any]:
    """The row of a package."""
    return {
        "release": release,
        "source": source,
        "number": number,
        "name": one.short_name[:LONGEST],
        "version": one.version[:LONGEST],
        "line": one.line[:LONGEST],
        "digest": one.digest,
        "document": rows.document(one),
    }


def list_own(connection: Connection, release: Release) -> None:
    """A new release's own artifacts can be found like any package."""
    own = [package_of(artifact, component) for component, artifact in release.artifacts.items()]
    own += [package_of(a, component) for component, files in release.files.items() for a in files.values()]
    connection.execute(insert(package), [own_row(release.id, number, one) for number, one in enumerate(own)])


class SqlAttachments:
    """:class:`lockgate.ports.Attachments` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def attach(self, new: Evidence, contents: Contents, event: Event) -> bool:
        return self._database.write(lambda connection: _attached(connection, new, contents, event))

    def of(self, release: ReleaseId) -> tuple[Evidence, ...]:
        query = select(evidence.c.document).where(evidence.c.release == release)
        found = [rows.value(Evidence, row.document) for row in self._rows(query)]
        return tuple(sorted(found, key=lambda one: (one.at, one.digest)))

    def scans(self, release: ReleaseId) -> tuple[Scan, ...]:
        query = select(finding.c.source, finding.c.document).where(finding.c.release == release)
        found: dict[str, list[Finding]] = {}
        for row in self._rows(query.order_by(finding.c.source, finding.c.number)):
            found.setdefault(row.source, []).append(rows.value(Finding, row.document))
        documents = [one for one in self.of(release) if Role.SCAN in one.roles]
        return tuple(
            Scan(one.digest, one.tool, one.about, one.as_of, tuple(found.get(one.digest, ()))) for one in documents
        )

    def digests(self) -> frozenset[Digest]:
        return frozenset(Digest(row.digest) for row in self._rows(select(evidence.c.digest).distinct()))

    def waive(self, new: Waiver, event: Event) -> None:
        self._database.write(lambda connection: _waived(connection, new, event))

    def unwaive(self, old: Waiver, event: Event) -> None:
        self._database.write(lambda connection: _unwaived(connection, old, event))

    def waivers(self) -> tuple[Waiver, ...]:
        query = select(waiver.c.document).order_by(*waiver.primary_key.columns)
        return tuple(rows.value(Waiver, row.document) for row in self._rows(query))

    def _rows(self, query: Any) -> list[rows.AnyRow]:
        return self._database.read(lambda connection: list(connection.execute(query)))


def _attached(connection: Connection, new: Evidence, contents: Contents, event: Event) -> bool:
    added = upserting(connection, evidence).values(release=new.release, digest=new.digest, document=rows.document(new))
    if not connection.execute(added.on_conflict_do_nothing().returning(evidence.c.digest)).all():
        return False
    _write(connection, package, (own_row(new.release, n, p, new.digest) for n, p in enumerate(contents.packages)))
    found = (
        {"release": new.release, "source": new.digest, "number": n, "document": rows.document(one)}
        for n, one in enumerate(contents.findings)
    )
    _write(connection, finding, found)
    outbox.append(connection, [event])
    return True


def _write(connection: Connection, table: Any, written: Iterable[dict[str, Any]]) -> None:
    every = list(written)
    for first in range(0, len(every), AT_ONCE):
        connection.execute(insert(table), every[first : first + AT_ONCE])


def _waived(connection: Connection, new: Waiver, event: Event) -> None:
    """One for the same is replaced: it has another end, or another reason."""
    values = {**_key(new), "document": rows.document(new)}
    added = upserting(connection, waiver).values(**values)
    connection.execute(
        added.on_conflict_do_update(index_elements=list(waiver.primary_key), set_={"document": values["document"]})
    )
    outbox.append(connection, [event])


def _unwaived(connection: Connection, old: Waiver, event: Event) -> None:
    which: Sequence[Any] = [waiver.c[name] == value for name, value in _key(old).items()]
    if not connection.execute(delete(waiver).where(*which)).rowcount:
        raise NotFound(f"There is no waiver of {old.label()}.", "See lockgate waiver list.")
    outbox.append(connection, [event])


def _key(one: Waiver) -> dict[str, str]:
    return {
        "vulnerability": one.vulnerability,
        "package": one.package,
        "application": one.application,
        "environment": one.environment,
    }
