"""What every store must do. Inherit :class:`StoreContract` in a test module and give it a ``store`` fixture:

    class TestMine(StoreContract):
        @pytest.fixture
        def store(self): ...

The parts for claims, saving and records stand in their own modules; this one joins them.
"""

from lockgate.testing.contracts.agreeing import AgreeingContract
from lockgate.testing.contracts.audit_log import AuditLogContract
from lockgate.testing.contracts.claiming import ClaimingContract
from lockgate.testing.contracts.deliveries import DeliveriesContract
from lockgate.testing.contracts.feeds import FeedsContract
from lockgate.testing.contracts.holdings import HoldingsContract
from lockgate.testing.contracts.landscape import LandscapeContract
from lockgate.testing.contracts.records import RecordsContract
from lockgate.testing.contracts.saving import SavingContract
from lockgate.testing.contracts.sealing import SealingContract
from lockgate.testing.contracts.traffic import TrafficContract
from lockgate.testing.contracts.travelling import TravellingContract
from lockgate.testing.contracts.workers import WorkersContract


class StoreContract(
    ClaimingContract,
    SavingContract,
    RecordsContract,
    AuditLogContract,
    TrafficContract,
    SealingContract,
    HoldingsContract,
    AgreeingContract,
    FeedsContract,
    LandscapeContract,
    WorkersContract,
    DeliveriesContract,
    TravellingContract,
):
    """All of it."""
