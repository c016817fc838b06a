"""Lockgate's own store: versions of secrets, each sealed with its environment's key for its place alone.

Keys and sealed texts are in the database, the master key is not. What another process changes meanwhile makes an
attempt begin again: every write says by what it was sealed.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from lockgate.core.audit import Event
from lockgate.core.errors import Conflict, NotFound, SecretUnusable
from lockgate.core.sealed import FINGERPRINTS, DataKey, SealedSecret, Sealing
from lockgate.core.secret import Secret, SecretVersion
from lockgate.drivers.master_key import Known, MasterKey
from lockgate.drivers.redactor import Redactor
from lockgate.drivers.sealing import Key, Unsealable, new_key
from lockgate.ports import DataKeys, KeyChange, Secrets

T = TypeVar("T")

ATTEMPTS = 20
"""Of one change, while others make theirs."""


@dataclass(slots=True)
class KeptSecrets:
    """See :class:`lockgate.ports.Strongbox`. Safe to use from many threads and processes."""

    keys: DataKeys
    secrets: Secrets
    master: MasterKey
    redactor: Redactor
    _opened: dict[str, Key] = field(init=False, default_factory=dict)
    """Sealed data key -> itself."""

    # --- what is kept ---

    def keep(self, environment: str, name: str, secret: Secret, event: Event) -> tuple[SecretVersion, bool]:
        self.redactor.add(secret)
        return _insistently(lambda: self._keep(environment, name, secret, event))

    def versions(self, environment: str = "", name: str = "") -> tuple[SecretVersion, ...]:
        return tuple(sealed.told for sealed in self.secrets.select(environment, name))

    def newest(self, environment: str, name: str) -> SecretVersion:
        """Raises SecretUnusable when nothing is kept under that name."""
        there = [told for told in self.versions(environment, name) if told.removed_at is None]
        if there:
            return there[-1]
        because = f"{environment} keeps no secret {name!r}."
        raise SecretUnusable(because, f"Set it: lockgate secret set {environment} {name}")

    def open(self, environment: str, name: str, version: int) -> Secret:
        """Raises SecretUnusable."""
        sealed = self.secrets.get(environment, name, version)
        if sealed is None or not sealed.sealed:
            what = "was removed" if sealed else "is not there"
            because = f"Version {version} of the secret {name} of {environment} {what}."
            raise SecretUnusable(because, "Deploy again: the plan is then made with the newest one.")
        return self._opened_secret(sealed)

    def remove(self, environment: str, name: str, version: int, event: Event) -> SecretVersion:
        sealed = self.secrets.get(environment, name, version)
        if sealed is None or not sealed.sealed:
            raise NotFound(f"{environment} keeps no version {version} of {name}.", "See: lockgate secret versions")
        told = replace(sealed.told, removed_at=event.at, removed_by=event.actor)
        self.secrets.remove(told, event)
        return told

    def fingerprint(self, text: str) -> str:
        return _insistently(lambda: self._key(FINGERPRINTS)[1].fingerprint(text))

    def _keep(self, environment: str, name: str, secret: Secret, event: Event) -> tuple[SecretVersion, bool]:
        there = self.secrets.select(environment, name)
        fingerprint = self._key(FINGERPRINTS)[1].fingerprint(secret.reveal())
        newest = next((one for one in reversed(there) if one.sealed), None)
        if newest is not None and self._holds(newest, secret):
            return newest.told, False
        told = SecretVersion(environment, name, len(there) + 1, fingerprint, event.at, event.actor)
        data_key, key = self._key(environment)
        sealed = SealedSecret(told, data_key.number, key.seal(secret.reveal().encode(), *self._place(told)))
        data = {"name": name, "version": str(told.version), "fingerprint": fingerprint}
        self.secrets.add(sealed, replace(event, data={**event.data, **data}))
        return told, True

    def _holds(self, sealed: SealedSecret, secret: Secret) -> bool:
        """One that cannot be opened does not: it can be mended by setting it again."""
        try:
            return self._opened_secret(sealed) == secret
        except SecretUnusable:
            return False

    def _opened_secret(self, sealed: SealedSecret) -> Secret:
        told = sealed.told
        key = self._data_key(told.environment, sealed.key)
        try:
            if key is not None:
                return Secret(key.open(sealed.sealed, *self._place(told)).decode())
        except Unsealable:
            pass
        because = (
            f"Version {told.version} of the secret {told.name} of {told.environment} cannot be opened: "
            "what is stored in its place was not sealed for it, or has been altered."
        )
        mend = f"Restore the database, or set it again: lockgate secret set {told.environment} {told.name}"
        raise SecretUnusable(because, mend)

    def _place(self, told: SecretVersion) -> tuple[str | int, ...]:
        return "secret", self._sealing().installation, told.environment, told.name, told.version

    # --- the keys ---

    def _sealing(self) -> Sealing:
        """Made with the first thing that is sealed."""
        found = self.keys.sealing()
        if found is not None:
            return found
        return self.keys.begin(Sealing(os.urandom(16).hex(), self.master.known(make=True).first.id))

    def _key(self, place: str) -> tuple[DataKey, Key]:
        """The newest of the place, made if there is none."""
        ring = self._sealing()
        of_place = [key for key in self.keys.select() if key.place == place]
        if of_place:
            return of_place[-1], self._unwrapped(of_place[-1], ring)
        key = new_key()
        made = _wrapped(key, DataKey(place, 1, ring.master, ""), self.master.known().get(ring.master), ring)
        self.keys.add(made)
        return made, key

    def _data_key(self, place: str, number: int) -> Key | None:
        found = [key for key in self.keys.select() if (key.place, key.number) == (place, number)]
        return self._unwrapped(found[0], self._sealing()) if found else None

    def _unwrapped(self, key: DataKey, ring: Sealing) -> Key:
        """Raises SecretUnusable."""
        known = self._opened.get(key.sealed)
        if known is None:
            known = self._opened[key.sealed] = _unwrapped(key, self.master.known().get(key.master), ring)
        return known

    # --- other keys ---

    def rotate(self, reseal: bool, event: Event) -> KeyChange:
        self._sealing()
        with self.master.changing():
            before = self._sealing().master
            known = self.master.prepare(before)
            after = known.first.id
            rewrapped = _insistently(lambda: self._rewrap(known, before, after, event))
            mend = self.master.finish(after)
        return KeyChange(before, after, rewrapped, self._reseal_all() if reseal else 0, mend)

    def start_over(self, event: Event) -> KeyChange:
        ring = self._sealing()
        try:
            self.master.known().get(ring.master)
        except SecretUnusable:
            return self._start_over(ring, event)
        because = f"The master key {ring.master} is there, so nothing is lost."
        raise Conflict(because, "Change it without --lost.")

    def _start_over(self, ring: Sealing, event: Event) -> KeyChange:
        after = self.master.known(make=True).first.id
        there = [sealed.told for sealed in self.secrets.select() if sealed.sealed]
        gone = [replace(told, removed_at=event.at, removed_by=event.actor) for told in there]
        data = {"before": ring.master, "after": after, "gone": str(len(gone))}
        self.keys.abandon(ring.master, after, gone, replace(event, data={**event.data, **data}))
        names = ", ".join(dict.fromkeys(f"{told.name} of {told.environment}" for told in gone))
        return KeyChange(ring.master, after, 0, 0, f"These are gone, and have to be set anew: {names}." if gone else "")

    def _rewrap(self, known: Known, before: str, after: str, event: Event) -> int:
        ring, keys = self._sealing(), self.keys.select()
        new = [_wrapped(self._unwrapped(key, ring), key, known.get(after), ring) for key in keys]
        data = {"before": before, "after": after, "keys": str(len(new))}
        self.keys.rewrap(before, after, new, replace(event, data={**event.data, **data}))
        return len(new)

    def _reseal_all(self) -> int:
        places = {sealed.told.environment for sealed in self.secrets.select()}
        return sum(_insistently(partial(self._reseal, place)) for place in sorted(places))

    def _reseal(self, place: str) -> int:
        ring, there = self._sealing(), self.secrets.select(place)
        key, (newest, _) = new_key(), self._key(place)
        wrapper = self.master.known().get(ring.master)
        made = _wrapped(key, DataKey(place, newest.number + 1, ring.master, ""), wrapper, ring)
        again = [self._resealed(one, made.number, key) for one in there]
        self.secrets.reseal(made, again)
        return sum(bool(one.sealed) for one in again)

    def _resealed(self, one: SealedSecret, number: int, key: Key) -> SealedSecret:
        if not one.sealed:
            return replace(one, key=number)
        text = self._opened_secret(one).reveal().encode()
        return SealedSecret(one.told, number, key.seal(text, *self._place(one.told)))


def _wrapped(key: Key, wanted: DataKey, master: Key, ring: Sealing) -> DataKey:
    sealed = master.seal(key.data, "data key", ring.installation, wanted.place, wanted.number)
    return replace(wanted, master=master.id, sealed=sealed)


def _unwrapped(key: DataKey, master: Key, ring: Sealing) -> Key:
    try:
        return Key(master.open(key.sealed, "data key", ring.installation, key.place, key.number))
    except Unsealable as error:
        what = key.place or "fingerprints"
        because = f"The key of {what} cannot be opened: it was not sealed for its place, or has been altered."
        raise SecretUnusable(because, "Restore the database.") from error


def _insistently(attempt: Callable[[], T]) -> T:
    """Again when somebody else was first. Raises what it raises at last."""
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except Conflict:
            continue
    return attempt()
