"""Rulebook: what an environment says, field by field, as text: to compare it, and to keep it as it was."""

from collections.abc import Mapping

from lockgate.core.comparison import Kind, Setting, Settings, Unknown, flattened, flow
from lockgate.core.environment import ANY_APPLICATION, Catalogue, Environment
from lockgate.core.ids import plain

_SECRETS, _CAPABILITIES = "secrets", "capabilities"

WRITTEN_AS = {"queueing": "queue"}
"""Field of an environment -> what it is called in the file, where that is another name."""

_KINDS = {
    **dict.fromkeys(("target", "listen", "values", "replicas", "strategy", "cells", "rollout"), Kind.CONFIGURATION),
    **dict.fromkeys(("owner", "purpose", "users", "endpoints", "tier"), Kind.ABOUT),
    _SECRETS: Kind.SECRET,
    _CAPABILITIES: Kind.CAPABILITY,
}
"""Field of an environment -> what a difference of it is of. Any other field is a rule."""

Written = Mapping[str, str | tuple[str, ...]]
"""Dotted path of a field -> what it is."""


def written(environment: Environment) -> Written:
    """Everything but its name. Of a secret, where it is kept."""
    fields = plain(environment)
    del fields["name"]
    secrets = fields.pop(_SECRETS)
    found = {**flattened(fields), **{f"{_SECRETS}.{name}": _place(source) for name, source in secrets.items()}}
    return {_called(path): setting for path, setting in found.items() if not isinstance(setting, Unknown)}


def _place(source: Mapping[str, object]) -> str:
    """Where a secret is kept."""
    if source.keys() == {"store", "name"}:
        return f"{source['store']} {source['name']}"
    return flow(source)


def _called(path: str) -> str:
    """As people write it in the file."""
    top, dot, rest = path.partition(".")
    if path == f"listen.{ANY_APPLICATION}":
        return "listen"
    return f"{WRITTEN_AS.get(top, top)}{dot}{rest}"


def kind_of(path: str) -> Kind:
    return _KINDS.get(path.partition(".")[0], Kind.RULE)


def by_kind(said: Written) -> Mapping[Kind, Settings]:
    """As parts of a snapshot; capabilities as a word each."""
    parts: dict[Kind, dict[str, Setting]] = {kind: {} for kind in (*_KINDS.values(), Kind.RULE)}
    for path, setting in said.items():
        if path != _CAPABILITIES:
            name = path.removeprefix(f"{_SECRETS}.")
            parts[kind_of(path)][name] = setting
    for word in said.get(_CAPABILITIES, ()):
        parts[Kind.CAPABILITY][word] = "there"
    return parts


def recorded(catalogue: Catalogue) -> Mapping[str, Written]:
    """Of every environment, to be kept under its digest."""
    return {name: written(environment) for name, environment in catalogue.environments.items()}
