"""Policy: a rule of the user's own about deployments, and what it answers.

A rule is an expression of the Common Expression Language over :class:`~lockgate.core.facts.Facts`. It holds only when
it gives exactly true; whatever else it gives, and every failure, is against the deployment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lockgate.core.gate import Answer
from lockgate.core.ids import Digest, digest_of, short

MAX_RULE = 4096
"""Characters of a rule, and of a message."""


class Mode(StrEnum):
    """What comes of a policy that does not hold."""

    ENFORCE = "enforce"
    ADVISE = "advise"
    """It is told and recorded, and hinders nothing."""


class Otherwise(StrEnum):
    """What an enforcing policy does that does not hold."""

    DENY = "deny"
    WAIT = "wait"
    """The deployment waits until it holds."""


class ParameterKind(StrEnum):
    """By the value that a policy's own file gives it."""

    TEXT = "text"
    WHOLE = "a whole number"
    NUMBER = "a number with a fraction"
    YES_NO = "true or false"
    SPAN = "a duration"
    TEXTS = "a list of texts"


ParameterValue = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """``with.NAME`` in a rule."""

    kind: ParameterKind
    value: ParameterValue
    """Of a duration: seconds."""


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """A case that a policy's own file decides beforehand."""

    given: Mapping[str, Any]
    """Part of the facts' document: what differs from :data:`~lockgate.core.facts.SAMPLE`."""
    expect: Answer
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One rule, as it is written now."""

    name: str
    rule: str
    message: str
    """What is told when it does not hold; expressions in braces are filled in."""
    about: str = ""
    mode: Mode = Mode.ENFORCE
    otherwise: Otherwise = Otherwise.DENY
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    tests: tuple[PolicyTest, ...] = ()
    source: str = ""
    """Its file; empty: it comes with Lockgate."""
    digest: Digest = field(init=False, repr=False, compare=False)
    """Its version: of what decides, with its parameters. Kept, since it is asked for with each decision."""

    def __post_init__(self) -> None:
        decides = (self.name, self.rule, self.message, self.mode, self.otherwise, self.parameters)
        object.__setattr__(self, "digest", digest_of(decides))

    @property
    def version(self) -> str:
        """For people."""
        return short(self.digest)

    @property
    def failing(self) -> Answer:
        """What it answers when it does not hold."""
        if self.mode is Mode.ADVISE:
            return Answer.PASS
        return Answer.WAIT if self.otherwise is Otherwise.WAIT else Answer.DENY


@dataclass(frozen=True, slots=True)
class PolicyUse:
    """One entry of an environment's ``policies``."""

    policy: str
    parameters: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """As they are written."""
    mode: Mode | None = None
    """None: as the policy says."""


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """A fault of a rule, and where in its text."""

    part: str
    """``rule`` or ``message``."""
    because: str
    mend: str = ""
    offset: int | None = None
    """Characters before it; None: it is about the whole."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one rule."""

    holds: bool
    because: str = ""
    """Why it does not: its message, or what went wrong."""
    missing: str = ""
    """Of the facts that are not known, the one that it asked for."""


def digest_of_policies(policies: Iterable[Policy]) -> Digest:
    """Of all that judge in one place: it changes when any of them does."""
    return digest_of([[policy.name, policy.digest] for policy in policies])
