"""Visits: a page asked for, an action asked for, and what is made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

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


@dataclass(frozen=True, slots=True)
class Action:
    """A button, and the sentence of what will happen."""

    name: str
    """Of its own on the page."""
    says: str
    address: str
    sentence: str
    fields: Mapping[str, str] = field(default_factory=dict)
    reason_needed: bool = False
    label: str = "Why"
    """Of the text that it asks for."""
    asks: str = "reason"
    """Name of that text in the form; empty: it asks for none."""
    confirms: str = ""
    """What the last button says; empty: the same."""
    command: str = ""
    """The same in a terminal."""


def deployment_page(deployment: str) -> str:
    return f"/deployments/{quote(deployment, safe='')}"


def train_page(train: str) -> str:
    return f"/trains/{quote(train, safe='')}"
