"""Secret watch: what is wrong with secrets, as sentences for the board: one is missing, or is not what was deployed.

Places of secrets may be slow or away, and boards are asked for every second: what was found holds for a while, and a
place that does not answer is asked once a round.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from lockgate.core.deployment import Deployment
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.errors import LockgateError, Unavailable
from lockgate.core.ids import Instant
from lockgate.core.plan import Plan
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.ports import Clock, SecretVault, Store

HOLDS = 10.0
"""Seconds that an answer is good for."""

MOST = 1000
"""Answers that are kept."""

CHANGED = "What runs has what it was given; lockgate deploy gives it what is there now."
GONE = "What runs has what it was given; nothing of it can be started anew until that is mended."


@dataclass(slots=True)
class Glances:
    """What was found last. May be asked from any thread."""

    _found: dict[str, tuple[Instant, tuple[str, ...]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, subject: str, now: Instant, look: Callable[[], Iterable[str]]) -> tuple[str, ...]:
        with self._lock:
            at, found = self._found.get(subject, (float("-inf"), ()))
            if not 0 <= now - at < HOLDS:
                found = tuple(look())
                self._found = {} if len(self._found) >= MOST else self._found
                self._found[subject] = (now, found)
            return found


@dataclass(frozen=True, slots=True)
class SecretWatch:
    store: Store
    clock: Clock
    catalogue: Callable[[], Catalogue]
    vault: SecretVault
    glances: Glances

    def problems(self, environment: str = "") -> tuple[str, ...]:
        """Of every environment, or one: secrets that cannot be had, and what runs with others than there are now.
        Raises Invalid while the environments cannot be read."""
        chosen = [one for one in self.catalogue().in_order() if environment in ("", one.name)]
        now = self.clock.now()
        return tuple(said for one in chosen for said in self.glances.of(one.name, now, partial(self._in, one)))

    def of(self, row: Deployment, plan: Plan) -> tuple[str, ...]:
        """The same of one deployment: its plan's secrets, as long as it has to do with what runs."""
        if not (row.active or row.holds) or not any(part.spec.secrets for part in plan.components):
            return ()
        where = f"{row.environment} {row.id}"
        return self.glances.of(where, self.clock.now(), partial(self._changed, row, plan, _Round(self.vault)))

    def _in(self, environment: Environment) -> Iterator[str]:
        around, missing = _Round(self.vault), set[str]()
        for name, source in environment.secrets.items():
            if because := around.missing(source, environment.name):
                missing.add(name)
                yield f"The secret {name} of {environment.name} cannot be had: {because}"
        holders = self.store.landscape.holders(environment.name)
        plans = self.store.landscape.plans([row.kept for row in holders])
        for row in holders:
            if row.kept in plans:
                yield from self._changed(row, plans[row.kept], around, frozenset(missing))

    def _changed(
        self, row: Deployment, plan: Plan, around: "_Round", told: frozenset[str] = frozenset()
    ) -> Iterator[str]:
        found = {
            (name, because)
            for part in plan.components
            for name, source in part.spec.secrets.items()
            if name not in told and (because := around.changed(source))
        }
        for name, because in sorted(found):
            where = f"{row.application} in {row.environment} ({row.id})"
            yield f"The secret {name} of {where} is not as it was planned: {because}"


@dataclass(slots=True)
class _Round:
    """One look at many secrets."""

    vault: SecretVault
    away: dict[SecretStore, str] = field(default_factory=dict)

    def missing(self, source: SecretSource, environment: str) -> str:
        """Why it cannot be had; empty: it can."""
        return self._asked(source, lambda: self._had(source, environment), str)

    def _had(self, source: SecretSource, environment: str) -> str:
        self.vault.fingerprint(source, environment)
        return ""

    def changed(self, source: SecretSource) -> str:
        """Why it is not what it was, and what follows; empty: it is."""
        return self._asked(source, lambda: self._altered(source), lambda error: f"{error.because} {GONE}")

    def _altered(self, source: SecretSource) -> str:
        because = self.vault.changed(source)
        return f"{because.rstrip('.')}. {CHANGED}" if because else ""

    def _asked(self, source: SecretSource, ask: Callable[[], str], words: Callable[[LockgateError], str]) -> str:
        if source.store in self.away:
            return self.away[source.store]
        try:
            return ask()
        except Unavailable as error:
            self.away[source.store] = words(error)
            return words(error)
        except LockgateError as error:
            return words(error)
