"""The client's calls about deployments: asking, looking, steering, waiting."""

import time
from contextlib import suppress
from urllib.parse import quote

from lockgate.client.wire import SLOW, Refusal, Wire
from lockgate.core.errors import NotFound, Unavailable
from lockgate.messages import (
    AnalysisView,
    Ask,
    Deploy,
    DeploymentView,
    Explanation,
    Preview,
    Promote,
    ReplayView,
    RollBack,
)
from lockgate.messages.audit import Redeploy


def _of(application: str, environment: str) -> str:
    return (f" of {application}" if application else "") + (f" to {environment}" if environment else "")


class DeploymentCalls(Wire):
    """Part of :class:`lockgate.client.Client`."""

    __slots__ = ()

    def preview(self, request: Deploy) -> Preview:
        """What the deployment would do."""
        return self._post("/v1/previews", request, Preview)

    def deploy(self, request: Deploy) -> DeploymentView:
        return self._post("/v1/deployments", request, DeploymentView)

    def promote(self, request: Promote) -> DeploymentView:
        return self._post("/v1/promotions", request, DeploymentView)

    def roll_back(self, request: RollBack) -> DeploymentView:
        return self._post("/v1/rollbacks", request, DeploymentView)

    def deployments(
        self, application: str = "", environment: str = "", state: str = "", limit: int = 50
    ) -> tuple[DeploymentView, ...]:
        """Newest first."""
        asked: dict[str, str | int] = {"application": application, "environment": environment}
        asked |= {"state": state, "limit": limit}
        return self._get("/v1/deployments", tuple[DeploymentView, ...], **asked)

    def newest(self, application: str = "", environment: str = "") -> DeploymentView:
        """The newest deployment. Raises :class:`NotFound` when there is none."""
        found = self.deployments(application, environment, limit=1)
        if found:
            return found[0]
        raise NotFound(f"Nothing has been deployed yet{_of(application, environment)}.")

    def deployment(self, name: str) -> DeploymentView:
        return self._get(f"/v1/deployments/{quote(name, safe='')}", DeploymentView)

    def explain(self, name: str) -> Explanation:
        return self._get(f"/v1/deployments/{quote(name, safe='')}/explain", Explanation)

    def analysis(self, name: str) -> AnalysisView | None:
        """None: users meet no canary in it, or it is not there at all."""
        try:
            return self._get(f"/v1/deployments/{quote(name, safe='')}/analysis", AnalysisView)
        except Refusal as refusal:
            if refusal.fault.status != 404:
                raise
            return None

    def replay(self, name: str) -> ReplayView:
        return self._get(f"/v1/deployments/{quote(name, safe='')}/replay", ReplayView)

    def pause(self, name: str, ask: Ask) -> DeploymentView:
        return self._ask(name, "pause", ask)

    def resume(self, name: str, ask: Ask) -> DeploymentView:
        return self._ask(name, "resume", ask)

    def go_on(self, name: str, ask: Ask) -> DeploymentView:
        """With the next stage of its canary."""
        return self._ask(name, "continue", ask)

    def finish(self, name: str, ask: Ask) -> DeploymentView:
        """With all the traffic on its canary."""
        return self._ask(name, "finish", ask)

    def abort(self, name: str, ask: Ask) -> DeploymentView:
        return self._ask(name, "abort", ask)

    def wait(self, name: str, seconds: float = SLOW) -> DeploymentView:
        """The deployment once it has ended. A server that goes away meanwhile is waited for, too. Raises
        :class:`Unavailable` when the time is over."""
        view = self.deployment(name)
        until = time.monotonic() + seconds
        while not view.final:
            if time.monotonic() > until:
                raise Unavailable(f"{name} is still {view.state} after {seconds:.0f} s: {view.because}")
            time.sleep(0.1)
            with suppress(Unavailable):
                view = self.deployment(name)
        return view

    def redeploy(self, name: str, message: Redeploy) -> DeploymentView:
        return self._post(f"/v1/deployments/{quote(name, safe='')}/redeploy", message, DeploymentView)

    def _ask(self, name: str, want: str, ask: Ask) -> DeploymentView:
        return self._post(f"/v1/deployments/{quote(name, safe='')}/{want}", ask, DeploymentView)
