"""Capability: a word for what an environment can do, said by its owner or stated by its drivers."""

from collections.abc import Iterable
from dataclasses import fields

from lockgate.core.artifact import ArtifactKind
from lockgate.core.errors import CapabilityMissing
from lockgate.core.traffic import RouterCaps, TargetCaps

_ROUTER = tuple(field.name for field in fields(RouterCaps))
_TARGET = ("instances",)

DRIVERS = frozenset({*_ROUTER, *_TARGET, *(kind.value for kind in ArtifactKind)})
"""Words that only drivers can say: what their router and target do, and which kinds of artifacts they run."""


def stated(target: TargetCaps, router: RouterCaps) -> frozenset[str]:
    """By the drivers."""
    able = {name for name in _ROUTER if getattr(router, name)} | {name for name in _TARGET if getattr(target, name)}
    return frozenset(able | {kind.value for kind in target.artifacts})


def refuse_unmet(component: str, needs: Iterable[str], environment: str, has: Iterable[str]) -> None:
    """Raises :class:`CapabilityMissing` naming what is not there."""
    known = sorted(has)
    missing = [need for need in needs if need not in known]
    if missing:
        there = ", ".join(known) or "none"
        because = f"{component} needs {', '.join(missing)}, which {environment} does not have; it has: {there}."
        raise CapabilityMissing(because, _mend(missing, environment))


def _mend(missing: list[str], environment: str) -> str:
    own = [need for need in missing if need not in DRIVERS]
    if not own:
        return "Choose another target for this environment, or deploy it to another one."
    return f"If it has, its owner adds `capabilities: [{', '.join(own)}]` to it; else deploy to another environment."
