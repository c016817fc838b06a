"""Ledger: what a canary's evidence stands at, kept in the deployment's row as one document. Pure.

A look adds a window: the row with the new ledger and the window are written in one transaction, so whoever goes on
after a crash goes on from both or from neither, and comes to the same verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from lockgate.analysis.state import State
from lockgate.core.ids import Instant, RevisionId
from lockgate.core.traffic import Sample
from lockgate.decoding import decoded


@dataclass(frozen=True, slots=True)
class Ledger:
    """Of one component's canary."""

    component: str
    began: Instant
    """When users first met it."""
    beginning: State
    """Before the first window: what a replay begins with."""
    state: State
    edge: Instant
    """The end of the last window, and the beginning of the next."""
    samples: Mapping[RevisionId, Sample] = field(default_factory=dict)
    """Totals at the edge."""
    windows: int = 0
    requests: int = 0
    """Of the canary that were counted in the present stage."""


def read(document: str, component: str) -> Ledger | None:
    """None: nothing has been learnt of this component yet."""
    if not document:
        return None
    ledger = decoded(document, Ledger)
    return ledger if ledger.component == component else None


def write(ledger: Ledger) -> str:
    return msgspec.json.encode(ledger).decode()
