"""The desk for secrets: set, look, remove, change the key. Texts come in here, and never leave."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from lockgate.core.audit import Event
from lockgate.core.deployment import ACTIVE, WAITING, Deployment, State
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.errors import Conflict, Invalid, LockgateError, NotFound, Problem
from lockgate.core.ids import Digest
from lockgate.core.people import NOBODY, Caller
from lockgate.core.secret import LONGEST, Secret, SecretSource, SecretStore, SecretVersion
from lockgate.engine.collector import KEEP_GOOD
from lockgate.engine.secret_watch import Glances, SecretWatch
from lockgate.messages import Usable
from lockgate.messages.secrets import (
    ChangeMasterKey,
    KeyChangeView,
    RemoveSecret,
    SecretVersionView,
    SecretView,
    SetSecret,
)
from lockgate.ports import Clock, SecretVault, Selection, Store, Strongbox

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
"""As in environments.yaml."""


@dataclass(frozen=True, slots=True)
class SecretDesk:
    """``catalogue`` raises Invalid while the environments cannot be read."""

    store: Store
    clock: Clock
    catalogue: Callable[[], Catalogue]
    vault: SecretVault
    box: Strongbox
    caller: Caller = NOBODY
    glances: Glances = field(default_factory=Glances)

    @property
    def watch(self) -> SecretWatch:
        """What is wrong with them."""
        return SecretWatch(self.store, self.clock, self.catalogue, self.vault, self.glances)

    def known(self, environment: str) -> tuple[SecretView, ...]:
        """Those that environments.yaml names, and those that are kept without being named."""
        catalogue = self.catalogue()
        chosen = [catalogue.get(environment)] if environment else catalogue.in_order()
        return tuple(view for one in chosen for view in self._of(one))

    def set(self, environment: str, name: str, request: SetSecret) -> tuple[SecretVersionView, bool]:
        """And whether it is a new version: the same text again is none. Raises NotFound, Invalid, SecretUnusable."""
        known = self.catalogue().get(environment)
        _refuse_unless_fit(name, request.text)
        because = f"The secret {name} of {environment} was set" + (f": {request.reason}" if request.reason else ".")
        event = self._event("secret.set", because, request.actor, environment)
        told, new = self.box.keep(environment, name, Secret(request.text), event)
        return _version_view(told, because=_advice(known, name)), new

    def versions(self, environment: str, name: str) -> tuple[SecretVersionView, ...]:
        """Oldest first, with what needs them. Raises NotFound."""
        found = self.box.versions(environment, name)
        if not found:
            raise NotFound(f"{environment} keeps no secret {name!r}.", f"See: lockgate secret list {environment}")
        needs = self._needs(environment, name)
        return tuple(_version_view(told, needs.get(told.version, ())) for told in found)

    def remove(self, environment: str, name: str, request: RemoveSecret) -> SecretVersionView:
        """Raises NotFound, Conflict naming what needs it."""
        needed = self._needs(environment, name).get(request.version, ())
        if needed:
            because = f"Version {request.version} of {name} is needed: {'; '.join(needed)}."
            raise Conflict(because, "Deploy with a newer one first.")
        why = f": {request.reason}" if request.reason else "."
        because = f"Version {request.version} of the secret {name} of {environment} was removed{why}"
        data = {"name": name, "version": str(request.version)}
        event = self._event("secret.removed", because, request.actor, environment, data)
        return _version_view(self.box.remove(environment, name, request.version, event))

    def rotate(self, request: ChangeMasterKey) -> KeyChangeView:
        """Everything stays usable meanwhile. Raises SecretUnusable, Unavailable; Conflict when it is not lost."""
        if request.lost:
            because = "The master key was lost, and what it opened" + (f": {request.reason}" if request.reason else ".")
            done = self.box.start_over(self._event("secret.key_lost", because, request.actor))
            return KeyChangeView(done.before, done.after, done.rewrapped, done.resealed, done.mend)
        because = "The master key was changed" + (f": {request.reason}" if request.reason else ".")
        done = self.box.rotate(request.reseal, self._event("secret.key_rotated", because, request.actor))
        return KeyChangeView(done.before, done.after, done.rewrapped, done.resealed, done.mend)

    def examine(self) -> tuple[Usable, ...]:
        """For ``lockgate doctor``: each secret of environments that cannot be had now, or that all can."""
        try:
            environments = self.catalogue().in_order()
        except LockgateError:
            return ()
        named = [(one.name, name, source) for one in environments for name, source in one.secrets.items()]
        lost = [told for place in named if (told := self._lost(*place)) is not None]
        well = f"All {len(named)} that environments name can be had." if len(named) > 1 else "It can be had."
        return tuple(lost) if lost or not named else (Usable("secrets", True, well),)

    def _lost(self, environment: str, name: str, source: SecretSource) -> Usable | None:
        try:
            self.vault.fingerprint(source, environment)
        except LockgateError as error:
            return Usable(f"secret {name} of {environment}", False, error.because, error.mend)
        return None

    def fingerprint(self, environment: str, name: str) -> str:
        """Of what is there now; the same text has the same one in every environment. Raises NotFound, and what looking
        it up raises."""
        known = self.catalogue().get(environment)
        if name not in known.secrets:
            there = ", ".join(sorted(known.secrets)) or "none"
            raise NotFound(f"{environment} has no secret {name!r}.", f"It has: {there}.")
        return self.vault.fingerprint(known.secrets[name], environment)

    def fingerprint_if_any(self, environment: str, name: str) -> str:
        """For comparing environments: empty while it cannot be had."""
        try:
            return self.fingerprint(environment, name)
        except LockgateError:
            return ""

    # --- inside ---

    def _of(self, environment: Environment) -> Iterator[SecretView]:
        newest = {told.name: told for told in self.box.versions(environment.name) if told.removed_at is None}
        for name, source in environment.secrets.items():
            kept = newest.get(source.name) if source.store is SecretStore.KEPT else None
            yield self._view(environment.name, name, source, kept)
        named = {source.name for source in environment.secrets.values() if source.store is SecretStore.KEPT}
        for name in sorted(newest.keys() - named):
            view = self._view(environment.name, name, SecretSource(SecretStore.KEPT, name), newest[name])
            yield replace(view, place="", because=_advice(environment, name))

    def _view(self, environment: str, name: str, source: SecretSource, kept: SecretVersion | None) -> SecretView:
        at, actor = (kept.at, kept.actor) if kept else (None, "")
        view = SecretView(environment, name, source.store.value, str(source), at=at, actor=actor)
        try:
            version = self.vault.pin(source, environment).version
            return replace(view, version=version, fingerprint=self.vault.fingerprint(source, environment))
        except LockgateError as error:
            return replace(view, because=str(error))

    def _needs(self, environment: str, name: str) -> Mapping[int, tuple[str, ...]]:
        """Version -> by what."""
        found: dict[int, dict[str, None]] = {}
        for digest, why in self._plans(environment):
            for component in self.store.releases.plan(digest).components:
                for source in component.spec.secrets.values():
                    ours = (source.store, source.environment, source.name) == (SecretStore.KEPT, environment, name)
                    if ours and source.version is not None:
                        found.setdefault(source.version, {})[why] = None
        return {version: tuple(why) for version, why in found.items()}

    def _plans(self, environment: str) -> Iterator[tuple[Digest, str]]:
        """What runs, what is being deployed, and what may be gone back to."""
        rows = self.store.history.select(Selection(environment=environment, limit=10_000))
        good: dict[str, list[Deployment]] = {}
        for row in rows:
            if row.holds:
                yield row.kept, f"{row.application} runs with it in {environment} ({row.id})"
            if row.state in ACTIVE | WAITING:
                yield row.plan, f"{row.id} deploys with it"
                for digest in (row.previous, row.mixed):
                    if digest is not None:
                        yield digest, f"{row.id} may go back to it"
            if row.state is State.SUCCEEDED and not row.holds:
                good.setdefault(row.application, []).append(row)
        for application, done in good.items():
            for row in (*done[:KEEP_GOOD], *self._way_back(done)):
                yield row.plan, f"a rollback of {application} may go back to {row.release_label} with it ({row.id})"

    def _way_back(self, done: Sequence[Deployment]) -> Iterator[Deployment]:
        """The newest that is not barred, behind others that are."""
        barred = self.store.quarantines.barred
        open_ones = (r for r in done if barred(r.application, r.environment, r.release) is None)
        yield from islice(open_ones, 1)

    def _event(
        self, kind: str, because: str, actor: str, environment: str = "", data: Mapping[str, str] | None = None
    ) -> Event:
        event = Event(kind, self.clock.now(), because, environment=environment, data=data or {})
        return self.caller.speaking(actor).signed(event)


def _refuse_unless_fit(name: str, text: str) -> None:
    """Nothing of the text is repeated. Raises Invalid."""
    problems = []
    if not _NAME.fullmatch(name):
        because = "it is not the name of a secret."
        mend = "They have letters, digits, _, . and -, no dot or hyphen first, at most 64 characters."
        problems.append(Problem("request", None, "name", because, mend))
    if not text:
        problems.append(Problem("request", None, "text", "it is empty.", "Give the secret itself."))
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST:
        problems.append(Problem("request", None, "text", f"it is longer than {LONGEST // 1024} KiB."))
    if problems:
        raise Invalid(problems)


def _advice(environment: Environment, name: str) -> str:
    """Where the environment does not name it yet."""
    named = {source.name for source in environment.secrets.values() if source.store is SecretStore.KEPT}
    if name in named:
        return ""
    return f"No secret of {environment.name} is read from here yet: add secrets: {{{name}: {{kept: true}}}} to it."


def _version_view(told: SecretVersion, needed: tuple[str, ...] = (), because: str = "") -> SecretVersionView:
    return SecretVersionView(
        environment=told.environment,
        name=told.name,
        version=told.version,
        fingerprint=told.fingerprint,
        at=told.at,
        actor=told.actor,
        removed_at=told.removed_at,
        removed_by=told.removed_by,
        needed=needed,
        because=because,
    )
