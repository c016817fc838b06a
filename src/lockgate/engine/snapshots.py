"""Snapshots: what the store and the environments' file know of one side of a comparison."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from lockgate.core import rulebook
from lockgate.core.comparison import Kind, Setting, Settings, Snapshot, Unknown, flattened
from lockgate.core.deployment import Deployment
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.errors import LockgateError
from lockgate.core.ids import Digest, Instant, RevisionId, short
from lockgate.core.inventory import Standing, drift
from lockgate.core.plan import ComponentPlan, Plan
from lockgate.core.release import Release, definition_of
from lockgate.core.rulebook import Written
from lockgate.core.traffic import Key
from lockgate.decoding import as_json
from lockgate.engine.moment import Moment
from lockgate.ports import Store

Fingerprint = Callable[[str, str], str]
"""Environment, name of a secret -> its keyed fingerprint; empty: unknown."""

Stated = Callable[[Environment], frozenset[str]]
"""What an environment's drivers can do. Raises :class:`LockgateError` while they cannot tell."""

PLANS_AT_HAND = 2000
"""Plans of which the settings are kept: they never change, and are some 6 KiB each."""

_NO_RECORD = "nothing is recorded of the environments' file at that time."
_NOT_KEPT = "what is observed is kept only as of now."
_NO_FINGERPRINT = "it has no fingerprint"


