"""What the server needs of the engine: the operations, as a structural type.

``lockgate.engine.operations.Operations`` is the one that ships. All are synchronous and may be called from any thread.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from lockgate.core.errors import Problem
from lockgate.core.ids import Instant
from lockgate.core.invitation import Invitation
from lockgate.core.people import Caller
from lockgate.messages import (
    AnalysisView,
    Ask,
    AuditView,
    CalendarView,
    ChannelView,
    CheckPolicy,
    CreateRelease,
    DeliveryView,
    Deploy,
    DeploymentView,
    EnvironmentView,
    EventView,
    EvidenceView,
    Explanation,
    FeedView,
    FindingsView,
    GiveWaiver,
    InventoryView,
    Lift,
    LogView,
    NewFeed,
    PolicyTrial,
    PolicyView,
    Preview,
    Promote,
    QuarantineView,
    ReleaseView,
    ReplayView,
    RetryDeliveries,
    RevokeFeed,
    RollBack,
    Status,
    TakeWaiver,
    TryChannel,
    TryPolicies,
    Usable,
    WaiverView,
    WhereView,
)
from lockgate.messages.approvals import (
    ApprovalView,
    Approve,
    Confirm,
    Delegate,
    DelegationView,
    EndDelegation,
    Inbox,
    Reject,
    ReviewView,
)
from lockgate.messages.audit import AuditQuery, KeysView, Redeploy, RotateKey, StatementView, Verification
from lockgate.messages.environments import ComparisonView, EnvironmentDetail, WhyView
from lockgate.messages.people import AddPerson, CallerView, Leave, MakeToken, NewToken, PersonView
from lockgate.messages.secrets import (
    ChangeMasterKey,
    KeyChangeView,
    RemoveSecret,
    SecretVersionView,
    SecretView,
    SetSecret,
)
from lockgate.messages.trains import (
    AbortTrain,
    CreateTrain,
    FinishTask,
    RejectTask,
    StartTrain,
    TaskView,
    Tick,
    TrainView,
)
from lockgate.ports import Incoming


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


class SurveyorLike(Protocol):
    """What environments are, and how they differ."""

    def show(self, name: str, /) -> EnvironmentDetail: ...

    def why(self, name: str, field: str, /) -> WhyView: ...

    def compare(self, left: str, right: str, /) -> ComparisonView: ...


class PeopleDeskLike(Protocol):
    """Who is known. Raises as :class:`OperationsLike` does."""

    def bearer(self, token: str, address: str, /) -> Caller | None:
        """Whose personal token it is; None: nobody's."""

    def known(self, name: str, token: str, address: str, /) -> Caller | None:
        """Somebody who signed in with that token, by its id; None when it opens nothing any more."""

    def me(self) -> CallerView: ...

    def all(self) -> tuple[PersonView, ...]: ...

    def add(self, message: AddPerson, /) -> NewToken: ...

    def token(self, name: str, message: MakeToken, /) -> NewToken: ...

    def revoke(self, token: str, message: Leave, /) -> None: ...

    def remove(self, name: str, message: Leave, /) -> None: ...


class ApprovalDeskLike(Protocol):
    """What waits for people. Raises as :class:`OperationsLike` does."""

    def view(self, deployment: str, /) -> ApprovalView: ...

    def inbox(self) -> Inbox: ...

    def approve(self, deployment: str, message: Approve, /) -> ApprovalView: ...

    def reject(self, deployment: str, message: Reject, /) -> ApprovalView: ...

    def confirm(self, deployment: str, message: Confirm, /) -> ReviewView: ...

    def delegations(self) -> tuple[DelegationView, ...]: ...

    def delegate(self, message: Delegate, /) -> DelegationView: ...

    def end(self, delegation: str, message: EndDelegation, /) -> None: ...

    def invited(self, text: str, /) -> tuple[Invitation, ApprovalView]: ...


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


