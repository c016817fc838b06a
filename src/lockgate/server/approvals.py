"""The calls of API v1 about approvals."""

from lockgate.messages.approvals import Approve, Confirm, Delegate, EndDelegation, Reject
from lockgate.server.endpoint import Answer, Call, Endpoint


def inbox(call: Call) -> Answer:
    return Answer(call.operations.approvals.inbox())


def view(call: Call) -> Answer:
    return Answer(call.operations.approvals.view(call.path["id"]))


def approve(call: Call) -> Answer:
    return Answer(call.operations.approvals.approve(call.path["id"], call.read(Approve)))


def reject(call: Call) -> Answer:
    return Answer(call.operations.approvals.reject(call.path["id"], call.read(Reject)))


def review(call: Call) -> Answer:
    return Answer(call.operations.approvals.confirm(call.path["id"], call.read(Confirm)))


def delegations(call: Call) -> Answer:
    return Answer(call.operations.approvals.delegations())


def delegate(call: Call) -> Answer:
    return Answer(call.operations.approvals.delegate(call.read(Delegate)), 201)


def end(call: Call) -> Answer:
    call.operations.approvals.end(call.path["id"], call.read(EndDelegation))
    return Answer(None, 204)


_SIGNED_IN = "Only for people, with a token of their own."

APPROVALS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/v1/inbox", "What waits for people, the caller's first.", inbox, "Inbox"),
    Endpoint(
        "GET",
        "/v1/deployments/{id}/approval",
        "What is to be approved, who has, and what the caller may do.",
        view,
        "ApprovalView",
    ),
    Endpoint(
        "POST",
        "/v1/deployments/{id}/approve",
        f"Consent to exactly what `subject` names. {_SIGNED_IN}",
        approve,
        "ApprovalView",
        Approve,
    ),
    Endpoint(
        "POST",
        "/v1/deployments/{id}/reject",
        f"End a deployment that waits, with the reason. {_SIGNED_IN}",
        reject,
        "ApprovalView",
        Reject,
    ),
    Endpoint(
        "POST",
        "/v1/deployments/{id}/review",
        f"Confirm, as a second person, a deployment that broke the glass. {_SIGNED_IN}",
        review,
        "ReviewView",
        Confirm,
    ),
    Endpoint("GET", "/v1/delegations", "Who approves in whose place.", delegations, "[DelegationView]"),
    Endpoint(
        "POST",
        "/v1/delegations",
        f"Let somebody else approve in the caller's place for a while. {_SIGNED_IN}",
        delegate,
        "DelegationView",
        Delegate,
        statuses=(201,),
    ),
    Endpoint(
        "POST",
        "/v1/delegations/{id}/end",
        "End that before its time; approvals given by it do not count any more.",
        end,
        "nothing",
        EndDelegation,
        statuses=(204,),
    ),
)
