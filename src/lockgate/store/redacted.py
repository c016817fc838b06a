"""A store into which no secret is written: what people and programs have said is masked before it is recorded.

Plans and releases are recorded as they are, because they are known by their digest; they hold no secret by themselves.
Words that the engine looks for again stay too: it made them itself, of names.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

from lockgate.core.audit import Event
from lockgate.core.deployment import Deployment, Progress
from lockgate.core.discretion import Mask, masked
from lockgate.core.inventory import Observed
from lockgate.core.train import Task, Train
from lockgate.ports import Quarantine
from lockgate.store.connection import Database
from lockgate.store.database import SqlStore


class _Door:
    """One of the store's."""

    def __init__(self, inner: object, mask: Mask) -> None:
        self._inner = inner
        self._mask = mask

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return partial(self._call, found) if callable(found) else found

    def _call(self, inner: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        said = (self._clean(one) for one in arguments)
        return inner(*said, **{name: self._clean(one) for name, one in named.items()})

    def _clean(self, value: Any) -> Any:
        if isinstance(value, (Event, Quarantine, Observed)):
            return masked(value, self._mask)
        if isinstance(value, Train):
            return _told(value, self._mask)
        if isinstance(value, Deployment):
            return _cleaned(value, self._mask)
        if isinstance(value, (list, tuple)) and value and isinstance(value[0], Event):
            return [masked(one, self._mask) for one in value]
        return value


class _Store:
    """Every door of it, also those that are built on later."""

    def __init__(self, inner: SqlStore, mask: Mask) -> None:
        self._inner = inner
        self._mask = mask
        self._doors: dict[str, _Door] = {}

    def __getattr__(self, name: str) -> Any:
        if name in self._doors:
            return self._doors[name]
        found = getattr(self._inner, name)
        if callable(found) or isinstance(found, Database):
            return found
        return self._doors.setdefault(name, _Door(found, self._mask))


def redacted(store: SqlStore, mask: Mask) -> SqlStore:
    """The same store, discreet."""
    return cast(SqlStore, _Store(store, mask))


def _cleaned(row: Deployment, mask: Mask) -> Deployment:
    return replace(
        row,
        because=mask(row.because),
        reason=mask(row.reason),
        actor=mask(row.actor),
        progress=_quieted(row.progress, mask),
        lanes={name: replace(lane, progress=_quieted(lane.progress, mask)) for name, lane in row.lanes.items()},
    )


def _told(train: Train, mask: Mask) -> Train:
    """Names stay: they are looked for again."""
    steps = tuple(
        replace(step, because=mask(step.because), task=_chore(step.task, mask) if step.task else None)
        for step in train.steps
    )
    return replace(train, because=mask(train.because), reason=mask(train.reason), steps=steps)


def _chore(task: Task, mask: Mask) -> Task:
    items = tuple(replace(item, text=mask(item.text)) for item in task.items)
    return replace(task, text=mask(task.text), comment=mask(task.comment), items=items)


def _quieted(progress: Progress, mask: Mask) -> Progress:
    return replace(progress, failure=mask(progress.failure)) if progress.failure else progress
