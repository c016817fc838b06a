"""Custody: every place where secrets are kept, as one. Whatever is revealed here is known to the redactor first, so
nothing that this process says or writes can hold it."""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from lockgate.core.environment import Catalogue
from lockgate.core.errors import ComponentMissing, LockgateError, SecretUnusable
from lockgate.core.secret import Secret, SecretSource, SecretStore
from lockgate.drivers import safe
from lockgate.drivers.master_key import MasterKey, MasterKeyFile, MasterKeyText
from lockgate.drivers.redactor import Redactor
from lockgate.drivers.secrets.kept import KeptSecrets
from lockgate.drivers.secrets.vault import AppRole, Jwt, TokenFile, VaultSecrets, VaultSettings
from lockgate.ports import DataKeys, Secrets

log = logging.getLogger("lockgate.secrets")

SILENCE = 30.0
"""Seconds for which a place that has failed is not asked again only to learn from it: whoever keeps what runs must not
wait for it at every look."""

VERSIONED = (SecretStore.KEPT, SecretStore.VAULT)


@dataclass(slots=True)
class Custody:
    """See :class:`lockgate.ports.SecretVault`. ``vault``: None, where the server is told of none."""

    kept: KeptSecrets
    vault: VaultSecrets | None
    redactor: Redactor
    _learnt: set[SecretSource] = field(init=False, default_factory=set)
    _silent_until: dict[SecretStore, float] = field(init=False, default_factory=dict)

    def pin(self, source: SecretSource, environment: str) -> SecretSource:
        return self._pinned(source, environment)[0]

    def reveal(self, source: SecretSource) -> Secret:
        secret = self._revealed(source)
        if source.fingerprint and self.kept.fingerprint(secret.reveal()) != source.fingerprint:
            log.warning("an instance starts with what is in %s now, not with what was there at its plan", source)
        return secret

    def changed(self, source: SecretSource) -> str:
        if source.store is SecretStore.KEPT and source.version is not None:
            return self._removed(source)
        if source.store in VERSIONED or not source.fingerprint:
            return ""
        if self.kept.fingerprint(self._revealed(source).reveal()) == source.fingerprint:
            return ""
        return f"the content of the {source} is not the one that the plan was made with"

    def fingerprint(self, source: SecretSource, environment: str) -> str:
        return self.kept.fingerprint(self._pinned(source, environment)[1].reveal())

    def learn(self, sources: Collection[SecretSource]) -> None:
        now = time.monotonic()
        for source in sources:
            if source in self._learnt or now < self._silent_until.get(source.store, now):
                continue
            try:
                self._revealed(source)
                self._learnt.add(source)
            except LockgateError as error:
                self._silent_until[source.store] = time.monotonic() + SILENCE
                log.warning("what is in %s cannot be masked yet: %s", source, error)

    def newest(self, environment: str, source: SecretSource) -> Secret:
        """What is there now, for the server itself."""
        return self._pinned(source, environment)[1]

    def lookup(self, catalogue: Callable[[], Catalogue]) -> Callable[[str, str], Secret]:
        """By environment and name, for the server itself. It raises ComponentMissing for one that there is not."""

        def found(environment: str, name: str) -> Secret:
            known = catalogue().get(environment).secrets
            if name not in known:
                raise ComponentMissing(f"{environment} has no secret {name!r}.", "Add it to its secrets.")
            return self.newest(environment, known[name])

        return found

    def close(self) -> None:
        if self.vault is not None:
            self.vault.close()

    def _pinned(self, source: SecretSource, environment: str) -> tuple[SecretSource, Secret]:
        if source.store is SecretStore.KEPT:
            version = source.version or self.kept.newest(environment, source.name).version
            pinned = replace(source, environment=environment, version=version)
            return pinned, self._revealed(pinned)
        if source.store is SecretStore.VAULT:
            secret, version = self._vault().read(source)
            return replace(source, version=version), self._known(secret)
        secret = self._revealed(source)
        return replace(source, fingerprint=self.kept.fingerprint(secret.reveal())), secret

    def _removed(self, source: SecretSource) -> str:
        there = self.kept.secrets.get(source.environment, source.name, source.version or 0)
        return "" if there is not None and there.sealed else f"version {source.version} of {source.name} was removed"

    def _revealed(self, source: SecretSource) -> Secret:
        """As it is now, or the version that is named."""
        if source.store is SecretStore.VAULT:
            return self._known(self._vault().read(source)[0])
        if source.store is not SecretStore.KEPT:
            return self._known(safe.reveal(source))
        version = source.version
        if version is None:
            because = f"Nothing says which version of {source.name} is meant."
            raise SecretUnusable(because, "Deploy again: the plan then names it.")
        return self._known(self.kept.open(source.environment, source.name, version))

    def _known(self, secret: Secret) -> Secret:
        self.redactor.add(secret)
        return secret

    def _vault(self) -> VaultSecrets:
        if self.vault is None:
            because = "A secret is kept in Vault, and the server knows of none."
            raise ComponentMissing(because, "Set LOCKGATE_VAULT_ADDRESS, and how the server signs in.")
        return self.vault


class Told(Protocol):
    """The server's settings, as far as they are about secrets. They name one way to sign in to Vault, or no Vault."""

    @property
    def data(self) -> Path: ...
    @property
    def database(self) -> str: ...
    @property
    def master_key(self) -> Secret | None: ...
    @property
    def master_key_file(self) -> Path | None: ...
    @property
    def vault_address(self) -> str: ...
    @property
    def vault_namespace(self) -> str: ...
    @property
    def vault_ca(self) -> Path | None: ...
    @property
    def vault_token_file(self) -> Path | None: ...
    @property
    def vault_role_id(self) -> str: ...
    @property
    def vault_secret_id_file(self) -> Path | None: ...
    @property
    def vault_role(self) -> str: ...
    @property
    def vault_jwt_file(self) -> Path | None: ...
    @property
    def vault_mount(self) -> str: ...


def custody_of(told: Told, keys: DataKeys, secrets: Secrets, redactor: Redactor) -> Custody:
    """What the server itself has to hide is masked like any secret."""
    password = urlsplit(told.database).password
    for own in (told.master_key, Secret(unquote(password)) if password else None):
        if own is not None:
            redactor.add(own)
    return Custody(KeptSecrets(keys, secrets, _master_key(told), redactor), _vault(told), redactor)


def _master_key(told: Told) -> MasterKey:
    if told.master_key is not None:
        return MasterKeyText(told.master_key)
    if told.master_key_file is not None:
        return MasterKeyFile(told.master_key_file, own=False)
    return MasterKeyFile(told.data / "keys" / "master")


def _vault(told: Told) -> VaultSecrets | None:
    login: TokenFile | AppRole | Jwt | None = None
    if told.vault_token_file:
        login = TokenFile(told.vault_token_file)
    elif told.vault_secret_id_file:
        login = AppRole(told.vault_role_id, told.vault_secret_id_file, told.vault_mount or "approle")
    elif told.vault_jwt_file:
        login = Jwt(told.vault_role, told.vault_jwt_file, told.vault_mount or "jwt")
    if login is None:
        return None
    return VaultSecrets(VaultSettings(told.vault_address, login, told.vault_namespace, told.vault_ca))
