"""Commands that change what runs: deploy, promote, rollback, pause, resume, continue, finish, abort."""

from typing import Annotated

from cyclopts import Parameter

from lockgate.cli.output import (
    BLANK,
    BUSY,
    FAINT,
    STRONG,
    Json,
    Line,
    headline,
    indented,
    line,
    moment,
    now,
    on_terminal,
    show,
)
from lockgate.cli.surroundings import App, Reason, actor, application_meant, brief, unfinished_meant
from lockgate.cli.timeline import BACK_ENDS, GOOD_ENDS, next_commands, standing, verdict, verdict_lines
from lockgate.cli.watching import follow
from lockgate.client import Client
from lockgate.messages import Ask, Deploy, DeploymentView, Preview, Promote, RollBack

Watch = Annotated[
    bool | None,
    Parameter(name="--watch", help="Show it until it ends; default: on a terminal.", show_default=False),
]
Wait = Annotated[bool, Parameter(name="--wait", negative="", help="Wait quietly until it ends.")]
Dry = Annotated[bool, Parameter(name="--dry-run", negative="", help="Say what would happen; change nothing.")]
Blind = Annotated[
    bool, Parameter(name="--blind", negative="", help="Also where a canary cannot detect anything at this traffic.")
]
Glass = Annotated[
    bool,
    Parameter(
        name="--break-glass", negative="", help="An emergency: without approvals, outside windows; needs --reason."
    ),
]
Urgent = Annotated[bool, Parameter(name="--urgent", negative="", help="Take over from a deployment under way.")]
At = Annotated[str, Parameter(name="--at", help='When to begin: "2026-12-01 09:00 Europe/Berlin".')]
NextWindow = Annotated[
    bool, Parameter(name="--next-window", negative="", help="Begin when the environment opens next.")
]


def deploy(
    release: str = "latest",
    /,
    *,
    to: str,
    app: App = "",
    dry_run: Dry = False,
    urgent: Urgent = False,
    blind: Blind = False,
    at: At = "",
    next_window: NextWindow = False,
    break_glass: Glass = False,
    reason: Reason = "",
    watch: Watch = None,
    wait: Wait = False,
    json: Json = False,
) -> int:
    """Deploy a release to an environment, and see it through.

    Parameters
    ----------
    release
        Its id, #3, a version that names one release only, or latest.
    to
        The environment.
    """
    application, begins = application_meant(app), _moment(at)
    request = Deploy(
        application,
        to,
        release,
        reason,
        urgent,
        actor(),
        blind,
        at=begins,
        next_window=next_window,
        break_glass=break_glass,
    )
    client = Client()
    if dry_run:
        return _previewed(client.preview(request), json)
    return _asked_for(client, client.deploy(request), watch, wait, json)


def _moment(text: str) -> float | None:
    """Raises :class:`Invalid` for what is not one moment everywhere."""
    if not text:
        return None
    from lockgate.core.moment import instant_of

    return instant_of(text)


def _asked_for(client: Client, view: DeploymentView, watch: bool | None, wait: bool, json: bool) -> int:
    """One that is planned for later is only watched when that is asked for."""
    if view.not_before is not None and not view.final and watch is None and not wait:
        show(view, json, lambda: told(view))
        return 0
    return see_through(client, view, watch, wait, json)


def plan(
    release: str = "latest",
    /,
    *,
    to: str,
    app: App = "",
    rate: float | None = None,
    errors: float | None = None,
    json: Json = False,
) -> int:
    """What deploying a release would do, and what its canary could find out; nothing is changed.

    Parameters
    ----------
    release
        Its id, #3, a version that names one release only, or latest.
    to
        The environment.
    rate
        Requests a second to reckon with, instead of those that were measured.
    errors
        How many per cent of them fail.
    """
    failing = None if errors is None else errors / 100
    request = Deploy(application_meant(app), to, release, actor=actor(), rate=rate, errors=failing)
    return _previewed(Client().preview(request), json)


def _previewed(preview: Preview, json: bool) -> int:
    show(preview, json, lambda: preview_lines(preview, now()))
    blind = any(not one.detects for one in preview.forecasts)
    return int(blind or any(one.answer == "deny" for one in preview.verdicts))


def preview_lines(preview: Preview, at: float) -> list[Line]:
    """The plan in words, and what each gate would say."""
    title = line((f"{preview.release_label} → {preview.environment}", STRONG), ("  nothing has been changed", FAINT))
    lines = [title, *indented(preview.sentences)]
    for forecast in preview.forecasts:
        lines += [BLANK, headline("What its canary could find out"), *indented(forecast.sentences)]
    if preview.warnings:
        lines += [BLANK, headline("Collisions"), *_warning_lines(preview.warnings)]
    if preview.verdicts:
        lines += [BLANK, headline("Gates"), *verdict_lines(preview.verdicts, at)]
    return [*lines, BLANK, line((f"  plan {preview.plan}", FAINT))]


