"""What the server needs of the engine: the operations, as a structural type.

``lockgate.engine.operations.Operations`` is the one that ships. All are synchronous and may be called from any thread.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, Protocol

from lockgate.core.errors import Problem
from lockgate.core.ids import Instant
from lockgate.messages import (
    AnalysisView,
    Ask,
    AuditView,
    CalendarView,
    ChannelView,
    CreateRelease,
    DeliveryView,
    Deploy,
    DeploymentView,
    EnvironmentView,
    EventView,
    Explanation,
    FeedView,
    Lift,
    LogView,
    NewFeed,
    Preview,
    Promote,
    QuarantineView,
    ReleaseView,
    ReplayView,
    RetryDeliveries,
    RevokeFeed,
    RollBack,
    Status,
    TryChannel,
    Usable,
)
from lockgate.messages.audit import AuditQuery, KeysView, Redeploy, RotateKey, StatementView, Verification


class AuditingLike(Protocol):
    """:class:`lockgate.engine.auditing.Auditing`"""

    def entries(self, query: AuditQuery, /) -> AuditView: ...

    def verified(self) -> Verification: ...

    def export(self, since: Instant | None, until: Instant | None, form: str, /) -> Iterator[bytes]: ...

    def keys(self) -> KeysView: ...

    def rotate(self, message: RotateKey, /) -> KeysView: ...

    def of_release(self, release: str, /) -> StatementView: ...

    def of_deployment(self, deployment: str, /) -> StatementView: ...


class RedeploymentLike(Protocol):
    """:class:`lockgate.engine.redeployment.Redeployment`"""

    def redeploy(self, deployment: str, message: Redeploy, /) -> DeploymentView: ...


class NoticesLike(Protocol):
    """The desk for notifications."""

    def channels(self) -> tuple[ChannelView, ...]: ...

    def deliveries(
        self, channel: str, states: frozenset[str], limit: int, ids: frozenset[str] = frozenset(), /
    ) -> tuple[DeliveryView, ...]:
        """Newest first; an empty argument does not narrow."""

    def retry(self, message: RetryDeliveries, /) -> tuple[DeliveryView, ...]: ...

    def test(self, message: TryChannel, /) -> DeliveryView: ...


Wanted = Literal["pause", "resume", "abort", "continue", "finish"]


class CalendarLike(Protocol):
    """What is open, frozen, planned and past; and who has subscribed to it."""

    def view(self, environment: str, application: str, days: int, back: int, /) -> CalendarView: ...

    def subscribe(self, message: NewFeed, /) -> tuple[FeedView, str]:
        """The feed, and its token."""

    def feeds(self) -> tuple[FeedView, ...]: ...

    def revoke(self, name: str, message: RevokeFeed, /) -> None: ...

    def feed_of(self, token: str, /) -> FeedView | None:
        """None: the token is not one of a feed."""


class OperationsLike(Protocol):
    """Each raises the errors of :mod:`lockgate.core.errors`, whose messages are sentences for the user."""

    @property
    def calendar(self) -> CalendarLike: ...

    @property
    def auditing(self) -> AuditingLike: ...

    @property
    def redeployment(self) -> RedeploymentLike: ...

    @property
    def notifications(self) -> NoticesLike: ...

    def check(self, message: CreateRelease, /) -> tuple[Problem, ...]: ...

    def create_release(self, message: CreateRelease, /) -> tuple[ReleaseView, bool]: ...

    def releases(self, application: str, limit: int, /) -> tuple[ReleaseView, ...]: ...

    def release(self, application: str, name: str, /) -> ReleaseView: ...

    def preview(self, message: Deploy, /) -> Preview: ...

    def deploy(self, message: Deploy, /) -> DeploymentView: ...

    def promote(self, message: Promote, /) -> DeploymentView: ...

    def roll_back(self, message: RollBack, /) -> DeploymentView: ...

    def deployments(
        self, application: str, environment: str, states: frozenset[str], limit: int, /
    ) -> tuple[DeploymentView, ...]:
        """Newest first; an empty argument does not narrow."""

    def deployment(self, deployment: str, /) -> DeploymentView: ...

    def explain(self, deployment: str, /) -> Explanation: ...

    def analysis(self, deployment: str, /) -> AnalysisView:
        """Raises :class:`lockgate.core.errors.NotFound` if users meet no canary in it."""

    def ask(self, deployment: str, want: Wanted, message: Ask, /) -> DeploymentView: ...

    def replay(self, deployment: str, /) -> ReplayView: ...

    def status(self, application: str, environment: str, /) -> Status: ...

    def environments(self) -> tuple[EnvironmentView, ...]: ...

    def events(self, after: int, limit: int, application: str, deployment: str, /) -> tuple[EventView, ...]:
        """Those with a higher number than ``after``, oldest first."""

    def wait_for_events(self, after: int, timeout: float, /) -> bool:
        """Blocks until there is an event newer than ``after``, at most ``timeout`` seconds; whether there is one."""

    def logs(
        self, application: str, environment: str, component: str, instance: str, after: Mapping[str, int], limit: int, /
    ) -> LogView: ...

    def quarantines(self) -> tuple[QuarantineView, ...]: ...

    def lift(self, message: Lift, /) -> None: ...

    def doctor(self) -> tuple[Usable, ...]: ...
