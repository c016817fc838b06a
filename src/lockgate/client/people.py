"""The client's calls about people and approvals."""

from urllib.parse import quote

from lockgate.client.wire import Wire
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
from lockgate.messages.people import AddPerson, CallerView, Leave, MakeToken, NewToken, PersonView


class PeopleCalls(Wire):
    """Part of :class:`lockgate.client.Client`."""

    __slots__ = ()

    # --- people ---

    def me(self) -> CallerView:
        """Whom the server takes us for."""
        return self._get("/v1/me", CallerView)

    def people(self) -> tuple[PersonView, ...]:
        return self._get("/v1/people", tuple[PersonView, ...])

    def add_person(self, request: AddPerson) -> NewToken:
        return self._post("/v1/people", request, NewToken)

    def make_token(self, name: str, request: MakeToken) -> NewToken:
        return self._post(f"/v1/people/{quote(name, safe='')}/tokens", request, NewToken)

    def revoke_token(self, token: str, request: Leave) -> None:
        self._post(f"/v1/tokens/{quote(token, safe='')}/revoke", request, None)

    def remove_person(self, name: str, request: Leave) -> None:
        self._post(f"/v1/people/{quote(name, safe='')}/remove", request, None)

    # --- approvals ---

    def inbox(self) -> Inbox:
        """What waits for people, ours first."""
        return self._get("/v1/inbox", Inbox)

    def approval(self, deployment: str) -> ApprovalView:
        return self._get(f"/v1/deployments/{quote(deployment, safe='')}/approval", ApprovalView)

    def approve(self, deployment: str, request: Approve) -> ApprovalView:
        return self._post(f"/v1/deployments/{quote(deployment, safe='')}/approve", request, ApprovalView)

    def reject(self, deployment: str, request: Reject) -> ApprovalView:
        return self._post(f"/v1/deployments/{quote(deployment, safe='')}/reject", request, ApprovalView)

    def review(self, deployment: str, request: Confirm) -> ReviewView:
        return self._post(f"/v1/deployments/{quote(deployment, safe='')}/review", request, ReviewView)

    def delegations(self) -> tuple[DelegationView, ...]:
        return self._get("/v1/delegations", tuple[DelegationView, ...])

    def delegate(self, request: Delegate) -> DelegationView:
        return self._post("/v1/delegations", request, DelegationView)

    def end_delegation(self, delegation: str, request: EndDelegation) -> None:
        self._post(f"/v1/delegations/{quote(delegation, safe='')}/end", request, None)
