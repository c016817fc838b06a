"""A deployment in words: how it stands, what happened to it, and how it ended."""

from collections.abc import Iterable, Mapping, Sequence

from lockgate.cli.output import (
    BAD,
    BLANK,
    BUSY,
    FAINT,
    GOOD,
    STRONG,
    Line,
    Row,
    Span,
    clock,
    elapsed,
    first_line,
    headline,
    indented,
    line,
    table,
)
from lockgate.cli.surroundings import brief
from lockgate.core.audit import SYSTEM
from lockgate.core.deployment import FINAL, State
from lockgate.core.inventory import Standing
from lockgate.messages import CellView, DeploymentView, EventView, VerdictView

STYLES = {
    State.SUCCEEDED: GOOD,
    State.ROLLED_BACK: BAD,
    State.FAILED: BAD,
    State.ABORTED: BAD,
    State.SUPERSEDED: FAINT,
}

MARKS = {"pass": ("✔", GOOD), "wait": ("…", BUSY), "deny": ("✘", BAD)}

GOOD_ENDS = frozenset({State.SUCCEEDED.value})
"""States in which a deployment has done what was asked of it."""

BACK_ENDS = frozenset({State.ABORTED.value, State.ROLLED_BACK.value})
"""States in which what ran before runs again."""

SAID = {
    "awaitready": "wait",
    "setflag": "flag",
    "quarantine set": "barred",
    "quarantine lifted": "lifted",
    "promotion refused": "not offered",
}
"""What is better said otherwise, in a column of twelve."""

BAR = 20
"""Columns of a bar."""


def state_span(view: DeploymentView) -> Span:
    return view.state.replace("_", " "), STYLES.get(State(view.state), BUSY)


def took(view: DeploymentView, now: float) -> float:
    """Seconds from its start, or from its making while it has not started, to its end or to now."""
    return (view.ended_at or now) - (view.started_at or view.created_at)


def standing(view: DeploymentView, now: float) -> Line:
    """``dep-7  catalogue 0.65.2 (#3) → staging  running for 12 s``"""
    since = "after" if view.final else "for"
    return line((view.id, STRONG), "  ", brief(view), "  ", state_span(view), f" {since} {elapsed(took(view, now))}")


def verdict(view: DeploymentView) -> list[Line]:
    """How it ended, and why if it did not succeed."""
    after = elapsed(took(view, view.ended_at or view.state_since))
    state = State(view.state)
    if state is State.SUCCEEDED:
        return [line(("✔ ", GOOD), (_success(view), STRONG), f" after {after}.", hang=2)]
    mark, words = _IN_PART if state is State.ROLLED_BACK and view.holds else _ENDINGS[state]
    said = words.format(after=f"after {after}")
    told = line((f"{mark} ", STYLES.get(state, BUSY)), (f"{brief(view)} {said}", STRONG), hang=2)
    why = view.because if view.holds else view.failure or view.because
    return [told, *indented([why])]


_IN_PART = ("✘", "was taken back {after}, but not in every cell.")

_ENDINGS = {
    State.ROLLED_BACK: ("✘", "was taken back {after}; what ran before runs again."),
    State.FAILED: ("✘", "failed {after}."),
    State.ABORTED: ("✘", "was aborted {after}."),
    State.SUPERSEDED: ("–", "gave way to another deployment {after}."),
}


def _success(view: DeploymentView) -> str:
    if view.kind == "rollback":
        return f"{view.environment} is back on {view.release_label}"
    return f"{view.release_label} runs in {view.environment}"


def succeeded(view: DeploymentView) -> bool:
    return State(view.state) is State.SUCCEEDED


def next_commands(view: DeploymentView) -> list[str]:
    """What to type to see or change how it goes on."""
    if State(view.state) in FINAL:
        return [f"lockgate explain {view.id}"]
    return [f"lockgate watch {view.id}", f"lockgate explain {view.id}"]


def verdict_lines(verdicts: Iterable[VerdictView], at: float, said: Sequence[str] = ()) -> list[Line]:
    """``said``: what stands above them already, and is not told again."""
    return [_verdict_line(one, at, any(one.because in sentence for sentence in said)) for one in verdicts]


