"""What the engine needs of the world. Each port is small; each has a contract suite in ``lockgate.testing``.

Driver calls are idempotent and "start, then poll": none outlives its caller's lease. Calls that change something
carry a :class:`~lockgate.core.plan.Fence`; a driver raises :class:`~lockgate.core.errors.Fenced` for an older
generation than the newest it has seen on that key, so a worker that slept through its lease changes nothing.
"""

from lockgate.ports.clock import Clock, Ticker
from lockgate.ports.deployments import Deployments, History, Quarantine, Quarantines, Releases, Selection
from lockgate.ports.edge import (
    Http,
    LogChunk,
    MetricSource,
    Phase,
    Policies,
    Polled,
    Router,
    Signer,
    Source,
    Target,
    Task,
)
from lockgate.ports.environments import Catalogues, Feed, Feeds, Inventory, Landscape, Recorded, Traffic
from lockgate.ports.notices import Deliveries, DeliverySelection, Notifier, Parcel
from lockgate.ports.people import Approvals, Delegations, People, Reviews, Tokens
from lockgate.ports.record import Attestor, AuditFilter, AuditLog, Bookmark, Statements
from lockgate.ports.secrets import DataKeys, KeyChange, Secrets, SecretVault, Strongbox
from lockgate.ports.store import Store
from lockgate.ports.supply import Attachments, Documents, Holdings, Incoming
from lockgate.ports.trains import BookedTrain, Trains

__all__ = [
    "Approvals",
    "Attachments",
    "Attestor",
    "AuditFilter",
    "AuditLog",
    "BookedTrain",
    "Bookmark",
    "Catalogues",
    "Clock",
    "DataKeys",
    "Delegations",
    "Deliveries",
    "DeliverySelection",
    "Deployments",
    "Documents",
    "Feed",
    "Feeds",
    "History",
    "Holdings",
    "Http",
    "Incoming",
    "Inventory",
    "KeyChange",
    "Landscape",
    "LogChunk",
    "MetricSource",
    "Notifier",
    "Parcel",
    "People",
    "Phase",
    "Policies",
    "Polled",
    "Quarantine",
    "Quarantines",
    "Recorded",
    "Releases",
    "Reviews",
    "Router",
    "SecretVault",
    "Secrets",
    "Selection",
    "Signer",
    "Source",
    "Statements",
    "Store",
    "Strongbox",
    "Target",
    "Task",
    "Ticker",
    "Tokens",
    "Traffic",
    "Trains",
]
