"""Places for secrets, in memory: every store that a plan may name, and Lockgate's own."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from lockgate.core.audit import Event
from lockgate.core.errors import Conflict, NotFound, SecretUnusable
from lockgate.core.secret import Secret, SecretSource, SecretStore, SecretVersion
from lockgate.ports import KeyChange


@dataclass
class FakeVault:
    """:class:`lockgate.ports.SecretVault` and :class:`lockgate.ports.Strongbox` at once."""

    texts: dict[str, str] = field(default_factory=dict)
    """What is in files and variables, by name."""
    learnt: set[SecretSource] = field(default_factory=set)
    revealed: list[SecretSource] = field(default_factory=list)
    _kept: dict[tuple[str, str], list[tuple[SecretVersion, str]]] = field(default_factory=dict)

    def pin(self, source: SecretSource, environment: str) -> SecretSource:
        if source.store is SecretStore.KEPT:
            there = [told for told in self.versions(environment, source.name) if told.removed_at is None]
            if not there:
                raise SecretUnusable(f"{environment} keeps no secret {source.name!r}.", "Set it.")
            return replace(source, environment=environment, version=there[-1].version)
        if source.store is SecretStore.VAULT:
            return replace(source, version=len(self._text(source)))
        return replace(source, fingerprint=_mark(self._text(source)))

    def reveal(self, source: SecretSource) -> Secret:
        self.revealed.append(source)
        return Secret(self._text(source))

    def changed(self, source: SecretSource) -> str:
        if source.store is SecretStore.KEPT:
            told, _ = self._kept[source.environment, source.name][(source.version or 1) - 1]
            return f"version {told.version} was removed" if told.removed_at is not None else ""
        if source.store is SecretStore.VAULT:
            return ""  # only whoever reads it can tell
        same = not source.fingerprint or _mark(self._text(source)) == source.fingerprint
        return "" if same else f"the content of {source} has changed"

    def fingerprint(self, source: SecretSource, environment: str) -> str:
        return _mark(self._text(self.pin(source, environment)))

    def learn(self, sources: Collection[SecretSource]) -> None:
        self.learnt.update(sources)

    # --- Lockgate's own store ---

    def keep(self, environment: str, name: str, secret: Secret, event: Event) -> tuple[SecretVersion, bool]:
        there = self._kept.setdefault((environment, name), [])
        if there and there[-1][1] == secret.reveal():
            return there[-1][0], False
        told = SecretVersion(environment, name, len(there) + 1, _mark(secret.reveal()), event.at, event.actor)
        there.append((told, secret.reveal()))
        return told, True

    def versions(self, environment: str = "", name: str = "") -> tuple[SecretVersion, ...]:
        return tuple(
            told
            for (whose, called), there in sorted(self._kept.items())
            if environment in ("", whose) and name in ("", called)
            for told, _ in there
        )

    def remove(self, environment: str, name: str, version: int, event: Event) -> SecretVersion:
        there = self._kept.get((environment, name), [])
        if not 0 < version <= len(there) or there[version - 1][0].removed_at is not None:
            raise NotFound(f"{environment} keeps no version {version} of {name}.")
        told = replace(there[version - 1][0], removed_at=event.at, removed_by=event.actor)
        there[version - 1] = (told, "")
        return told

    def rotate(self, reseal: bool, event: Event) -> KeyChange:
        return KeyChange("one", "two", len(self._kept), len(self.versions()) if reseal else 0)

    def start_over(self, event: Event) -> KeyChange:
        raise Conflict("The master key one is there, so nothing is lost.")

    def _text(self, source: SecretSource) -> str:
        if source.store is SecretStore.KEPT:
            return self._kept[source.environment, source.name][(source.version or 1) - 1][1]
        if source.name not in self.texts:
            raise SecretUnusable(f"There is nothing in {source}.", "Put it there.")
        return self.texts[source.name]


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
