"""The whole memory."""

from typing import Protocol

from lockgate.ports.deployments import Deployments, History, Quarantines, Releases
from lockgate.ports.environments import Catalogues, Feeds, Inventory, Landscape, Traffic
from lockgate.ports.notices import Deliveries
from lockgate.ports.people import Approvals, Delegations, People, Reviews, Tokens
from lockgate.ports.record import AuditLog, Statements
from lockgate.ports.secrets import DataKeys, Secrets
from lockgate.ports.supply import Attachments, Holdings


class Store(Protocol):
    """The whole memory, one door each."""

    @property
    def deployments(self) -> Deployments: ...

    @property
    def history(self) -> History: ...

    @property
    def releases(self) -> Releases: ...

    @property
    def quarantines(self) -> Quarantines: ...

    @property
    def inventory(self) -> Inventory: ...

    @property
    def traffic(self) -> Traffic: ...

    @property
    def data_keys(self) -> DataKeys: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def attachments(self) -> Attachments: ...

    @property
    def holdings(self) -> Holdings: ...

    @property
    def people(self) -> People: ...

    @property
    def tokens(self) -> Tokens: ...

    @property
    def approvals(self) -> Approvals: ...

    @property
    def delegations(self) -> Delegations: ...

    @property
    def reviews(self) -> Reviews: ...

    @property
    def feeds(self) -> Feeds: ...

    @property
    def landscape(self) -> Landscape: ...

    @property
    def catalogues(self) -> Catalogues: ...

    @property
    def audit(self) -> AuditLog: ...

    @property
    def statements(self) -> Statements: ...

    @property
    def deliveries(self) -> Deliveries: ...
