"""Message: what people are told of an event, as sentences: what, where, who, why, and what to do next. Pure.

It holds plain text. Whatever a channel gives a meaning to is made harmless by the driver that speaks to it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from lockgate.core.audit import SYSTEM, Event
from lockgate.core.ids import Instant

POSTED, TEST, DIGEST = "notification.message", "notification.test", "notification.digest"
"""Kinds of messages that are about no single event."""


class Tone(StrEnum):
    """How it is shown."""

    GOOD = "good"
    BAD = "bad"
    WAITS = "waits"
    """Somebody may have to act."""
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Link:
    """Somewhere to go on from the message; a button where there are buttons."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Message:
    """``sentences``: paragraphs below the title."""

    title: str
    """One line."""
    sentences: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    tone: Tone = Tone.PLAIN
    at: Instant = 0.0
    thread: str = ""
    """What messages of one thread have in common: the deployment."""
    kind: str = POSTED
    """Of the event, for programs; or what it is instead."""
    events: tuple[Event, ...] = ()
    """It tells of these."""


PREDICATES = {
    "deployment.requested": "was asked for",
    "deployment.gated": "waits at a gate",
    "deployment.ready": "may begin",
    "deployment.running": "has begun",
    "deployment.verifying": "is being checked",
    "deployment.paused": "is paused",
    "deployment.rolling_back": "fails and goes back",
    "deployment.succeeded": "has succeeded",
    "deployment.rolled_back": "failed and was taken back",
    "deployment.failed": "has failed",
    "deployment.aborted": "was aborted",
    "deployment.superseded": "was superseded",
    "deployment.stumbled": "met a difficulty",
    "deployment.stage": "goes on to another stage",
    "deployment.cell": "has arrived in a cell",
    "release.created": "was made",
    "promotion.refused": "may not be promoted to {}",
    "quarantine.set": "is barred from {}",
    "quarantine.lifted": "may enter {} again",
    "environment.repaired": "was repaired",
    "train.started": "has begun",
    "train.stopping": "stops",
    "train.rolling_back": "goes back",
    "train.succeeded": "has succeeded",
    "train.rolled_back": "was taken back",
    "train.failed": "has failed",
    "train.aborted": "was aborted",
    "task.opened": "is to be done",
    "task.done": "is done",
    "task.rejected": "cannot be done",
}
"""Kind of event -> what it says of the release, train or task it is about. Other kinds are told by their own words."""

_TONES = {
    Tone.GOOD: ("deployment.succeeded", "quarantine.lifted", "approval.given", "approval.granted", "train.succeeded"),
    Tone.BAD: (
        *(f"{what}.{state}" for what in ("deployment", "train") for state in ("rolling_back", "rolled_back", "failed")),
        *(
            "task.rejected",
            "promotion.refused",
            "quarantine.set",
            "notification.dead",
            "approval.refused",
            "approval.denied",
        ),
    ),
    Tone.WAITS: ("deployment.gated", "deployment.paused", "approval.requested", "task.opened"),
}

_NEXT = {
    "deployment.gated": "See what it waits for: lockgate explain {deployment}",
    "deployment.paused": "Let it go on: lockgate resume {deployment}, or take it back: lockgate abort {deployment}",
    "deployment.rolling_back": "Nobody needs to act; follow it: lockgate watch {deployment}",
    "deployment.rolled_back": "See why: lockgate explain {deployment}. What ran before runs again.",
    "deployment.failed": "See why: lockgate explain {deployment}",
    "promotion.refused": "See why: lockgate explain {deployment}",
    "quarantine.set": (
        "If the release is not to blame: "
        "lockgate quarantine lift {release} --app {application} --env {environment} --reason TEXT"
    ),
    "approval.requested": "See what is asked for: lockgate explain {deployment}",
    "notification.dead": "See why, and try again: lockgate notifications dead",
    "train.failed": "See why: lockgate train show {train}",
    "train.rolling_back": "Nobody needs to act; look at it: lockgate train show {train}",
    "train.rolled_back": "See why: lockgate train show {train}",
    "task.opened": "See what is to be done: lockgate task show {train}/{step}",
}

LONGEST_TITLE = 200
LONGEST_SENTENCE = 2000
"""Characters: a sentence may have the last lines of a log behind it."""


def compose(event: Event, *, site: str = "", links: Sequence[Link] = (), sentences: Iterable[str] = ()) -> Message:
    """The message of one event. ``site``: the console's address, if it is known; ``links`` and ``sentences``: what else
    the message offers and says, such as a signed link to an approval."""
    told = [event.because, *_who(event), *sentences, *_next(event)]
    return Message(
        title=subject(event),
        sentences=tuple(cut(sentence, LONGEST_SENTENCE) for sentence in told if sentence.strip()),
        links=(*links, *_console(event, site)),
        tone=tone_of(event.kind),
        at=event.at,
        thread=event.deployment,
        kind=event.kind,
        events=(event,),
    )


