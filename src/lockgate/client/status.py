"""The client's calls about what runs where, and about this server."""

from collections.abc import Mapping
from urllib.parse import quote

from lockgate.client.wire import Wire
from lockgate.messages import (
    EnvironmentView,
    Lift,
    LogView,
    PolicyTrial,
    PolicyView,
    QuarantineView,
    Status,
    TryPolicies,
    Usable,
)
from lockgate.messages.environments import ComparisonView, EnvironmentDetail, WhyView


class StatusCalls(Wire):
    """Part of :class:`lockgate.client.Client`."""

    __slots__ = ()

    def status(self, application: str = "", environment: str = "") -> Status:
        return self._get("/v1/status", Status, application=application, environment=environment)

    def environments(self) -> tuple[EnvironmentView, ...]:
        """In promotion order."""
        return self._get("/v1/environments", tuple[EnvironmentView, ...])

    def environment(self, name: str) -> EnvironmentDetail:
        return self._get(f"/v1/environments/{quote(name, safe='')}", EnvironmentDetail)

    def why(self, environment: str, field: str) -> WhyView:
        """Who says what of a field of an environment."""
        path = f"/v1/environments/{quote(environment, safe='')}/why/{quote(field, safe='')}"
        return self._get(path, WhyView)

    def compare(self, left: str, right: str) -> ComparisonView:
        """Two environments (``prod``, ``prod@2h``), or two releases by id."""
        return self._get("/v1/comparisons", ComparisonView, left=left, right=right)

    def logs(
        self,
        application: str,
        environment: str,
        component: str = "",
        instance: str = "",
        after: Mapping[str, int] | None = None,
        limit: int = 200,
    ) -> LogView:
        """``after``: the ``next`` of the answer before, to read on."""
        asked: dict[str, str | int] = {f"after.{name}": place for name, place in (after or {}).items()}
        asked |= {"application": application, "environment": environment, "limit": limit}
        asked |= {"component": component, "instance": instance}
        return self._get("/v1/logs", LogView, **asked)

    def quarantines(self) -> tuple[QuarantineView, ...]:
        return self._get("/v1/quarantines", tuple[QuarantineView, ...])

    def lift(self, request: Lift) -> None:
        self._post("/v1/quarantines/lift", request, None)

    def policies(self) -> tuple[PolicyView, ...]:
        return self._get("/v1/policies", tuple[PolicyView, ...])

    def try_policies(self, request: TryPolicies) -> PolicyTrial:
        """What policies would say of a deployment."""
        return self._post("/v1/policies/try", request, PolicyTrial)

    def doctor(self) -> tuple[Usable, ...]:
        return self._get("/v1/doctor", tuple[Usable, ...])

    def health(self) -> Mapping[str, str]:
        """``status`` and ``version``. Needs no token."""
        return self._get("/healthz", dict[str, str])

    def log_in(self) -> str:
        """A link that opens the console in a browser, once."""
        return self._post("/v1/logins", None, dict[str, str])["url"]
