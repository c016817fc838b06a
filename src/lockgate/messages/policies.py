"""What travels about policies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class CheckPolicy:
    """POST /v1/policies/check"""

    rule: str
    message: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Values of ``with.NAME``, all of them text."""


@dataclass(frozen=True, slots=True)
class TryPolicies:
    """POST /v1/policies/try"""

    application: str
    environment: str
    release: str = "latest"
    """A release id, ``#3``, a version if it names one release only, or ``latest``."""
    policy: str = ""
    """Only this one, even if the environment does not name it."""
    rollback: bool = False
    """As if it were a rollback."""
    reason: str = ""
    urgent: bool = False
    at: Instant | None = None
    """As if it were then; null: now."""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class PolicyPlace:
    """An environment that a policy judges."""

    environment: str
    mode: str
    digest: str
    """Its version there: parameters and mode are part of it."""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PolicyView:
    """One policy, as it is written now."""

    name: str
    about: str
    rule: str
    message: str
    mode: str
    """``enforce`` or ``advise``."""
    otherwise: str
    """``deny`` or ``wait``."""
    digest: str
    source: str
    """Its file; empty: it comes with Lockgate."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    tests: int = 0
    environments: tuple[PolicyPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    policy: str
    digest: str
    mode: str
    holds: bool
    answer: str
    """``pass``, ``wait`` or ``deny``; what only advises passes."""
    because: str = ""


@dataclass(frozen=True, slots=True)
class PolicyTrial:
    """What policies would say. Nothing has been changed."""

    application: str
    environment: str
    release: str
    release_label: str
    facts: Mapping[str, Any]
    """The document that rules are asked about."""
    unknown: Mapping[str, str]
    """What nobody can say, and why: a rule that asks for it does not hold."""
    answers: tuple[PolicyAnswer, ...]
    answer: str
    """All of them together: ``pass``, ``wait`` or ``deny``."""
    because: str
