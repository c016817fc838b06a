"""Channels and rules: what they may hold, and what is said when they do not."""

import re

import pytest

from lockgate.config.environments_file import read_catalogue
from lockgate.core.errors import Invalid
from lockgate.core.notification import Channel, NotificationRule, Rhythm, Service
from lockgate.core.secret import SecretSource, SecretStore

FILE = SecretSource(SecretStore.FILE, "/x")
OLD, NEW = (SecretSource(SecretStore.VARIABLE, name) for name in ("OLD", "NEW"))


def channel(text: str) -> Channel:
    return read_catalogue(f"channels:\n  team: {text}\nenvironments: {{dev: {{}}}}\n").value.channels["team"]


def rule(text: str) -> NotificationRule:
    whole = f"channels: {{team: {{slack: {{url: {{file: /x}}}}}}}}\nenvironments:\n  dev:\n    notify: [{text}]\n"
    return read_catalogue(whole).value.environments["dev"].notify[0]


def refused(text: str, how: str) -> None:
    with pytest.raises(Invalid, match=how) as raised:
        (channel if how.startswith("channels") else rule)(text)
    assert all(problem.line for problem in raised.value.problems)


@pytest.mark.parametrize("service", ["slack", "teams", "apprise"])
def test_some_have_only_an_address(service: str) -> None:
    assert channel(f"{{{service}: {{url: {{file: /x}}}}}}") == Channel(
        "team", Service(service), secrets={"url": (FILE,)}
    )


def test_a_webhook_has_keys_as_many_as_are_in_use() -> None:
    one = channel("{webhook: {url: {file: /x}, secret: {variable: NEW}}}")
    two = channel("{webhook: {url: {file: /x}, secret: [{variable: NEW}, {variable: OLD}]}}")
    assert one.secrets == {"url": (FILE,), "secret": (NEW,)}
    assert two.secrets == {"url": (FILE,), "secret": (NEW, OLD)} and two.secret("secret") == NEW


def test_a_mailbox() -> None:
    found = channel(
        "{email: {smtp: '[::1]:25', from: a@b.c, to: [x@y.z, v@w.x], tls: none, user: u, password: {variable: NEW}}}"
    )
    assert found.settings == {"smtp": "[::1]:25", "from": "a@b.c", "tls": "none", "user": "u"}
    assert found.recipients == ("x@y.z", "v@w.x") and found.secrets == {"password": (NEW,)}
    assert channel("{email: {smtp: 'm.x:25', from: a@b.c, to: x@y.z}}").recipients == ("x@y.z",)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("{slack: {}}", "channels.team.slack: a Slack channel needs the field 'url'"),
        ("{slack: {webhook_url: {file: /x}}}", "Did you mean 'url'"),
        ("{mail: {}}", "Did you mean 'email'"),
        ("{pagerduty: {}}", "Write `apprise`"),
        ("{webhook: {url: {file: /x}}}", "needs the field 'secret'"),
        ("{webhook: {url: {file: /x}, secret: []}}", "a list of secrets that is not empty"),
        ("{email: {smtp: m.x, from: a@b.c, to: x@y.z}}", "587 and 465 are usual"),
        ("{email: {smtp: 'm.x:25', from: Ann <a@b.c>, to: x@y.z}}", "Write it without a name"),
        ("{email: {smtp: 'm.x:25', from: a@b.c, to: [\"x@y.z\\nBcc: v@w.x\"]}}", "an e-mail address"),
        ("{email: {smtp: 'm.x:25', from: a@b.c, to: x@y.z, tls: ssl}}", "Did you mean 'implicit'"),
        ("{email: {smtp: 'm.x:25', from: a@b.c, to: x@y.z, user: u}}", "the password is missing"),
        (
            "{email: {smtp: 'm.x:25', from: a@b.c, to: x@y.z, tls: none, user: u, password: {file: /x}}}",
            "would go over the network in clear",
        ),
    ],
)
def test_a_faulty_channel_is_refused_with_the_way_to_mend_it(text: str, how: str) -> None:
    with pytest.raises(Invalid, match=re.escape(how).replace("`", ".")):
        channel(text)


@pytest.mark.parametrize(
    "text",
    [
        "{slack: {url: https://hooks.example/hush}}",
        "{webhook: {url: {file: /x}, secret: hush-hush}}",
        "{webhook: {url: {file: /x}, secret: [hush-hush]}}",
        "{slack: https://hooks.example/hush}",
        "https://hooks.example/hush",
        "{email: {smtp: 'm.x:25', from: a@b.c, to: x@y.z, user: u, password: hush}}",
    ],
)
def test_a_secret_that_stands_in_the_file_is_not_repeated(text: str) -> None:
    with pytest.raises(Invalid) as raised:
        channel(text)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{to: team}", NotificationRule("team", ("failures", "waits", "approvals"))),
        ("{to: team, on: all}", NotificationRule("team", ("all",))),
        ("{to: team, on: '*'}", NotificationRule("team", ("*",))),
        (
            "{to: team, on: [waits, 'deployment.*', approval.given]}",
            NotificationRule("team", ("waits", "deployment.*", "approval.given")),
        ),
        ("{to: team, applications: [shop]}", NotificationRule("team", applications=("shop",))),
        ("{to: team, digest: 90m}", NotificationRule("team", digest=Rhythm(5400.0))),
        ("{to: team, digest: daily 7:05}", NotificationRule("team", digest=Rhythm(minute=425))),
        (
            "{to: team, digest: daily 09:00 Europe/Berlin}",
            NotificationRule("team", digest=Rhythm(minute=540, zone="Europe/Berlin")),
        ),
        ("{to: team, on: deployment.pause_asked}", NotificationRule("team", ("deployment.pause_asked",))),
        ("{to: team, on: deployment.stage}", NotificationRule("team", ("deployment.stage",))),
    ],
)
def test_a_rule(text: str, expected: NotificationRule) -> None:
    assert rule(text) == expected


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("{on: all}", "a rule needs the field 'to'"),
        ("{channel: team}", "Did you mean 'to'"),
        ("{to: teem}", "there is no channel 'teem'; there are: team. Did you mean 'team'?"),
        ("{to: team, on: failure}", "there is no group 'failure'"),
        ("{to: team, on: deployment.faild}", "Did you mean 'deployment.failed'?"),
        ("{to: team, on: deployment.success full}", "Kinds are written with a dot"),
        ("{to: team, on: []}", "that is not empty"),
        ("{to: team, digest: 1s}", "out of range"),
        ("{to: team, digest: daily 24:00}", "Write the time of day as 09:00"),
        ("{to: team, digest: daily 09:00 ../../etc/passwd}", "there is no time zone"),
        ("{to: team, digest: daily 09:00 Europe}", "there is no time zone"),
        ("{to: team, digest: weekly}", "a time between digests"),
    ],
)
def test_a_faulty_rule_is_refused_with_the_way_to_mend_it(text: str, how: str) -> None:
    with pytest.raises(Invalid, match=re.escape(how)) as raised:
        rule(text)
    assert all(problem.line for problem in raised.value.problems)


def test_a_faulty_channel_is_still_one_for_the_rules_that_name_it() -> None:
    with pytest.raises(Invalid) as raised:
        read_catalogue("channels: {team: {slack: {}}}\nnotify: [{to: team}]\nenvironments: {dev: {}}\n")
    assert "there is no channel" not in str(raised.value)
