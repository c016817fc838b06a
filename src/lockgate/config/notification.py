"""Channels, and who hears of what on them, as environments.yaml writes it."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from lockgate.config.document import Sequence, Table
from lockgate.config.form import At, Choice, Field, Form, Kind, Named, Read, Schema, Several, listing, nearest
from lockgate.config.scalars import NAME, Text, duration, written
from lockgate.core.deployment import State
from lockgate.core.environment import Catalogue
from lockgate.core.errors import Problem
from lockgate.core.message import PREDICATES
from lockgate.core.notification import GROUPS, Channel, NotificationRule, Rhythm, Service
from lockgate.core.secret import SecretSource

T = TypeVar("T")

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
ADDRESS = Text(
    "an e-mail address",
    rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*",
    "Write it without a name, as team@example.org.",
)
SERVER = Text(
    "a mail server such as mail.example.org:587",
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\]):[0-9]{1,5}",
    "Write host:port; 587 and 465 are usual.",
)
TLS: Choice[str] = Choice(
    "a way to speak TLS",
    {word: word for word in ("starttls", "implicit", "none")},
    hints={"ssl": "Did you mean 'implicit'?", "true": "Did you mean 'starttls'?", "false": "Did you mean 'none'?"},
)
_LOOPBACK = re.compile(r"(?:127\.[0-9.]+|localhost|\[::1\]):.*")


@dataclass(frozen=True, slots=True)
class OneOrSeveral(Generic[T]):
    """A value, or a list of such."""

    what: str
    each: Kind[T]

    def read(self, at: At) -> tuple[T, ...]:
        if isinstance(at.node, Sequence):
            return Several(self.what, self.each, least=1).read(at)
        return (self.each.read(at),)

    def schema(self) -> Schema:
        return {"anyOf": [self.each.schema(), {"type": "array", "items": self.each.schema(), "minItems": 1}]}


@dataclass(frozen=True, slots=True)
class Unrepeated(Generic[T]):
    """A table. What stands there instead may be a secret, so it is not repeated."""

    table: Kind[T]
    example: str

    def read(self, at: At) -> T:
        if not isinstance(at.node, Table):
            raise at.refused("expected a table below it, not a value.", f"Write {self.example}.")
        return self.table.read(at)

    def schema(self) -> Schema:
        return self.table.schema()


# --- channels ---

_NO_SERVICES = {
    **dict.fromkeys(("mail", "smtp"), "Did you mean 'email'?"),
    **dict.fromkeys(("pagerduty", "discord", "telegram", "opsgenie"), "Write `apprise`, with its url."),
    "msteams": "Did you mean 'teams'?",
    "mattermost": "Write `slack`: it understands the same.",
}


class _Settings:
    """Builds a channel of one service, still without its name."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def __call__(self, *, to: tuple[str, ...] = (), **given: str | SecretSource | tuple[SecretSource, ...]) -> Channel:
        settings = {name: value for name, value in given.items() if isinstance(value, str)}
        one = {name: (value,) for name, value in given.items() if isinstance(value, SecretSource)}
        several = {name: value for name, value in given.items() if isinstance(value, tuple)}
        return Channel("", self._service, settings, to, {**one, **several})


@dataclass(frozen=True, slots=True)
class Channels:
    """Each channel under its name."""

    each: Named[Channel]

    def read(self, at: At) -> Mapping[str, Channel]:
        return {name: replace(channel, name=name) for name, channel in self.each.read(at).items()}

    def schema(self) -> Schema:
        return self.each.schema()


def channels(secret: Kind[SecretSource]) -> Field:
    """The field ``channels``. ``secret``: how the file says where a secret is kept."""
    url = Field("url", secret, "Where its address is kept, which is a secret.", required=True, stand_in=())
    webhook = (
        url,
        Field("secret", OneOrSeveral("secrets", secret), "Where the key is kept that signs; more while it is replaced.",
              required=True, stand_in=()),
    )  # fmt: skip
    email = (
        Field("smtp", SERVER, "The mail server: host:port.", required=True, stand_in="127.0.0.1:25"),
        Field("from", ADDRESS, "Who it is from.", required=True, stand_in="nobody@invalid"),
        Field("to", OneOrSeveral("addresses", ADDRESS), "Who gets it.", required=True, stand_in=("nobody@invalid",)),
        Field("tls", TLS, "starttls, implicit (the default on port 465) or none."),
        Field("user", Text("a user", empty=False), "Who signs in there."),
        Field("password", secret, "Where the user's password is kept."),
    )
    hints = {"webhook": "Did you mean 'url'?", "webhook_url": "Did you mean 'url'?", "token": "Did you mean 'url'?"}
    kinds: dict[str, Form[Channel]] = {
        "slack": Form("a Slack channel", _Settings(Service.SLACK), (url,), hints=hints),
        "teams": Form("a Teams channel", _Settings(Service.TEAMS), (url,), hints=hints),
        "email": Form("an e-mail channel", _Settings(Service.EMAIL), email, also=_mail_faults,
                      hints={"host": "Write `smtp: host:port`.", "port": "Write `smtp: host:port`."}),
        "webhook": Form("a webhook", _Settings(Service.WEBHOOK), webhook, hints={"key": "Did you mean 'secret'?"}),
        "apprise": Form("a channel of Apprise", _Settings(Service.APPRISE), (url,), hints=hints),
    }  # fmt: skip
    hidden = {name: Unrepeated(form, f"{name}: {{{form.fields[0].name}: ...}}") for name, form in kinds.items()}
    choice: Choice[Channel] = Choice("a service", {}, hidden, hints=_NO_SERVICES)
    example = "NAME: {slack: {url: {file: /path/to/it}}}"
    named = Named("a channel", NAME, Unrepeated(choice, example), example=example, shown=False)
    return Field("channels", Channels(named), "Where notifications go, each place by its name.")