class SecretsLike(Protocol):
    """The desk for secrets. None of its answers holds one."""

    def known(self, environment: str, /) -> tuple[SecretView, ...]:
        """Of every environment when empty."""

    def set(self, environment: str, name: str, message: SetSecret, /) -> tuple[SecretVersionView, bool]:
        """And whether it is a new version."""

    def versions(self, environment: str, name: str, /) -> tuple[SecretVersionView, ...]: ...

    def remove(self, environment: str, name: str, message: RemoveSecret, /) -> SecretVersionView: ...

    def rotate(self, message: ChangeMasterKey, /) -> KeyChangeView: ...


class PoliciesLike(Protocol):
    """The desk of policies."""

    def list(self) -> tuple[PolicyView, ...]: ...

    def check(self, message: CheckPolicy, /) -> tuple[Problem, ...]: ...

    def attempt(self, message: TryPolicies, /) -> PolicyTrial: ...


class SupplyLike(Protocol):
    """What is attached to releases."""

    def incoming(self) -> AbstractContextManager[Incoming]: ...

    def attach(
        self, application: str, release: str, incoming: Incoming, kind: str, name: str, actor: str, /
    ) -> tuple[EvidenceView, bool]:
        """The document, and whether it is new to the release."""

    def evidence(self, application: str, release: str, /) -> tuple[EvidenceView, ...]: ...

    def findings(self, application: str, release: str, environment: str, /) -> FindingsView: ...

    def waivers(self) -> tuple[WaiverView, ...]: ...

    def waive(self, message: GiveWaiver, /) -> WaiverView: ...

    def unwaive(self, message: TakeWaiver, /) -> None: ...


class WhereaboutsLike(Protocol):
    """What runs or ran where."""

    def inventory(self, environment: str, application: str, at: Instant | None, limit: int, /) -> InventoryView: ...

    def where(self, what: str, at: Instant | None, ever: bool, limit: int, /) -> WhereView: ...


class CalendarLike(Protocol):
    """What is open, frozen, planned and past; and who has subscribed to it."""

    def view(self, environment: str, application: str, days: int, back: int, /) -> CalendarView: ...

    def subscribe(self, message: NewFeed, /) -> tuple[FeedView, str]:
        """The feed, and its token."""

    def feeds(self) -> tuple[FeedView, ...]: ...

    def revoke(self, name: str, message: RevokeFeed, /) -> None: ...

    def feed_of(self, token: str, /) -> FeedView | None:
        """None: the token is not one of a feed."""


class TrainsLike(Protocol):
    """The desk of trains and of the tasks in them."""

    def all(self, limit: int, /) -> tuple[TrainView, ...]: ...

    def show(self, name: str, /) -> TrainView: ...

    def create(self, message: CreateTrain, /) -> TrainView: ...

    def start(self, name: str, message: StartTrain, /) -> TrainView: ...

    def abort(self, name: str, message: AbortTrain, /) -> TrainView: ...

    def tasks(self) -> tuple[TaskView, ...]: ...

    def task(self, train: str, step: str, /) -> TaskView: ...

    def tick(self, train: str, step: str, message: Tick, /) -> TaskView: ...

    def finish(self, train: str, step: str, message: FinishTask, /) -> TaskView: ...

    def reject(self, train: str, step: str, message: RejectTask, /) -> TaskView: ...


class OperationsLike(Protocol):
    """Each raises the errors of :mod:`lockgate.core.errors`, whose messages are sentences for the user."""

    def on_behalf_of(self, caller: Caller, /) -> "OperationsLike":
        """The same, for this caller."""

    @property
    def people(self) -> PeopleDeskLike: ...

    @property
    def approvals(self) -> ApprovalDeskLike: ...

    @property
    def supply(self) -> SupplyLike: ...

    @property
    def whereabouts(self) -> WhereaboutsLike: ...

    @property
    def calendar(self) -> CalendarLike: ...

    @property
    def surveyor(self) -> SurveyorLike: ...

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

    @property
    def secrets(self) -> SecretsLike: ...

    @property
    def policies(self) -> PoliciesLike: ...

    @property
    def trains(self) -> TrainsLike: ...
