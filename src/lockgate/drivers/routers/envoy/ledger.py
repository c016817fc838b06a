"""The ledger: what clusters had counted when they were taken away. Pure.

Envoy counts for each host of a cluster, and forgets the counts with the cluster. What an address has had since Envoy
started is the ledger's tally and those of the clusters that are still there.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from lockgate.core.ids import RevisionId
from lockgate.core.traffic import Key
from lockgate.core.window import Ratio

Counted = Mapping[str, Mapping[str, Ratio]]
"""Cluster name -> endpoint -> tries that failed, of all."""

Revisions = Collection[tuple[Key, RevisionId | None]]


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one address of a revision."""

    key: Key
    revision: RevisionId | None
    endpoint: str
    ratio: Ratio


@dataclass(frozen=True, slots=True)
class Ledger:
    """``epoch``: the run of Envoy that counted."""

    epoch: str = ""
    tallies: tuple[Tally, ...] = ()

    def with_more(self, epoch: str, more: Iterable[Tally], revisions: Revisions) -> "Ledger":
        """With further tallies of this epoch, and without those of revisions that are not there any more."""
        kept = self.tallies if self.epoch == epoch else ()
        summed: dict[tuple[Key, RevisionId | None, str], Ratio] = {}
        for tally in (*kept, *more):
            if (tally.key, tally.revision) in revisions:
                place = (tally.key, tally.revision, tally.endpoint)
                summed[place] = plus(summed.get(place), tally.ratio)
        return Ledger(epoch, tuple(Tally(*place, ratio) for place, ratio in summed.items()))

    def of(self, epoch: str, key: Key) -> tuple[Tally, ...]:
        """Nothing, if it is of another epoch."""
        return tuple(tally for tally in self.tallies if tally.key == key) if self.epoch == epoch else ()


def plus(one: Ratio | None, other: Ratio) -> Ratio:
    return other if one is None else Ratio(one.bad + other.bad, one.whole + other.whole)
