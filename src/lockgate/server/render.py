"""How things look: templates, the words and marks of states, ages, and assets under names that change with them."""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2

from lockgate.charts import figures
from lockgate.charts.series import e_value
from lockgate.charts.style import STYLE
from lockgate.core.ids import Instant
from lockgate.core.traffic import ALL

_HERE = Path(__file__).parent

TEMPLATES_FOLDER = _HERE / "templates"

ASSET_TYPES = {".css": "text/css", ".js": "text/javascript"}
"""Our own: what a machine's table says differs."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A state as people see it: a word, a tone (colour) and a shape, so that nobody depends on colour."""

    word: str
    tone: str
    shape: str


MARKS = {
    "pending": Mark("pending", "wait", "ring"),
    "gated": Mark("waits at a gate", "wait", "gate"),
    "ready": Mark("ready, waits its turn", "wait", "ring"),
    "running": Mark("running", "move", "play"),
    "verifying": Mark("verifying", "move", "eye"),
    "paused": Mark("paused", "hold", "bars"),
    "rolling_back": Mark("going back", "back", "return"),
    "succeeded": Mark("succeeded", "good", "tick"),
    "rolled_back": Mark("rolled back", "back", "return"),
    "failed": Mark("failed", "bad", "cross"),
    "aborted": Mark("aborted", "still", "square"),
    "superseded": Mark("superseded", "still", "dash"),
    "as deployed": Mark("as deployed", "good", "tick"),
    "drifted": Mark("drifted", "bad", "diamond"),
    "unknown": Mark("unknown", "hold", "question"),
    "nothing deployed": Mark("nothing deployed", "still", "dash"),
    "runs": Mark("runs", "good", "tick"),
    "runs in part": Mark("runs in some cells", "hold", "dash"),
    "ran": Mark("ran", "still", "dash"),
    "quarantined": Mark("quarantined", "bad", "cross"),
    "waits": Mark("waits", "wait", "ring"),
    "changes": Mark("changes", "move", "play"),
    "bakes": Mark("bakes", "move", "eye"),
    "done": Mark("done", "good", "tick"),
    "goes back": Mark("goes back", "back", "return"),
    "is back": Mark("is back", "good", "tick"),
    "pass": Mark("open", "good", "tick"),
    "wait": Mark("wait", "wait", "gate"),
    "deny": Mark("shut", "bad", "cross"),
    "waiting": Mark("waits", "wait", "ring"),
    "not started": Mark("not started", "wait", "ring"),
    "starting": Mark("starting", "move", "ring"),
    "unready": Mark("not ready", "bad", "diamond"),
    "stopping": Mark("stopping", "still", "square"),
}
READY_INSTANCE = Mark("ready", "good", "tick")
"""Of an instance; the same word means something else of a deployment."""


def mark(state: str) -> Mark:
    """The mark of any state; one we do not know is shown by its own word, as unknown."""
    return MARKS.get(state) or Mark(state.replace("_", " "), "hold", "question")


EVENT_MARKS = {
    "quarantine.set": ("bad", "cross"),
    "quarantine.lifted": ("good", "tick"),
    "promotion.refused": ("bad", "cross"),
    "deployment.stumbled": ("hold", "diamond"),
    "environment.repaired": ("hold", "diamond"),
    "task.opened": ("wait", "ring"),
    "task.ticked": ("good", "tick"),
    "task.rejected": ("bad", "cross"),
}


def mark_of_event(kind: str) -> Mark:
    """By its predicate, if that is a state: ``deployment.rolled_back`` and ``train.step_rolled_back`` have the mark of
    ``rolled_back``."""
    known = MARKS.get(kind.rpartition(".")[2].removeprefix("step_"))
    tone, shape = EVENT_MARKS.get(kind) or ((known.tone, known.shape) if known else ("still", "dot"))
    return Mark(kind, tone, shape)


def standing(train: str) -> str:
    """The state of a train, by the name of its mark: of one that is created nothing has begun."""
    return "not started" if train == "created" else train


def span(seconds: float) -> str:
    """A length of time in one unit that stays on one line: ``4 s``, ``3 min``, ``2 h``, ``5 d``."""
    for limit, unit, word in ((90, 1, "s"), (90 * 60, 60, "min"), (36 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{max(0, round(seconds / unit))}\N{NO-BREAK SPACE}{word}"
    return f"{round(seconds / 86400)}\N{NO-BREAK SPACE}d"


def lasted(seconds: float) -> str:
    """A length of time that is over: ``0.4 s``, and from ten seconds on as :func:`span` has it."""
    return f"{max(seconds, 0.0):.1f}\N{NO-BREAK SPACE}s" if seconds < 10 else span(seconds)


def iso(at: Instant) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(at: Instant) -> str:
    """Of a time line: the time of day, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def day(at: Instant) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%a %d %b %Y")


def percent(basis_points: int) -> str:
    """``10000`` is ``100 %``."""
    return f"{basis_points * 100 / ALL:g} %"


def evidence(logarithm: float | None) -> str:
    """An e-value, from its natural logarithm."""
    known = e_value(logarithm)
    return "–" if known is None else figures.e_value(known)


def safe_link(address: str) -> str:
    """The address if a browser may be sent there, else nothing: ``javascript:`` is an address, too."""
    return address if urlsplit(address).scheme in ("http", "https") else ""


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file, read once. Its address holds a digest of it, so it can be kept for ever."""

    name: str
    data: bytes
    media_type: str
    address: str


@cache
def assets() -> dict[str, Asset]:
    """By name."""
    files = [path for path in sorted((_HERE / "static").iterdir()) if path.suffix in ASSET_TYPES]
    return {asset.name: asset for asset in (CHARTS_SHEET, *(_asset(path.name, path.read_bytes()) for path in files))}


def _asset(name: str, data: bytes) -> Asset:
    stem, _, kind = name.rpartition(".")
    address = f"/static/{stem}.{hashlib.sha256(data).hexdigest()[:12]}.{kind}"
    return Asset(name, data, ASSET_TYPES[f".{kind}"], address)


CHARTS_SHEET = _asset("charts.css", STYLE.encode())
"""The same style that a picture has in it when it is a file of its own."""


def asset_at(address: str) -> Asset | None:
    return next((a for a in assets().values() if a.address == address), None)


def _address_of(name: str) -> str:
    return assets()[name].address


def bars(weights: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Parts of a traffic bar: name, where it begins, and its width, in basis points. By name, so that a version keeps
    its place and colour while its share changes."""
    begins, parts = 0, []
    for name, weight in sorted(weights.items()):
        parts.append((name, begins, weight))
        begins += weight
    return parts


def apart(weights: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """What shares its traffic by itself, ``web`` or ``north/web`` (empty where there is only one) -> its parts. Their
    names end with a version and a release, ``north/web 1.2 (3a3a3a)``."""
    found: dict[str, dict[str, int]] = {}
    for name, weight in weights.items():
        first, _, rest = name.partition(" ")
        title = first if rest.count(" ") else ""
        found.setdefault(title, {})[name] = weight
    return found


def make_templates(now: Callable[[], Instant] = time.time) -> jinja2.Environment:
    """Autoescaping is on for everything: names, reasons and log lines are hostile."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Iterable[Callable[..., Any]] = (
        mark,
        mark_of_event,
        standing,
        span,
        lasted,
        iso,
        clock,
        day,
        percent,
        safe_link,
        bars,
        apart,
        evidence,
    )

    environment.filters.update({f.__name__: f for f in filters})
    environment.globals.update(now=now, asset=_address_of, ready_instance=READY_INSTANCE)
    return environment
