"""The client's calls about releases."""

from typing import Any
from urllib.parse import quote

from lockgate.client.wire import SLOW, Wire, problem_from
from lockgate.core.errors import Problem
from lockgate.messages import CreateRelease, ReleaseView


class ReleaseCalls(Wire):
    """Part of :class:`lockgate.client.Client`."""

    __slots__ = ()

    def check(self, request: CreateRelease) -> tuple[Problem, ...]:
        """Faults of a definition, against the server's environments too. Nothing is resolved or changed."""
        answer: dict[str, list[dict[str, str | int | None]]] = self._post("/v1/check", request, dict[str, Any])
        return tuple(problem_from(found) for found in answer["problems"])

    def create_release(self, request: CreateRelease) -> ReleaseView:
        """The same artifacts and definition give the release that is there already."""
        return self._post("/v1/releases", request, ReleaseView, SLOW)

    def releases(self, application: str, limit: int = 50) -> tuple[ReleaseView, ...]:
        """Newest first."""
        return self._get("/v1/releases", tuple[ReleaseView, ...], application=application, limit=limit)

    def release(self, application: str, name: str = "latest") -> ReleaseView:
        """``name``: id, ``#3``, a version that names one release only, or ``latest``."""
        return self._get(f"/v1/releases/{quote(name, safe='')}", ReleaseView, application=application)
