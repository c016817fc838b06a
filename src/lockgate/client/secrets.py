"""The client's calls about secrets: a part of :class:`lockgate.client.Client`."""

from urllib.parse import quote

from lockgate.client.wire import Wire
from lockgate.messages.secrets import (
    ChangeMasterKey,
    KeyChangeView,
    RemoveSecret,
    SecretVersionView,
    SecretView,
    SetSecret,
)

LONG = 900.0
"""Seconds for encrypting everything anew."""


class SecretCalls(Wire):
    """No answer has ever a secret in it."""

    __slots__ = ()

    def secrets(self, environment: str = "") -> tuple[SecretView, ...]:
        """Where they are kept; never what they are."""
        return self._get("/v1/secrets", tuple[SecretView, ...], environment=environment)

    def set_secret(self, environment: str, name: str, request: SetSecret) -> SecretVersionView:
        """The same text as the newest version has gives that one."""
        return self._put(_secret(environment, name), request, SecretVersionView)

    def secret_versions(self, environment: str, name: str) -> tuple[SecretVersionView, ...]:
        return self._get(f"{_secret(environment, name)}/versions", tuple[SecretVersionView, ...])

    def remove_secret(self, environment: str, name: str, request: RemoveSecret) -> SecretVersionView:
        return self._post(f"{_secret(environment, name)}/remove", request, SecretVersionView)

    def change_master_key(self, request: ChangeMasterKey) -> KeyChangeView:
        return self._post("/v1/secrets/rotation", request, KeyChangeView, LONG)


def _secret(environment: str, name: str) -> str:
    return f"/v1/secrets/{quote(environment, safe='')}/{quote(name, safe='')}"
