"""``requires``: what must run in the same environment, as application -> range of versions."""

from collections.abc import Iterator

from lockgate.config.form import At, Kind, Named, Read, Schema
from lockgate.config.scalars import NAME, written
from lockgate.core.application import Application
from lockgate.core.errors import Problem
from lockgate.core.requirement import RANGE_FORM, range_of


class Range:
    """``>=2.0 <3``"""

    def read(self, at: At) -> str:
        text = written(at, "a range of versions", RANGE_FORM).text
        found = range_of(text)
        if found is None:
            raise at.refused(f"{text[:60]!r} cannot be compared with: it is no range of versions.", RANGE_FORM)
        return found.text

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^\s*(>=|<=|==|!=|>|<)"}


_RANGE: Kind[str] = Range()
REQUIRES = Named("an application", NAME, _RANGE, example='api: ">=2.0 <3"')


def requirement_faults(read: Read[Application]) -> Iterator[Problem]:
    name = read.value.name
    if name in read.value.requires:
        because = f"{name} would wait for itself."
        yield read.problem(f"requires.{name}", because, "Name other applications.")
