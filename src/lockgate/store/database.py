"""The store's one door: opened by URL, one attribute for each port."""

from types import TracebackType

from lockgate.store.approvals import SqlApprovals, SqlDelegations, SqlReviews
from lockgate.store.attachments import SqlAttachments
from lockgate.store.audit_log import SqlAuditLog
from lockgate.store.catalogues import SqlCatalogues
from lockgate.store.connection import PATIENCE, Database, connect
from lockgate.store.deliveries import SqlDeliveries
from lockgate.store.deployments import SqlDeployments
from lockgate.store.feeds import SqlFeeds
from lockgate.store.history import SqlHistory
from lockgate.store.holdings import SqlHoldings
from lockgate.store.inventory import SqlInventory
from lockgate.store.landscape import SqlLandscape
from lockgate.store.migrate import prepare
from lockgate.store.people import SqlPeople, SqlTokens
from lockgate.store.quarantines import SqlQuarantines
from lockgate.store.releases import SqlReleases
from lockgate.store.secrets import SqlDataKeys, SqlSecrets
from lockgate.store.statements import SqlStatements
from lockgate.store.traffic import SqlTraffic
from lockgate.store.trains import SqlTrains


class SqlStore:
    """:class:`lockgate.ports.Store` in SQL. Safe to use from many threads and processes; close it when done."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.deployments = SqlDeployments(database)
        self.history = SqlHistory(database)
        self.releases = SqlReleases(database)
        self.quarantines = SqlQuarantines(database)
        self.inventory = SqlInventory(database)
        self.traffic = SqlTraffic(database)
        self.data_keys = SqlDataKeys(database)
        self.secrets = SqlSecrets(database)
        self.attachments = SqlAttachments(database)
        self.holdings = SqlHoldings(database)
        self.people = SqlPeople(database)
        self.tokens = SqlTokens(database)
        self.approvals = SqlApprovals(database)
        self.delegations = SqlDelegations(database)
        self.reviews = SqlReviews(database)
        self.feeds = SqlFeeds(database)
        self.landscape = SqlLandscape(database)
        self.catalogues = SqlCatalogues(database)
        self.deliveries = SqlDeliveries(database)
        self.trains = SqlTrains(database)
        self.audit = SqlAuditLog(database)
        self.statements = SqlStatements(database)

    def close(self) -> None:
        """Gives up every connection."""
        self.database.close()

    def __enter__(self) -> "SqlStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(url: str, patience: float = PATIENCE) -> SqlStore:
    """The store at ``sqlite:///path`` (four slashes: absolute), ``sqlite://`` (in memory, for tests) or
    ``postgresql://user:password@host/database``, with its tables made or migrated to this version's.

    ``patience``: seconds to wait for somebody else's lock. Raises Invalid for another URL, ComponentMissing when the
    folder or psycopg is missing, StoreBusy when the database cannot be reached, Conflict when it is not Lockgate's or
    is too new.
    """
    database = connect(url, patience)
    try:
        prepare(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)
