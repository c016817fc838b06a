"""Visits: a page asked for, an action asked for, and what is made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from lockgate.core.people import NOBODY, Caller
from lockgate.server.endpoint import Query
from lockgate.server.operations import OperationsLike
from lockgate.server.stream import Horizon

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Visit:
    """A page asked for."""

    operations: OperationsLike
    horizon: Horizon
    path: Mapping[str, str]
    query: Query
    caller: Caller = NOBODY


@dataclass(frozen=True, slots=True)
class Page:
    """A template and its values."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """An action's request, understood."""

    operations: OperationsLike
    path: Mapping[str, str]
    form: Form
    request: Request
