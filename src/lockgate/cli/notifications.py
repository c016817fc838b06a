"""Notifications: where they go, what became of them, trying again, trying a channel."""

import time
from typing import Annotated

from cyclopts import App as Commands
from cyclopts import Parameter

from lockgate.cli.output import (
    BAD,
    BUSY,
    FAINT,
    GOOD,
    STRONG,
    Json,
    Line,
    Row,
    ago,
    day,
    first_line,
    line,
    now,
    show,
    table,
)
from lockgate.cli.surroundings import Reason, actor
from lockgate.client import Client
from lockgate.core.errors import Invalid, Problem
from lockgate.messages import ChannelView, DeliveryView, RetryDeliveries, TryChannel

notifications = Commands(
    name="notifications", help="Who was told what, and what did not arrive.", help_format="plaintext"
)

Channel = Annotated[str, Parameter(name="--channel", help="Only of this channel.")]

STYLES = {"delivered": GOOD, "waiting": BUSY, "dead": BAD}


@notifications.command
def channels(*, json: Json = False) -> None:
    """Where notifications go, who hears of what, and how each channel stands."""
    found = Client().channels()
    show(found, json, lambda: channel_lines(found))


def channel_lines(found: tuple[ChannelView, ...]) -> list[Line]:
    if not found:
        return [line("There is no channel yet. Add `channels` and `notify` to environments.yaml.")]
    lines: list[Line] = []
    for view in found:
        about = f", {view.about}" if view.about else ""
        lines.append(line((view.name, STRONG), (f"  {view.service}{about}", FAINT)))
        lines += [line(f"  hears {rule}", hang=8) for rule in view.rules or ("nothing: no rule names it",)]
        counts = [f"{view.waiting} waiting"] * bool(view.waiting) + [f"{view.dead} dead"] * bool(view.dead)
        if counts:
            lines.append(line("  ", (", ".join(counts), BAD if view.dead else BUSY)))
        lines.append(line("  ", (first_line(view.last) or "Nothing has been sent there yet.", FAINT), hang=4))
    return lines


@notifications.command(name="list")
def list_notifications(*, channel: Channel = "", state: str = "", limit: int = 20, json: Json = False) -> None:
    """What channels heard, are to hear, or did not take, newest first.

    Parameters
    ----------
    state
        Only those that are waiting, delivered or dead; several with commas.
    limit
        How many at most.
    """
    found = Client().notifications(channel=channel, state=state, limit=limit)
    show(found, json, lambda: delivery_lines(found, now()))


@notifications.command
def dead(*, channel: Channel = "", limit: int = 20, json: Json = False) -> None:
    """What was given up, and why.

    Parameters
    ----------
    limit
        How many at most.
    """
    found = Client().notifications(channel=channel, state="dead", limit=limit)
    show(found, json, lambda: dead_lines(found, now()))


def dead_lines(found: tuple[DeliveryView, ...], at: float) -> list[Line]:
    if not found:
        return [line("No notification was given up.")]
    return [*delivery_lines(found, at), line(("Try them again: lockgate notifications retry ID, or --all", FAINT))]


def delivery_lines(found: tuple[DeliveryView, ...], at: float) -> list[Line]:
    if not found:
        return [line("There is none.")]
    rows: list[Row] = [
        [view.id, view.channel, line((view.state, STYLES.get(view.state, ""))), when(view, at), line(_words(view))]
        for view in found
    ]
    return table(("ID", "CHANNEL", "STATE", "WHEN", "WHAT"), rows)


def when(view: DeliveryView, at: float) -> str:
    """Of one that waits, when it is due."""
    if view.settled_at is not None:
        return ago(at - view.settled_at)
    return f"due {day(view.due_at)}" if view.due_at > at else "due now"


def _words(view: DeliveryView) -> str:
    tried = f" (tried {view.attempts} times)" if view.attempts > 1 else ""
    because = f": {first_line(view.because)}" if view.because else ""
    return f"{view.about}{because}{tried}"


@notifications.command
def retry(
    *ids: str,
    channel: Channel = "",
    every: Annotated[bool, Parameter(name="--all", negative="")] = False,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Try those again that were given up. It is in the audit log.

    Parameters
    ----------
    ids
        Which; see `lockgate notifications dead`.
    every
        All of the channel, or of every channel.
    """
    if bool(ids) == (every or bool(channel)):
        mend = "Write: lockgate notifications retry ID, or --channel CHANNEL, or --all"
        raise Invalid([Problem("command line", None, "", "it is not said which to try again.", mend)])
    found = Client().retry_notifications(RetryDeliveries(ids, channel, reason, actor()))
    show(found, json, lambda: [line(("✔ ", GOOD), f"{_count(len(found))} due again.")])


def _count(number: int) -> str:
    return "1 notification is" if number == 1 else f"{number} notifications are"


@notifications.command
def test(channel: str, /, *, wait: float = 30.0, json: Json = False) -> int:
    """Send a test to a channel, on the way that all go, and tell what became of it.

    Parameters
    ----------
    channel
        Its name.
    wait
        Seconds to wait for that.
    """
    client = Client()
    view = client.test_channel(TryChannel(channel, actor()))
    until = time.monotonic() + wait
    while view.state == "waiting" and not view.attempts and time.monotonic() < until:
        time.sleep(0.1)
        view = client.notifications(id=view.id)[0]
    show(view, json, lambda: [tried(view)])
    return 0 if view.state == "delivered" else 1


def tried(view: DeliveryView) -> Line:
    if view.state == "delivered":
        return line(("✔ ", GOOD), f"{view.channel} has taken it. {view.because}".rstrip())
    if view.state == "dead":
        return line(("✘ ", BAD), f"{view.channel} does not take it: {view.because}", hang=2)
    because = f": {view.because}" if view.because else "."
    return line(("… ", BUSY), f"{view.channel} has not taken it yet; it is tried again{because}", hang=2)
