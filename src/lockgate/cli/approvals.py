"""Approvals: what waits, yes, no, acting for each other, and looking at an emergency."""

from typing import Annotated

from cyclopts import App as Commands
from cyclopts import Parameter

from lockgate.cli.output import (
    BAD,
    BLANK,
    BUSY,
    FAINT,
    GOOD,
    STRONG,
    Json,
    Line,
    Row,
    ago,
    day,
    headline,
    indented,
    line,
    now,
    show,
    table,
)
from lockgate.cli.surroundings import Reason, actor, deployment_meant
from lockgate.cli.times import instant_of
from lockgate.client import Client
from lockgate.core.errors import Conflict
from lockgate.core.ids import short
from lockgate.messages.approvals import (
    ApprovalView,
    Approve,
    Confirm,
    Delegate,
    DelegationView,
    EndDelegation,
    GivenView,
    Inbox,
    Reject,
    ReviewView,
)

approval = Commands(name="approval", help="Who approves in whose place.", help_format="plaintext")

_TONES = {"pass": GOOD, "wait": BUSY, "deny": BAD}


def approvals(name: str = "", /, *, json: Json = False) -> None:
    """What waits for people, yours first; of one deployment, exactly what is to be approved.

    Parameters
    ----------
    name
        The deployment; default: all that wait.
    """
    client = Client()
    if name:
        view = client.approval(deployment_meant(client, name, ""))
        show(view, json, lambda: approval_lines(view, now()))
    else:
        found = client.inbox()
        show(found, json, lambda: inbox_lines(found, now()))


def inbox_lines(found: Inbox, at: float) -> list[Line]:
    if not found.approvals and not found.reviews:
        return [line("Nothing waits for anybody.")]
    rows: list[Row] = [
        [
            line((one.deployment, STRONG)),
            f"{one.release_label} → {one.environment}",
            one.actor,
            _whose(one),
            one.because,
        ]
        for one in found.approvals
    ]
    lines = table(("DEPLOYMENT", "WHAT", "ASKED FOR BY", "FOR YOU", "WHY IT WAITS"), rows) if rows else []
    return lines + [part for one in found.reviews for part in (BLANK, *review_lines(one, at))]


def _whose(one: ApprovalView) -> Line:
    return line(("yes", GOOD)) if one.may else line(("no", FAINT))


def approval_lines(view: ApprovalView, at: float) -> list[Line]:
    """What would be deployed, who has agreed, and what can be done."""
    lines = [line((f"{view.release_label} → {view.environment}", STRONG), (f"  {view.deployment}", FAINT))]
    lines.append(line("  ", ("approvals ", FAINT), (view.because, _TONES.get(view.answer, "")), hang=12))
    lines += [_given_line(one, at) for one in view.given]
    lines += indented([f"Asked for by {view.actor}; written by {', '.join(view.authors)}; built by {view.built_by}."])
    lines += [BLANK, headline("What is to be approved"), *indented(view.sentences)]
    if view.review:
        lines += [BLANK, *review_lines(view.review, at)]
    if view.may:
        digest = short(view.subject)
        lines += [BLANK, line(("  Approve it with: ", FAINT), f"lockgate approve {view.deployment} --subject {digest}")]
    elif view.hindrance:
        lines += [BLANK, *indented([view.hindrance])]
    return lines


def _given_line(one: GivenView, at: float) -> Line:
    behalf = f" for {one.behalf}" if one.behalf else ""
    comment = f": {one.comment}" if one.comment else ""
    void = (f" (void: {one.void})", BAD) if one.void else ("", "")
    mark = ("  ✘ ", BAD) if one.void else ("  ✔ ", GOOD)
    return line(mark, f"{one.person}{behalf}, {ago(at - one.at)}{comment}", void, hang=4)


def review_lines(one: ReviewView, at: float) -> list[Line]:
    title = line((f"{one.deployment} broke the glass in {one.environment}", BAD), (f"  {ago(at - one.at)}", FAINT))
    said = [f"{one.actor}: {one.reason}"]
    if one.person:
        said.append(f"{one.person} looked at it: {one.comment}")
    else:
        late = "should have looked" if one.overdue else "looks"
        said.append(f"A second person {late} at it by {day(one.due)}: lockgate review {one.deployment} --comment TEXT")
    return [title, *indented(said)]


