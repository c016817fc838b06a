"""Vault: the key-value store, version 2, of HashiCorp Vault or of what speaks its HTTP API.

A token comes from a file that somebody else renews, or by signing in: AppRole, or a JWT (Kubernetes). It is signed in
again when the token's time is nearly over, and once when Vault does not know it any more.
"""

import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from lockgate.core.errors import LockgateError, SecretUnusable, Unavailable
from lockgate.core.secret import LONGEST, Secret, SecretSource
from lockgate.decoding import UNREADABLE

PATIENCE = 10.0
"""Seconds for an answer."""
EARLY = 0.8
"""Part of a token's time after which it is signed in again."""


@dataclass(frozen=True, slots=True)
class TokenFile:
    """Read at each request: an agent may renew it."""

    path: Path


@dataclass(frozen=True, slots=True)
class AppRole:
    role_id: str
    secret_id: Path
    mount: str = "approle"


@dataclass(frozen=True, slots=True)
class Jwt:
    role: str
    jwt: Path
    mount: str = "jwt"


Login = TokenFile | AppRole | Jwt


@dataclass(frozen=True, slots=True)
class VaultSettings:
    """Of the one Vault that a server asks."""

    address: str
    login: Login
    namespace: str = ""
    ca: Path | None = None
    """PEM of who signed its certificate; None: those that the machine trusts."""
    patience: float = PATIENCE


@dataclass(slots=True)
class VaultSecrets:
    """Many threads may use it. Raises SecretUnusable for what will not change by itself, Unavailable otherwise."""

    settings: VaultSettings
    _client: httpx2.Client | None = field(init=False, default=None)
    _token: Secret | None = field(init=False, default=None)
    _until: float = field(init=False, default=0.0)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _making: threading.Lock = field(init=False, default_factory=threading.Lock)

    def read(self, source: SecretSource) -> tuple[Secret, int]:
        """The text, and which version it is."""
        status, answer = self._asked(source)
        data = _table(answer.get("data"))
        metadata, values = _table(data.get("metadata")), data.get("data")
        if status == 404 or not isinstance(values, dict):
            raise _missing(source, metadata, status)
        version, text = metadata.get("version"), values.get(source.key)
        if not isinstance(version, int):
            because = f"Vault's {source.name} is not in a key-value store of version 2."
            raise SecretUnusable(because, "Enable versions there: vault kv enable-versioning MOUNT")
        if not isinstance(text, str) or len(text.encode()) > LONGEST:
            raise _unfit(source, values, text)
        return Secret(text), version

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _asked(self, source: SecretSource) -> tuple[int, Mapping[str, Any]]:
        query = f"?version={source.version}" if source.version is not None else ""
        path = f"{quote(source.name)}{query}"
        status, answer = self._send("GET", path, None, self._signed_in())
        if status == 403 and not isinstance(self.settings.login, TokenFile):
            status, answer = self._send("GET", path, None, self._signed_in(again=True))
        if status == 403:
            because = f"Vault refuses to show {source.name}: {_errors(answer)}."
            raise SecretUnusable(because, 'Let a policy of its role have capabilities = ["read"] on that path.')
        if status not in (200, 404):
            raise _trouble(status, answer)
        return status, answer

    # --- signing in ---

    def _signed_in(self, again: bool = False) -> Secret:
        if isinstance(self.settings.login, TokenFile):
            return _file(self.settings.login.path)
        with self._lock:
            if again or self._token is None or time.monotonic() > self._until:
                self._sign_in(self.settings.login)
            assert self._token is not None
            return self._token

    def _sign_in(self, login: AppRole | Jwt) -> None:
        if isinstance(login, AppRole):
            form = {"role_id": login.role_id, "secret_id": _file(login.secret_id).reveal()}
        else:
            form = {"role": login.role, "jwt": _file(login.jwt).reveal()}
        status, answer = self._send("POST", f"auth/{quote(login.mount)}/login", form, None)
        if status in (400, 401, 403, 404):
            because = f"Vault does not let the server in by {login.mount}: {_errors(answer)}."
            raise SecretUnusable(because, "Look at the role, at its secret id or JWT, and at the mount.")
        auth = _table(answer.get("auth"))
        token, lasts = auth.get("client_token"), auth.get("lease_duration")
        if status != 200 or not isinstance(token, str):
            raise _trouble(status, answer)
        seconds = float(lasts) if isinstance(lasts, (int, float)) and lasts > 0 else 3600.0
        self._token, self._until = Secret(token), time.monotonic() + EARLY * seconds

    # --- the wire ---

    def _send(
        self, method: str, path: str, form: Mapping[str, str] | None, token: Secret | None
    ) -> tuple[int, Mapping[str, Any]]:
        headers = {"X-Vault-Request": "true", "User-Agent": "lockgate"}
        if self.settings.namespace:
            headers["X-Vault-Namespace"] = self.settings.namespace
        if token is not None:
            headers["X-Vault-Token"] = token.reveal()
        url = f"{self.settings.address.rstrip('/')}/v1/{path}"
        try:
            answer = self._http().request(method, url, headers=headers, json=form)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            slow = isinstance(error, httpx2.TimeoutException)
            what = f"has not answered within {self.settings.patience:g} s" if slow else f"cannot be asked: {error}"
            because = f"Vault at {self.settings.address} {what}."
            raise Unavailable(because, "Look at it, and at the way there.") from error
        try:
            return answer.status_code, _table(msgspec.json.decode(answer.content or b"{}"))
        except UNREADABLE:
            return answer.status_code, {"errors": [answer.content[:200].decode(errors="replace")]}

    def _http(self) -> httpx2.Client:
        with self._making:
            if self._client is None:
                self._client = httpx2.Client(timeout=self.settings.patience, verify=_trusted(self.settings.ca))
            return self._client