def _mail_faults(channel: Channel) -> Iterator[tuple[str, str, str]]:
    known = channel.settings
    if ("user" in known) != ("password" in channel.secrets):
        given, missing = ("user", "password") if "user" in known else ("password", "user")
        yield given, f"who signs in has a user and a password; the {missing} is missing.", f"Add `{missing}`."
    if known.get("tls") == "none" and "user" in known and not _LOOPBACK.fullmatch(known["smtp"]):
        yield "tls", "a password would go over the network in clear.", "Write starttls or implicit."


# --- rules ---


class Heard:
    """A group, a kind of event, or a pattern of kinds."""

    _PATTERN = r"[a-z]+|[a-z-]+\.[a-z_*-]+|\*"

    def read(self, at: At) -> str:
        what = f"a group ({listing(GROUPS)}), or a kind of event such as deployment.failed"
        text = written(at, what).text
        if not re.fullmatch(self._PATTERN, text):
            raise at.expected(what, "Kinds are written with a dot; * stands for anything.")
        if "." not in text and text != "*" and text not in GROUPS:
            raise at.refused(f"there is no group {text!r}; there are: {listing(GROUPS)}.", nearest(text, GROUPS))
        if mend := _misspelt(text):
            raise at.refused(f"no event is of the kind {text!r}.", mend)
        return text

    def schema(self) -> Schema:
        return {"anyOf": [{"enum": [*GROUPS, "*"]}, {"type": "string", "pattern": r"^[a-z-]+\.[a-z_*-]+$"}]}


def _misspelt(text: str) -> str:
    """Nearly a state of deployments, which is the most usual thing to ask for. Other kinds are not all known here."""
    states = [f"deployment.{state.value}" for state in State]
    if "*" in text or text in states or text in PREDICATES or text.endswith("_asked"):
        return ""
    near = difflib.get_close_matches(text, states, n=1, cutoff=0.9)
    return f"Did you mean {near[0]!r}?" if near else ""


class Gathered:
    """``1h``, or ``daily 09:00 Europe/Berlin``."""

    _EVERY = duration("a time between digests", 60, 7 * 86400)

    def read(self, at: At) -> Rhythm:
        what = "a time between digests such as 1h, or daily 09:00 Europe/Berlin"
        text = written(at, what).text
        if not text.startswith("daily"):
            return Rhythm(every=self._EVERY.read(at))
        found = re.fullmatch(r"daily ([01]?[0-9]|2[0-3]):([0-5][0-9])(?: (\S+))?", text)
        if found is None:
            raise at.expected(what, "Write the time of day as 09:00, and a time zone behind it; UTC without one.")
        return Rhythm(minute=int(found[1]) * 60 + int(found[2]), zone=_zone(at, found[3] or "UTC"))

    def schema(self) -> Schema:
        daily = {"type": "string", "pattern": r"^daily ([01]?[0-9]|2[0-3]):[0-5][0-9]( \S+)?$"}
        return {"anyOf": [self._EVERY.schema(), daily]}


def _zone(at: At, name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, KeyError) as error:  # a folder, a path, a name that is not there
        raise at.refused(f"there is no time zone {name!r}.", "Write one such as Europe/Berlin or UTC.") from error


RULE = Form(
    "a rule",
    NotificationRule,
    (
        Field("to", NAME, "The channel.", required=True, stand_in=""),
        Field("on", OneOrSeveral("groups or kinds of events", Heard()),
              "What it hears of; without it, failures, waits and approvals."),
        Field("applications", Several("applications", NAME, least=1), "Only of these applications."),
        Field("digest", Gathered(), "Gathered, and told together: 1h, or daily 09:00 Europe/Berlin."),
    ),
    hints={
        "channel": "Did you mean 'to'?", "events": "Did you mean 'on'?", "when": "Did you mean 'on'?",
        "environments": "Write the rule in the environment.", "every": "Did you mean 'digest'?",
    },
)  # fmt: skip
NOTIFY = Field("notify", Several("rules", RULE), "Who hears of what, each rule with its channel.")


def notify_faults(read: Read[Catalogue]) -> Iterator[Problem]:
    """Rules whose channel is not there."""
    written_ones = [p.removeprefix("channels.") for p in read.lines if re.fullmatch(r"channels\.[^.\[]+", p)]
    places: list[tuple[str, tuple[NotificationRule, ...]]] = [("notify", read.value.notify)]
    places += [(f"environments.{e.name}.notify", e.notify) for e in read.value.environments.values()]
    for path, rules in places:
        for index, rule in enumerate(rules):
            if rule.to and rule.to not in written_ones:
                there = listing(written_ones) or "none"
                mend = nearest(rule.to, written_ones) or f"Add channels: {{{rule.to}: ...}} at the top of the file."
                yield read.problem(f"{path}[{index}].to", f"there is no channel {rule.to!r}; there are: {there}.", mend)
