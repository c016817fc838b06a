"""Rulebook: what an environment says, field by field, as text: to compare it, and to keep it as it was."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lockgate.core import opening_hours
from lockgate.core.comparison import Kind, Setting, Settings, Unknown, flattened, flow
from lockgate.core.environment import ANY_APPLICATION, Catalogue, Environment
from lockgate.core.ids import canonical, plain
from lockgate.core.policy import Policy, PolicyUse

_SECRETS, _CAPABILITIES = "secrets", "capabilities"

WRITTEN_AS = {
    "queueing": "queue",
    "approvals.groups": "approvals.from",
    "approvals.barred": "approvals.not",
    "approvals.exempt": "approvals.except",
    "break_glass.groups": "break_glass.by",
    "soak.place": "soak.in",
    "soak.seconds": "soak.for",
}
"""Field of an environment -> what it is called in the file, where that is another name."""

_FORMAT = 2
"""Of the document that a catalogue is kept as."""

_KINDS = {
    **dict.fromkeys(("target", "listen", "values", "replicas", "strategy", "cells", "rollout"), Kind.CONFIGURATION),
    **dict.fromkeys(("owner", "purpose", "users", "endpoints", "tier"), Kind.ABOUT),
    _SECRETS: Kind.SECRET,
    _CAPABILITIES: Kind.CAPABILITY,
}
"""Field of an environment -> what a difference of it is of. Any other field is a rule."""

Written = Mapping[str, str | tuple[str, ...]]
"""Dotted path of a field -> what it is."""


@dataclass(frozen=True, slots=True)
class Record:
    """A version of the environments' file."""

    environments: Mapping[str, Written]
    groups: Mapping[str, tuple[str, ...]] | None
    """Group -> names of people; None: they were not recorded yet."""


def written(environment: Environment) -> Written:
    """Everything but its name. Of a secret, where it is kept."""
    fields = plain(environment)
    del fields["name"]
    secrets = fields.pop(_SECRETS)
    del fields["rules"]
    fields["policies"] = list(_policies(environment))
    fields["windows"] = [words for rule in environment.windows for words in opening_hours.told(rule)]
    found = {**flattened(fields), **{f"{_SECRETS}.{name}": _place(source) for name, source in secrets.items()}}
    return {_called(path): setting for path, setting in found.items() if not isinstance(setting, Unknown)}


def _policies(environment: Environment) -> Iterator[str]:
    """Each with what it is given, and the version of what that comes to where it is known."""
    rules: tuple[Policy | None, ...] = environment.rules or (None,) * len(environment.policies)
    for use, rule in zip(environment.policies, rules, strict=True):
        facts = [f"{name} {flow(value)}" for name, value in use.parameters.items()]
        facts += _mode(use, rule)
        yield f"{use.policy} ({', '.join(facts)})" if facts else use.policy


def _mode(use: PolicyUse, rule: Policy | None) -> list[str]:
    if rule is not None:
        return [rule.mode.value, f"version {rule.version}"]
    return [use.mode.value] if use.mode else []


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
    if path in WRITTEN_AS:
        return WRITTEN_AS[path]
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


def recorded(catalogue: Catalogue) -> Record:
    """All that is kept of it under its digest."""
    return Record({name: written(one) for name, one in catalogue.environments.items()}, catalogue.groups)


def document(record: Record) -> bytes:
    """As it is kept."""
    return canonical({"format": _FORMAT, "environments": record.environments, "groups": record.groups})


def document_read(text: str) -> Record:
    """What :func:`document` wrote, or an older version: then it is the environments alone."""
    raw = json.loads(text)
    newer = raw.get("format") == _FORMAT
    environments = raw["environments"] if newer else raw
    groups = {name: tuple(people) for name, people in raw["groups"].items()} if newer else None
    return Record({name: _read(said) for name, said in environments.items()}, groups)


def _read(said: Mapping[str, str | list[str]]) -> Written:
    return {path: tuple(found) if isinstance(found, list) else found for path, found in said.items()}
