"""Recorder: notes what users get of what runs, minute by minute, so that a canary can be told from chance.

Looked at every few seconds, it samples the router when a minute is over. It remembers nothing: where counting stood is
in the store, so the next process goes on. What a longer gap held is no minute, and is not noted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from lockgate.analysis import windows
from lockgate.analysis.gauges import MINUTE, halves
from lockgate.core.errors import Retryable
from lockgate.core.ids import Instant, RevisionId
from lockgate.core.traffic import Key, Mark
from lockgate.ports import Clock, Router, Store

LONGEST = 90.0
"""Seconds that still pass for a minute."""

Levels = Callable[[], Mapping[str, Mapping[str, float]]]
"""Metric -> instance -> its level."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """For keys on which nothing is being changed."""

    store: Store
    clock: Clock

    def note(self, key: Key, revision: RevisionId, router: Router, levels: Levels = dict) -> None:
        """If it is time. A router that does not answer, or does not count, costs only the minute. ``levels``: asked for
        what gauges say of the instances, when the minute is one."""
        now, mark = self.clock.now(), self.store.traffic.mark(key)
        since = _age(mark, revision, now)
        if since is not None and since < MINUTE:
            return
        try:
            samples = router.sample(key)
        except Retryable:
            return
        if not samples:
            return
        sample = windows.together(samples, [revision])
        usable = mark is not None and since is not None and since <= LONGEST
        minute = windows.minute(mark.sample, sample, now) if mark and usable else None
        if minute is not None:
            found = {name: halves(of) for name, of in levels().items()}
            known = {name: difference for name, difference in found.items() if difference is not None}
            minute = replace(minute, gauges=known)
        self.store.traffic.note(key, minute, Mark(now, revision, sample))


def _age(mark: Mark | None, revision: RevisionId, now: Instant) -> float | None:
    """Seconds since it was made; None: it is of no use, for want of it, another revision, or a clock that jumped."""
    if mark is None or mark.revision != revision or now < mark.at:
        return None
    return now - mark.at