def _verdict_line(one: VerdictView, at: float, said: bool) -> Line:
    mark, style = MARKS.get(one.answer, ("?", BUSY))
    who = f" Who can act: {one.who}." if one.who else ""
    if said:
        return line("  ", (mark, style), f" {one.gate}: ", (f"as said above.{who}", FAINT), hang=4)
    until = f" This wait ends in {elapsed(one.until - at)}." if one.until and one.until > at else ""
    return line("  ", (mark, style), f" {one.gate}: ", one.because, (until + who, FAINT), hang=4)


def event_line(event: EventView, start: float) -> Line:
    """``12:04:05   +3.2 s  running      2 of 2 instances are ready.``"""
    return moment(event.at, start, _predicate(event), event.because, _by(event))


def moment(at: float, start: float, what: str, because: str, by: str = "") -> Line:
    stamp = f"  {clock(at)}  {'+' + elapsed(at - start):>8}  "
    because = first_line(because)
    state = _state(what)
    style = STYLES.get(state, BUSY) if state else ""
    return line((stamp, FAINT), (f"{what:<14} ", style), because, (by, FAINT), hang=len(stamp) + 15)


def event_lines(events: Sequence[EventView]) -> list[Line]:
    return [event_line(event, events[0].at) for event in events]


def _predicate(event: EventView) -> str:
    """``deployment.rolled_back`` -> ``rolled back``; a step by its own name; of other subjects the whole."""
    subject, _, predicate = event.kind.partition(".")
    words = event.data.get("step", predicate) if subject == "deployment" else event.kind.replace(".", " ")
    return SAID.get(words, words).replace("_", " ")


def _state(words: str) -> State | None:
    name = words.replace(" ", "_")
    return State(name) if name in set(State) else None


def _by(event: EventView) -> str:
    return f" — {event.actor}" if event.actor and event.actor != SYSTEM else ""


def bar(part: float, width: int = BAR) -> str:
    """``part`` between 0 and 1, to an eighth of a column."""
    eighths = round(max(0.0, min(1.0, part)) * width * 8)
    whole, rest = divmod(eighths, 8)
    partial = " ▏▎▍▌▋▊▉"[rest] if rest else ""
    return ("█" * whole + partial).ljust(width, "·")


def shares(weights: Mapping[str, int], release: str, indent: int = 2) -> list[Line]:
    """Who gets which part of the traffic: basis points as bars. ``release`` is the one on its way in; labels hold the
    beginning of a release's id."""
    new = f"({release.removeprefix('rel-')[:6]})"
    return table((), [_share(name, points, new in name) for name, points in sorted(weights.items())], indent)


def _share(name: str, points: int, new: bool) -> Row:
    return [line((name, STRONG if new else "")), line((bar(points / 10_000), GOOD if new else FAINT)), percent(points)]


CELL_MARKS = {
    "done": ("●", GOOD),
    "is back": ("●", GOOD),
    "changes": ("◐", BUSY),
    "goes back": ("◐", BUSY),
    "bakes": ("◔", BUSY),
    "waits": ("○", FAINT),
    Standing.AS_DEPLOYED.value: ("●", GOOD),
    Standing.DRIFTED.value: ("▲", BAD),
    Standing.UNKNOWN.value: ("?", BUSY),
    Standing.NOTHING.value: ("○", FAINT),
}
"""Of a cell: how far a deployment has come in it, or how it stands."""


def cell_row(cell: CellView, application: str) -> Row:
    """``● north  1.2 (#3)  done  2/2  http://127.0.0.1:8081/``"""
    word = cell.progress or cell.standing
    mark, style = CELL_MARKS[word]
    version = cell.release_label.removeprefix(f"{application} ") or "nothing deployed"
    ready = f"{cell.ready}/{cell.wanted} ready" if cell.wanted else ""
    return [line((mark, style), f" {cell.name or 'the rest'}"), version, line((word, style)), ready, cell.url]


def percent(points: int) -> str:
    return f"{points / 100:g} %"


def explained(sentences: Sequence[str]) -> list[Line]:
    """What matters most first, the rest below it."""
    first = [line("  ", (sentence, STRONG), hang=2) for sentence in sentences[:1]]
    return [*first, *indented(sentences[1:])]


def section(title: str, lines: Sequence[Line]) -> list[Line]:
    """Nothing at all when there is nothing to say."""
    return [BLANK, headline(title), *lines] if lines else []
