"""Every gate that a deployment passes, in the order in which they are asked."""

from lockgate.drivers.custody import Custody
from lockgate.drivers.documents.shelf import Shelf
from lockgate.engine import auditing, inspection, pinning
from lockgate.engine.almanac import Almanac
from lockgate.engine.consent import Consent
from lockgate.engine.gatehouse import Gatehouse, basic
from lockgate.engine.notary import Notary
from lockgate.engine.policies import Panel
from lockgate.store.database import SqlStore


def gatehouse(
    store: SqlStore,
    documents: Shelf,
    notary: Notary,
    almanac: Almanac,
    panel: Panel,
    custody: Custody,
    consent: Consent,
) -> Gatehouse:
    """What is wrong by itself is told before what only waits, and what people are asked for comes last."""
    asked = (
        auditing.question(notary),
        *basic(store),
        *almanac.questions(),
        *inspection.questions(store, documents),
        panel.question(),
        pinning.question(custody),
        *consent.questions(),
    )
    return Gatehouse(asked)