def approve(
    name: str,
    /,
    *,
    comment: str = "",
    subject: str = "",
    behalf: Annotated[str, Parameter(name="--for")] = "",
    json: Json = False,
) -> None:
    """Consent to exactly what a deployment would do now. If anything of it changes, that is void.

    Parameters
    ----------
    name
        The deployment.
    comment
        For those who read it later.
    subject
        Only if it is still this: the digest, or its beginning, as lockgate approvals DEPLOYMENT tells it.
    behalf
        The person in whose place, where several have delegated it to you.
    """
    client = Client()
    seen = client.approval(deployment_meant(client, name, ""))
    if subject and not seen.subject.removeprefix("sha256:").startswith(subject.removeprefix("sha256:")):
        because = f"What {seen.deployment} would deploy is not {subject} any more."
        raise Conflict(because, f"Look at it again: lockgate approvals {seen.deployment}")
    view = client.approve(seen.deployment, Approve(seen.subject, comment, behalf, actor()))
    show(view, json, lambda: [line(("✔ ", GOOD), (f"You approved {view.deployment}. ", STRONG), view.because)])


def reject(name: str, /, *, reason: Reason, json: Json = False) -> None:
    """End a deployment that waits for approvals, with the reason.

    Parameters
    ----------
    name
        The deployment.
    """
    client = Client()
    view = client.reject(deployment_meant(client, name, ""), Reject(reason, actor()))
    words = f"You rejected {view.deployment}: {view.release_label} does not enter {view.environment}."
    show(view, json, lambda: [line(("✔ ", GOOD), words)])


def review(name: str, /, *, comment: str, json: Json = False) -> None:
    """Confirm, as a second person, that you have looked at a deployment that broke the glass.

    Parameters
    ----------
    name
        The deployment.
    comment
        What you found.
    """
    client = Client()
    view = client.review(deployment_meant(client, name, ""), Confirm(comment, actor()))
    show(view, json, lambda: [line(("✔ ", GOOD), f"{view.deployment} has been looked at by {view.person}.")])


@approval.command
def delegate(
    *,
    to: str,
    until: str,
    environment: Annotated[str, Parameter(name=["--environment", "--env"])] = "",
    json: Json = False,
) -> None:
    """Let somebody else approve in your place for a while.

    Parameters
    ----------
    to
        The person. They cannot pass it on.
    until
        8h, 3d, 2026-12-24 or 2026-12-24T18:00; at most 90 days.
    environment
        Only there; default: wherever you may approve.
    """
    made = Client().delegate(Delegate(to, instant_of(until, "--until", now()), environment, actor()))
    words = f"{made.taker} approves in your place until {day(made.until)}"
    place = f" in {made.environment}" if made.environment else ""
    show(made, json, lambda: [line(("✔ ", GOOD), f"{words}{place}.", (f"  {made.id}", FAINT))])


@approval.command(name="delegations")
def list_delegations(*, json: Json = False) -> None:
    """Who approves in whose place, and until when."""
    found = Client().delegations()
    show(found, json, lambda: delegation_lines(found))


def delegation_lines(found: tuple[DelegationView, ...]) -> list[Line]:
    if not found:
        return [line("Nobody approves in anybody's place.")]
    rows: list[Row] = [[line((d.id, STRONG)), d.giver, d.taker, d.environment or "all", day(d.until)] for d in found]
    return table(("ID", "IN THE PLACE OF", "APPROVES", "WHERE", "UNTIL"), rows)


@approval.command
def end(name: str, /, *, json: Json = False) -> None:
    """End a delegation before its time. Approvals given by it do not count any more.

    Parameters
    ----------
    name
        Its id, del-…
    """
    Client().end_delegation(name, EndDelegation(actor()))
    show({"ended": name}, json, lambda: [line(("✔ ", GOOD), f"{name} has ended.")])
