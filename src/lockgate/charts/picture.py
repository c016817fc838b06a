"""What is drawn, whatever it is drawn with: panels of curves over one axis of time."""

from dataclasses import dataclass

from lockgate.charts.figures import finite
from lockgate.charts.ticks import Axis

Place = tuple[float, float | None]
"""Seconds since the start, and the value there; None: there is none."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line."""

    name: str
    tone: str
    """``canary``, ``baseline``, ``against`` or ``good``: its colour, and its kind of line."""
    places: tuple[Place, ...]
    told: str = ""
    """Its last value, for its label."""
    steps: bool = False
    """Each value holds since the place before."""
    filled: bool = False

    @property
    def last(self) -> tuple[float, float] | None:
        """The last place that has a value."""
        return next(((at, value) for at, value in reversed(self.places) if value is not None), None)


@dataclass(frozen=True, slots=True)
class Limit:
    """A value that means something, as a line across."""

    value: float
    words: str


@dataclass(frozen=True, slots=True)
class Panel:
    name: str
    """Empty if the picture has no other."""
    axis: Axis
    curves: tuple[Curve, ...]
    limit: Limit | None = None
    missing: str = ""
    """What is said instead of a curve, if there is none."""


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time."""

    begin: float
    end: float
    words: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment. ``kind``: as in :class:`lockgate.messages.MarkView`."""

    at: float
    kind: str
    short: str
    words: str


@dataclass(frozen=True, slots=True)
class Picture:
    name: str
    title: str
    about: str
    """How to read it."""
    told: str
    """What is to be seen in it, in words."""
    end: float
    """Seconds since the start."""
    panels: tuple[Panel, ...]
    stages: tuple[Band, ...] = ()
    excluded: tuple[Band, ...] = ()
    marks: tuple[Mark, ...] = ()
    empty: str = ""
    """Why nothing can be drawn; empty: it can."""
    note: str = ""
    """What is to be known about it besides."""


def known(places: list[tuple[float, float | None]]) -> tuple[Place, ...]:
    """In the order of time, without places that are at no time; a value that is no number is none."""
    kept = [(at, finite(value)) for second, value in places if (at := finite(second)) is not None and at >= 0]
    return tuple(sorted(kept, key=lambda place: place[0]))


def values(curves: tuple[Curve, ...]) -> list[float]:
    return [value for curve in curves for _, value in curve.places if value is not None]