def subject(event: Event) -> str:
    """What happened to what, where: one line. ``shop 2.1.0 (#3) in prod has failed``"""
    what = _travelling(event) or event.data.get("release_label") or event.application or event.release
    predicate = PREDICATES.get(event.kind)
    if predicate is None:
        noun, _, rest = event.kind.replace("_", " ").replace("-", " ").partition(".")
        about = f": {what}" if what else ""
        place = f" in {event.environment}" if event.environment else ""
        return one_line(f"{noun.capitalize()} {rest}{about}{place}")
    if event.kind == "environment.repaired":
        return one_line(f"{event.application or 'It'} in {event.environment} was repaired")
    if "{}" in predicate:
        return one_line(f"{what or 'A release'} {predicate.format(event.environment or 'everywhere')}")
    place = f" in {event.environment}" if event.environment else ""
    noun = "The train " if event.kind.startswith("train.") else ""
    return one_line(f"{noun}{what or event.deployment or 'Something'}{place} {predicate}")


def _travelling(event: Event) -> str:
    """The train or the task that the event is about, by its name; empty: neither."""
    train, kind = event.data.get("train", ""), event.kind.partition(".")[0]
    if not train or kind not in ("train", "task"):
        return ""
    return f"{train}/{event.data.get('step', '')}" if kind == "task" else train


def tone_of(kind: str) -> Tone:
    return next((tone for tone, kinds in _TONES.items() if kind in kinds), Tone.PLAIN)


def _who(event: Event) -> list[str]:
    told = [] if event.actor in ("", SYSTEM) else [f"By {event.actor}."]
    who = event.data.get("who", "")
    return [*told, *([f"Who can act: {who}."] if who else [])]


def _next(event: Event) -> list[str]:
    """What to do next, where all that it names is known."""
    named = {
        name: getattr(event, name)
        for name in ("deployment", "release", "application", "environment")
        if getattr(event, name)
    }
    named |= {name: event.data[name] for name in ("train", "step") if name in event.data}
    try:
        return [_NEXT[event.kind].format(**named)] if event.kind in _NEXT else []
    except KeyError:
        return []


def _console(event: Event, site: str) -> tuple[Link, ...]:
    if not site:
        return ()
    if event.deployment:
        return (Link("Open the deployment", f"{site.rstrip('/')}/deployments/{event.deployment}"),)
    if train := event.data.get("train", ""):
        return (Link("Open the train", f"{site.rstrip('/')}/trains/{train}"),)
    return (Link("Open Lockgate", f"{site.rstrip('/')}/"),)


# --- digests ---

MOST_LINES = 60
"""Of a digest; how many more there are is said."""


def digest(events: Sequence[Event], *, site: str = "") -> Message:
    """One message of several events, by application and environment, in the order they happened."""
    if len(events) == 1:
        return compose(events[0], site=site)
    places: dict[str, list[str]] = {}
    for event in events[:MOST_LINES]:
        places.setdefault(_place(event), []).append(_told_briefly(event))
    paragraphs = [f"{place}\n" + "\n".join(lines) for place, lines in places.items()]
    more = [f"And {len(events) - MOST_LINES} more: lockgate audit, lockgate history."] if events[MOST_LINES:] else []
    tones = {tone_of(event.kind) for event in events}
    return Message(
        title=_count(events),
        sentences=(*paragraphs, *more),
        links=(Link("Open Lockgate", f"{site.rstrip('/')}/"),) if site else (),
        tone=next((tone for tone in (Tone.BAD, Tone.WAITS, Tone.GOOD) if tone in tones), Tone.PLAIN),
        at=events[-1].at,
        kind=DIGEST,
        events=tuple(events),
    )


def _count(events: Sequence[Event]) -> str:
    of = {tone: sum(tone_of(event.kind) is tone for event in events) for tone in (Tone.BAD, Tone.WAITS)}
    details = [
        f"{count} {word}" for tone, word in ((Tone.BAD, "bad"), (Tone.WAITS, "to wait for")) if (count := of[tone])
    ]
    places = sorted({event.environment for event in events if event.environment})
    where = f" in {', '.join(places)}" if places else ""
    return one_line(f"{len(events)} things happened{where}" + (f": {', '.join(details)}" if details else ""))


def _place(event: Event) -> str:
    parts = [event.application, f"in {event.environment}" if event.environment else ""]
    return f"{' '.join(part for part in parts if part) or 'Lockgate'}:"


def _told_briefly(event: Event) -> str:
    at = datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    because = event.because.partition("\n")[0]
    return cut(f"- {at} {subject(event)}. {because}", 300)


# --- text ---

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Line breaks, what moves a terminal's cursor, and what turns the direction of reading."""


def one_line(text: str, most: int = LONGEST_TITLE) -> str:
    """Without line breaks and control characters: it may become a header."""
    return cut(_CONTROL.sub(" ", text).strip(), most)


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2].rstrip()} …"


def plain_text(message: Message) -> str:
    """The whole below the title, for channels without anything but text."""
    links = [f"{link.label}: {link.url}" for link in message.links]
    return "\n\n".join([*message.sentences, *(["\n".join(links)] if links else [])])