def _trusted(ca: Path | None) -> ssl.SSLContext | bool:
    """Raises SecretUnusable."""
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        because = f"The certificates in {ca} cannot be used: {error}."
        raise SecretUnusable(because, "Look at LOCKGATE_VAULT_CA.") from error


def _file(path: Path) -> Secret:
    """Its text, without the space around it. Raises SecretUnusable."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnusable(f"What the server shows to Vault cannot be read: {error}.", f"Mend {path}.") from error
    if not (text.isascii() and text.isprintable() and text):
        raise SecretUnusable(f"{path} does not hold one line to show to Vault.", "Keep only that in it.")
    return Secret(text)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _errors(answer: Mapping[str, Any]) -> str:
    """Vault's own words, on one line."""
    said = answer.get("errors")
    words = "; ".join(str(one) for one in said) if isinstance(said, list) else ""
    return " ".join(words.split()).rstrip(".")[:300] or "it does not say why"


def _trouble(status: int, answer: Mapping[str, Any]) -> LockgateError:
    if status == 503:
        return Unavailable(f"Vault is sealed or not ready: {_errors(answer)}.", "Unseal it; it is asked again.")
    if status in (307, 308):
        return Unavailable("This Vault is a standby that sends elsewhere.", "Name the active one, or a load balancer.")
    if status in (412, 429, 472, 473) or status >= 500:
        return Unavailable(f"Vault answers {status}: {_errors(answer)}.", "It is asked again.")
    return SecretUnusable(f"Vault answers {status}: {_errors(answer)}.", "Look at its address and its log.")


def _missing(source: SecretSource, metadata: Mapping[str, Any], status: int) -> SecretUnusable:
    version = metadata.get("version", source.version)
    if metadata.get("destroyed") or metadata.get("deletion_time"):
        how = "destroyed" if metadata.get("destroyed") else "deleted"
        because = f"Version {version} of Vault's {source.name} was {how}."
        return SecretUnusable(because, "Undelete it there, or deploy again with a newer one.")
    which = f" version {source.version}" if source.version is not None else ""
    mend = "Look at the path: behind the mount it has data/, as secret/data/shop."
    return SecretUnusable(f"Vault has nothing at {source.name}{which}.", mend)


def _unfit(source: SecretSource, values: Mapping[str, Any], found: object) -> SecretUnusable:
    if found is None:
        keys = ", ".join(sorted(values)) or "none"
        return SecretUnusable(f"Vault's {source.name} has no key {source.key!r}.", f"It has: {keys}.")
    because = f"{source.key} of Vault's {source.name} is no text, or longer than {LONGEST // 1024} KiB."
    return SecretUnusable(because, "Keep it there as text.")
