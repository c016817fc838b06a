"""The console's pages about approvals: what waits, a link that somebody was sent, and the panel of a deployment."""

from collections.abc import Callable

from lockgate.core.errors import Invalid, LockgateError
from lockgate.messages.approvals import ApprovalView, Approve, Confirm, Reject
from lockgate.server.endpoint import Parameter
from lockgate.server.message import build, with_actor
from lockgate.server.operations import OperationsLike
from lockgate.server.visit import Asked, Page, Visit, deployment_page


def inbox(visit: Visit) -> Page:
    """What waits for people, the visitor's first."""
    after = visit.horizon.find(visit.operations)
    found = visit.operations.approvals.inbox()
    tasks = [task for task in visit.operations.trains.tasks() if task.state == "waiting"]
    return Page("inbox.html", {"found": found, "tasks": tasks, "caller": visit.caller, "after": after})


def invited(visit: Visit) -> Page:
    """Where a signed link leads. It shows what is to be approved to whoever has signed in as the person it is for; to
    anybody else it says only whose it is."""
    invitation, view = visit.operations.approvals.invited(visit.path["token"])
    meant = visit.caller.personal and visit.caller.name == invitation.person
    values = {"person": invitation.person, "changed": invitation.subject != view.subject, "caller": visit.caller}
    return Page("approve.html", {**values, "approval": view if meant else None})


def panel(operations: OperationsLike, deployment: str) -> ApprovalView | None:
    """None: nothing is, or was, to be approved or looked at there, or it cannot be said just now."""
    try:
        view = operations.approvals.view(deployment)
    except (Invalid, LockgateError):
        return None
    return view if view.needed or view.given or view.review else None


CONSENT_PAGES: tuple[tuple[str, Callable[[Visit], Page], tuple[Parameter, ...]], ...] = (
    ("/inbox", inbox, ()),
    ("/approve/{token}", invited, ()),
)


def _approve(asked: Asked) -> str:
    message = with_actor(build(dict(asked.form), Approve), asked.request)
    return deployment_page(asked.operations.approvals.approve(asked.path["id"], message).deployment)


def _reject(asked: Asked) -> str:
    message = with_actor(build(dict(asked.form), Reject), asked.request)
    return deployment_page(asked.operations.approvals.reject(asked.path["id"], message).deployment)


def _review(asked: Asked) -> str:
    message = with_actor(build(dict(asked.form), Confirm), asked.request)
    return deployment_page(asked.operations.approvals.confirm(asked.path["id"], message).deployment)


CONSENT_ACTIONS: tuple[tuple[str, Callable[[Asked], str]], ...] = (
    ("/deployments/{id}/approve", _approve),
    ("/deployments/{id}/reject", _reject),
    ("/deployments/{id}/review", _review),
)
"""Each gives the address of the page that is shown then."""
