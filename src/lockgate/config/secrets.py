"""Where a secret is kept: one entry of an environment's ``secrets``. What stands there may be the secret itself by
mistake, so it is not repeated."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lockgate.config.document import Scalar, Table
from lockgate.config.form import At, Choice, Field, Form, Kind, Schema
from lockgate.config.scalars import SECRET_NAME, VARIABLE, Text, Whole
from lockgate.core.secret import SecretSource, SecretStore

ABSOLUTE = Text("an absolute path", r"/[^\x00-\x1f]*[^\x00-\x1f/]", "It begins with / and does not end with one.")
VAULT_PATH = Text(
    "a path in Vault such as secret/data/shop",
    r"[A-Za-z0-9_.~-]+(?:/[A-Za-z0-9_.~-]+)*/data(?:/[A-Za-z0-9_.~ -]+)+",
    "It is that of the API: the mount, then data, then the secret.",
)
VAULT_KEY = Text("a key of that secret", r"[^\x00-\x1f]{1,256}", "It is one line.")


@dataclass(frozen=True, slots=True)
class KeptIn:
    """The name of a secret in one store."""

    store: SecretStore
    name: Text

    def read(self, at: At) -> SecretSource:
        return SecretSource(self.store, self.name.read(at))

    def schema(self) -> Schema:
        return self.name.schema()


@dataclass(frozen=True, slots=True)
class KeptHere:
    """``true``, or the name it has in Lockgate's own store if that is another one."""

    def read(self, at: At) -> SecretSource:
        """Without a name where the secret's own is meant."""
        if isinstance(at.node, Scalar) and not at.node.quoted and at.node.text.lower() == "true":
            return SecretSource(SecretStore.KEPT, "")
        if isinstance(at.node, Scalar) and not at.node.quoted and at.node.text.lower() == "false":
            raise at.refused("a secret that is not kept here must be elsewhere.", "Write {file: /path} instead.")
        return SecretSource(SecretStore.KEPT, SECRET_NAME.read(at))

    def schema(self) -> Schema:
        return {"anyOf": [{"const": True}, SECRET_NAME.schema()]}


def _in_vault(path: str, key: str, version: int | None = None) -> SecretSource:
    return SecretSource(SecretStore.VAULT, path, key=key, version=version)


VAULT = Form(
    "a secret in Vault",
    _in_vault,
    (
        Field("path", VAULT_PATH, "Path of the API, with the mount and data: secret/data/shop.", True, stand_in=""),
        Field("key", VAULT_KEY, "Which of its keys.", True, stand_in=""),
        Field("version", Whole("version", 1, 2**31 - 1), "Always this one; otherwise the newest when a plan is made."),
    ),
    hints={
        "field": "Did you mean 'key'?", "name": "Did you mean 'key'?", "mount": "It is part of the path.",
        "address": "It is a setting of the server: LOCKGATE_VAULT_ADDRESS.",
        "namespace": "It is a setting of the server: LOCKGATE_VAULT_NAMESPACE.",
    },
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """Where a secret is kept."""

    stores: Choice[SecretSource]

    def read(self, at: At) -> SecretSource:
        if not isinstance(at.node, Table):
            because = "expected where the secret is kept, not the secret itself."
            mend = "Write {kept: true}, {file: /path/to/it} or {variable: NAME_OF_A_VARIABLE_OF_THE_SERVER}."
            raise at.refused(because, mend)
        found = self.stores.read(at)
        return found if found.name or found.store is not SecretStore.KEPT else replace(found, name=at.key)

    def schema(self) -> Schema:
        return self.stores.schema()


_PLACES: Mapping[str, Kind[SecretSource]] = {
    "kept": KeptHere(),
    "file": KeptIn(SecretStore.FILE, ABSOLUTE),
    "variable": KeptIn(SecretStore.VARIABLE, VARIABLE),
    "vault": VAULT,
}
_OUTSIDE = {name: kind for name, kind in _PLACES.items() if name != "kept"}
_HINTS = {
    "env": "Did you mean 'variable'?",
    "value": "A secret is not written into this file; write {kept: true} and use: lockgate secret set",
}

SECRET = KeptSecret(Choice("a place for secrets", {}, _PLACES, hints=_HINTS))
OUTSIDE = KeptSecret(
    Choice(
        "a place for secrets that belong to no environment",
        {},
        _OUTSIDE,
        hints={**_HINTS, "value": "A secret is not written into this file.", "kept": "Those belong to environments."},
    )
)
"""Of a channel: what Lockgate keeps belongs to one environment."""