def no_fingerprint(environment: str, name: str) -> str:
    """Of an installation that keeps none."""
    return ""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The part of a plan that is compared."""

    parts: Mapping[str, Settings]
    """``web``, ``north/web`` -> its effective settings."""
    wanted: Mapping[Key, tuple[RevisionId, int]]
    strategy: Settings


@dataclass(frozen=True, slots=True)
class Facts:
    """Of an environment at a moment: everything that was read for it."""

    moment: Moment
    written: Written | None
    """None: nothing is recorded of it."""
    holders: Mapping[str, Deployment]
    deployed: Mapping[str, Deployed]
    observed: Settings | Unknown
    secrets: Settings
    capabilities: Settings | Unknown


class Snapshots:
    """Takes them."""

    def __init__(
        self,
        store: Store,
        catalogue: Callable[[], Catalogue],
        stated: Stated,
        fingerprint: Fingerprint = no_fingerprint,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._stated = stated
        self.fingerprint = fingerprint
        self._known: dict[Digest, Deployed] = {}
        self._document = lru_cache(4)(rulebook.document_read)

    def stated(self, environment: Environment) -> Settings | Unknown:
        """What its drivers can do."""
        try:
            return {word: "there" for place in environment.places().values() for word in self._stated(place)}
        except LockgateError as error:
            return Unknown(f"its drivers cannot tell what they can do: {error}")

    def facts(self, moment: Moment, now: Instant, *, drivers: bool) -> Facts:
        """``drivers``: with what they state, which is known only as of now. Raises NotFound, Invalid."""
        return self._facts_now(moment, now, drivers) if moment.at is None else self._facts_then(moment, moment.at)

    def _facts_now(self, moment: Moment, now: Instant, drivers: bool) -> Facts:
        environment = self._catalogue().get(moment.environment)
        holders = {row.application: row for row in self._store.landscape.holders(environment.name)}
        deployed = self._deployed(holders)
        said = rulebook.written(environment)
        own = rulebook.by_kind(said)[Kind.CAPABILITY]
        stated: Settings | Unknown = self.stated(environment) if drivers else {}
        return Facts(
            moment,
            said,
            holders,
            deployed,
            self._observed(environment.name, deployed, now),
            {name: self._secret(environment.name, name, said) for name in environment.secrets},
            stated if isinstance(stated, Unknown) else {**stated, **own},
        )

    def _facts_then(self, moment: Moment, at: Instant) -> Facts:
        record = self._store.catalogues.at(at)
        said = self._document(record.document).environments.get(moment.environment, {}) if record else None
        holders = {row.application: row for row in self._store.landscape.held_at(moment.environment, at)}
        parts = rulebook.by_kind(said or {})
        secrets = {name: Unknown(f"{_NO_FINGERPRINT} of that time") for name in parts[Kind.SECRET]}
        capabilities = parts[Kind.CAPABILITY] if said is not None else Unknown(_NO_RECORD)
        deployed = self._deployed(holders)
        return Facts(moment, said, holders, deployed, Unknown(_NOT_KEPT), secrets, capabilities)

    def _secret(self, environment: str, name: str, said: Written) -> Setting:
        """Without fingerprints, what is kept in the same place now is the same."""
        found = self.fingerprint(environment, name)
        return f"fingerprint {found}" if found else Unknown(_NO_FINGERPRINT, str(said[f"secrets.{name}"]))

    def _deployed(self, holders: Mapping[str, Deployment]) -> Mapping[str, Deployed]:
        missing = [row.kept for row in holders.values() if row.kept not in self._known]
        if missing:
            if len(self._known) + len(missing) > PLANS_AT_HAND:
                self._known = {}
                missing = [row.kept for row in holders.values()]
            self._known.update({d: _deployed(plan) for d, plan in self._store.landscape.plans(missing).items()})
        return {name: self._known[row.kept] for name, row in holders.items() if row.kept in self._known}

    def _observed(self, environment: str, deployed: Mapping[str, Deployed], now: Instant) -> Settings:
        seen = {observed.key: observed for observed in self._store.landscape.observed(environment)}
        active = {row.application: row.id for row in self._store.landscape.active(environment)}
        found: dict[str, Setting] = {}
        for application, known in deployed.items():
            for key, (revision, count) in known.wanted.items():
                subject = f"{application}/{key.part}"
                if application in active:
                    found[subject] = f"{active[application]} is changing it"
                    continue
                standing = drift({revision: count}, seen.get(key), now)
                found[subject] = _standing(standing.standing, standing.because)
        return found


def _standing(standing: Standing, because: str) -> Setting:
    if standing is Standing.UNKNOWN:
        return Unknown(because.rstrip(".")[0].lower() + because.rstrip(".")[1:])
    return standing.value if standing is Standing.AS_DEPLOYED else f"{standing.value} ({because.rstrip('.')})"


def _deployed(plan: Plan) -> Deployed:
    return Deployed(
        parts={one.key.part: _settings(one) for one in plan.components},
        wanted={one.key: (one.revision, one.replicas) for one in plan.components},
        strategy=flattened(as_json(plan.strategy), "strategy"),
    )


def _settings(component: ComponentPlan) -> Settings:
    """How it runs, apart from what: the release says that, and secrets are compared by themselves."""
    spec = as_json(component.spec)
    fields = {name: value for name, value in spec.items() if name not in ("artifact", "files", "secrets", "command")}
    how = {"replicas": component.replicas, "path": component.path, "command": " ".join(component.spec.command)}
    return flattened({**how, "warm_up": list(component.warm_up), **fields})


# --- from facts to snapshots ---


def both(left: Facts, right: Facts) -> tuple[Snapshot, Snapshot]:
    """Settings of a component are compared where both sides have it."""
    shared = {
        (application, part)
        for application, known in left.deployed.items()
        for part in known.parts
        if application in right.deployed and part in right.deployed[application].parts
    }
    return _snapshot(left, shared), _snapshot(right, shared)


def _snapshot(facts: Facts, shared: set[tuple[str, str]]) -> Snapshot:
    in_the_file = (Kind.CONFIGURATION, Kind.RULE, Kind.ABOUT)
    parts: dict[Kind, Settings | Unknown] = dict.fromkeys(in_the_file, Unknown(_NO_RECORD))
    if facts.written is not None:
        parts.update(rulebook.by_kind(facts.written))
        configuration = parts[Kind.CONFIGURATION]
        assert not isinstance(configuration, Unknown)
        parts[Kind.CONFIGURATION] = {**configuration, **_of_components(facts, shared)}
    parts[Kind.SECRET] = facts.secrets if facts.written is not None else Unknown(_NO_RECORD)
    parts[Kind.CAPABILITY] = facts.capabilities
    parts[Kind.RELEASE] = {name: row.release_label for name, row in facts.holders.items()}
    parts[Kind.OBSERVED] = facts.observed
    return Snapshot(facts.moment.name, parts)


def _of_components(facts: Facts, shared: set[tuple[str, str]]) -> Settings:
    found: dict[str, Setting] = {}
    for application, known in facts.deployed.items():
        if not any(name == application for name, _ in shared):
            continue
        found |= {f"{application} {path}": setting for path, setting in known.strategy.items()}
        for part, settings in known.parts.items():
            found[f"{application}/{part}"] = "a component"
            if (application, part) in shared:
                found |= {f"{application}/{part} {path}": setting for path, setting in settings.items()}
    return found


def of_release(release: Release) -> Snapshot:
    """One of two releases: what it is made of, and how it is defined."""
    files = {f"{part} {name}": a for part, found in release.files.items() for name, a in found.items()}
    made = {name: f"{one.label()} ({short(one.digest)})" for name, one in {**release.artifacts, **files}.items()}
    definition = {name: value for name, value in definition_of(release.application).items() if name != "name"}
    return Snapshot(release.label(), {Kind.RELEASE: made, Kind.CONFIGURATION: flattened(definition)})