def _warning_lines(warnings: tuple[str, ...]) -> list[Line]:
    return [line(("  ! ", BUSY), warning, hang=4) for warning in warnings]


def promote(
    *,
    to: str,
    app: App = "",
    blind: Blind = False,
    at: At = "",
    next_window: NextWindow = False,
    reason: Reason = "",
    watch: Watch = None,
    wait: Wait = False,
    json: Json = False,
) -> int:
    """Deploy what runs in the environment before to this one.

    Parameters
    ----------
    to
        The environment.
    """
    client = Client()
    request = Promote(application_meant(app), to, reason, actor(), blind, _moment(at), next_window)
    return _asked_for(client, client.promote(request), watch, wait, json)


def rollback(
    *,
    env: str,
    reason: Reason,
    urgent: Annotated[bool, Parameter(negative="")] = False,
    app: App = "",
    watch: Watch = None,
    wait: Wait = False,
    json: Json = False,
) -> int:
    """Go back to the last good release, with the configuration it had; the present one is barred.

    Parameters
    ----------
    env
        The environment.
    urgent
        Even if something there requires the release that is left.
    """
    client = Client()
    view = client.roll_back(RollBack(application_meant(app), env, reason, actor(), urgent))
    # A deployment under way is aborted, and that is then what was asked for.
    good = GOOD_ENDS if view.kind == "rollback" else BACK_ENDS
    return see_through(client, view, watch, wait, json, good)


def see_through(
    client: Client,
    view: DeploymentView,
    watch: bool | None,
    wait: bool,
    json: bool,
    good: frozenset[str] = GOOD_ENDS,
) -> int:
    """Stays with a deployment as long as was asked. Returns 1 if it is known to have ended otherwise than ``good``."""
    if (on_terminal() if watch is None else watch) and not json and not wait:
        return follow(client, view.id, good)
    if wait or (json and watch):
        view = client.wait(view.id, float("inf"))
    show(view, json, lambda: told(view))
    return int(view.final and view.state not in good)


def told(view: DeploymentView) -> list[Line]:
    """The ending, or where it is and how to follow it."""
    if view.final:
        return verdict(view)
    lines = [standing(view, now())]
    lines += indented([view.because] if view.because else [])
    if view.not_before is not None:
        lines.append(line(f"  Not before {moment(view.not_before)}."))
    lines += _warning_lines(view.warnings)
    return [*lines, line(("  Follow it with: ", FAINT), next_commands(view)[0])]


def pause(name: str = "", /, *, app: App = "", reason: Reason = "", json: Json = False) -> None:
    """Stop a deployment between two steps; traffic stays as it is.

    Parameters
    ----------
    name
        The deployment; default: the newest that has not ended.
    """
    _ask("pause", name, app, reason, json)


def resume(name: str = "", /, *, app: App = "", reason: Reason = "", json: Json = False) -> None:
    """Let a paused deployment go on.

    Parameters
    ----------
    name
        The deployment; default: the newest that has not ended.
    """
    _ask("resume", name, app, reason, json)


def go_on(name: str = "", /, *, app: App = "", reason: Reason = "", json: Json = False) -> None:
    """Let a canary go on with its next stage, whatever it waits for.

    Parameters
    ----------
    name
        The deployment; default: the newest that has not ended.
    """
    _ask("continue", name, app, reason, json)


def finish(name: str = "", /, *, app: App = "", reason: Reason = "", json: Json = False) -> None:
    """Give a canary all the traffic, without the rest of its stages.

    Parameters
    ----------
    name
        The deployment; default: the newest that has not ended.
    """
    _ask("finish", name, app, reason, json)


def abort(name: str = "", /, *, app: App = "", reason: Reason = "", json: Json = False) -> None:
    """End a deployment; what ran before runs again.

    Parameters
    ----------
    name
        The deployment; default: the newest that has not ended.
    """
    _ask("abort", name, app, reason, json)


def _ask(want: str, name: str, app: str, reason: str, json: bool) -> None:
    client = Client()
    meant = unfinished_meant(client, name, app)
    asking = {
        "pause": client.pause,
        "resume": client.resume,
        "continue": client.go_on,
        "finish": client.finish,
        "abort": client.abort,
    }
    view = asking[want](meant, Ask(reason, actor()))
    show(view, json, lambda: [line((f"{view.id} is asked to {want}: ", STRONG), brief(view)), *told(view)])
