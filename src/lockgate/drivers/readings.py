"""Readings: what sources of metrics have in common. Settings with labels, numbers, an HTTP question with a token."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import msgspec

from lockgate.core.canary import Metric, MetricKind
from lockgate.core.discretion import Mask
from lockgate.core.errors import Invalid, Problem, Unavailable
from lockgate.core.ids import Instant
from lockgate.core.secret import Secret
from lockgate.core.window import Ratio, Reading
from lockgate.decoding import UNREADABLE
from lockgate.drivers.http import HttpClient

PATIENCE = 10.0
"""Seconds a source may take, where the metric does not say ``timeout``."""
LAST_WORDS = 300
"""Characters of an answer or a complaint that are told."""
LOOKED_AT = 64 * 1024
"""Bytes of it that are looked through for secrets before."""

_NAME = re.compile(r"\{(\w+)\}")

Secrets = Callable[[str, str], Secret]
"""Environment, name -> the secret of that name there. Raises ComponentMissing."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A metric's settings, with its labels filled in."""

    metric: Metric
    labels: Mapping[str, str]
    mask: Mask = str
    """What is told of answers goes through it, before it is cut."""

    def need(self, name: str) -> str:
        """Raises Invalid when it is not said."""
        found = self.get(name)
        if not found:
            because = f"a metric from {self.metric.source} needs {name!r}"
            raise self.invalid(name, f"{because}.", f"Say what {name} is.")
        return found

    def get(self, name: str, quoted: Callable[[str], str] = str) -> str:
        """Empty when it is not said. ``quoted``: how a label is written there."""
        return self.filled(self.metric.settings.get(name, ""), quoted)

    def filled(self, text: str, quoted: Callable[[str], str] = str) -> str:
        """Only known names in braces are replaced: queries have braces of their own."""
        return _NAME.sub(lambda found: quoted(self.labels[found[1]]) if found[1] in self.labels else found[0], text)

    def seconds(self, name: str, otherwise: float) -> float:
        """Raises Invalid for what is no time."""
        written = self.metric.settings.get(name, "")
        try:
            found = float(written) if written else otherwise
        except ValueError:
            found = math.nan
        if not 0 <= found < math.inf:
            raise self.invalid(name, f"{written!r} is not a number of seconds.", "Write it as 10.")
        return found

    def invalid(self, name: str, because: str, mend: str = "") -> Invalid:
        return Invalid([Problem("metrics", None, f"{self.metric.name}.{name}", because, mend)])

    def unavailable(self, because: str) -> Unavailable:
        return Unavailable(f"The metric {self.metric.name} cannot be read: {because}")

    def told(self, body: bytes) -> str:
        """Its first words, for people."""
        text = self.mask(body[:LOOKED_AT].decode(errors="replace"))
        return text[:LAST_WORDS].strip() or "nothing"

    def told_last(self, output: bytes) -> str:
        """Its last words."""
        return self.mask(output.decode(errors="replace"))[-LAST_WORDS:].strip() or "nothing"

    @property
    def counts(self) -> bool:
        return self.metric.kind is MetricKind.COUNTER


def number(value: object) -> float | None:
    """None for what is no number, or none that can be compared: NaN, infinity, yes and no."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def gauge(at: Instant, value: object, what: str) -> Reading:
    """One number, or one of each instance by its name. ``what``: where it is from, for the sentence."""
    if isinstance(value, dict) and value:
        return of_instances(at, value, what)
    found = number(value)
    return (
        Reading(at, because=f"{what} is {_shown(value)}, not a number.") if found is None else Reading(at, value=found)
    )


def of_instances(at: Instant, values: Mapping[str, object], what: str) -> Reading:
    """A gauge's level of each instance, and their mean. One that is no number, and there is no data."""
    found = {str(name): number(value) for name, value in values.items()}
    wrong = next((name for name, level in found.items() if level is None), None)
    if wrong is not None:
        return Reading(at, because=f"{what} of {wrong} is {_shown(values[wrong])}, not a number.")
    levels = {name: level for name, level in found.items() if level is not None}
    return Reading(at, value=fmean(levels.values()), values=levels)


def counter(at: Instant, bad: object, whole: object) -> Reading:
    """Of one that does not tell who counted."""
    found = ratio(bad, whole)
    if isinstance(found, str):
        return Reading(at, because=found)
    return Reading(at, {"": found})


def ratio(bad: object, whole: object) -> Ratio | str:
    """Or the sentence why there is none."""
    ours, theirs = number(bad), number(whole)
    if ours is None or theirs is None:
        name, value = ("all", whole) if theirs is None else ("bad", bad)
        return f"{name!r} is {_shown(value)}, not a number."
    if not 0 <= ours <= theirs:
        return f"It counts {ours:g} bad ones of {theirs:g}, which cannot be."
    return Ratio(round(ours), round(theirs))


def _shown(value: object) -> str:
    return "not there" if value is None else repr(value)[:80]


def secret(settings: Settings, secrets: Secrets) -> Secret | None:
    """The one that ``token`` names; None: no token is needed. Raises Invalid for one that is none, ComponentMissing."""
    name = settings.get("token")
    if not name:
        return None
    found = secrets(settings.labels.get("environment", ""), name)
    if not (found.reveal().isascii() and found.reveal().isprintable()):
        raise settings.invalid("token", f"the secret {name} holds what no token has.", "Keep only the token in it.")
    return found


# --- asking over HTTP ---


def asked(settings: Settings, url: str, secrets: Secrets) -> tuple[int, bytes]:
    """Status and body of the answer. Raises Unavailable, Invalid for an address that is none, ComponentMissing."""
    headers = {"accept": "application/json"}
    if token := secret(settings, secrets):
        headers["authorization"] = f"Bearer {token.reveal()}"
    if not url.startswith(("http://", "https://")):
        raise settings.invalid("url", f"{url!r} is not an address.", "Write it as https://host:port/path.")
    try:
        answer = HttpClient().request("GET", url, headers, settings.seconds("timeout", PATIENCE))
    except Unavailable as error:
        raise settings.unavailable(f"{error.because}.") from error
    except ValueError as error:
        raise settings.invalid("url", f"{url!r} is not an address.", "Look at its port.") from error
    if answer.status in (401, 403):
        mend = "Name a secret of the environment as its token, or look whether that is still valid."
        raise settings.invalid("token", f"the source refuses us with {answer.status}.", mend)
    if answer.status >= 500 or answer.status == 429:
        raise settings.unavailable(f"the source answers {answer.status}: {settings.told(answer.body)}")
    return answer.status, answer.body


def parsed(settings: Settings, body: bytes) -> Any:
    """The JSON. Raises Unavailable for anything else."""
    try:
        return msgspec.json.decode(body)
    except UNREADABLE as error:
        raise settings.unavailable(f"what it says is not JSON: {settings.told(body)}") from error
