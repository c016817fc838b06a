"""Slack and Teams: what they are sent, and that nothing in a name means anything there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.message import Link, Message, Tone
from lockgate.core.notification import Service
from lockgate.drivers.notifiers import slack, teams
from lockgate.drivers.notifiers.slack import SlackNotifier
from lockgate.drivers.notifiers.teams import TeamsNotifier
from lockgate.drivers.posting import Poster
from lockgate.ports import Parcel
from lockgate.testing.web_sink import WebSink
from tests.drivers.notifiers.conftest import NOW, Keeper

MESSAGE = Message(
    "shop 2 (#3) in prod has failed",
    ("GET / answered 500.", "See why: lockgate explain dep-7"),
    (Link("Open the deployment", "https://deploy.example/deployments/dep-7"),),
    Tone.BAD,
)
HOSTILE = "<!channel> <@U123> <https://evil.example|click> &amp; @here @Everyone *bold*"


def test_slack_gets_text_blocks_and_buttons(keeper: Keeper, sink: WebSink) -> None:
    channel = keeper.channel(Service.SLACK, {"url": sink.url + "\n"})
    assert SlackNotifier(Poster(), keeper).send(channel, Parcel("ntf-1", MESSAGE, NOW)) == ""
    told = sink.received[0].json
    assert told["text"] == "🔴 shop 2 (#3) in prod has failed"
    texts = [block["text"]["text"] for block in told["blocks"] if block["type"] == "section"]
    assert texts == ["*🔴 shop 2 (#3) in prod has failed*", *MESSAGE.sentences]
    (button,) = told["blocks"][-1]["elements"]
    assert button["url"] == MESSAGE.links[0].url and button["text"]["text"] == "Open the deployment"
    assert sink.received[0].path == "/hooks/secret-path"


def strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("hostile", [HOSTILE, "@CHANNEL", "<!here>"])
@given(one=st.text(), two=st.text())
def test_in_slack_a_name_calls_nobody_and_links_nowhere(hostile: str, one: str, two: str) -> None:
    message = Message(f"{one}{hostile}", (f"{hostile}{two}",), (Link(f"{hostile}", "https://x/y"),))
    told = json.dumps(slack.payload(message), ensure_ascii=False)
    for text in strings(json.loads(told)):
        assert "<" not in text and ">" not in text
        lowered = text.lower()
        assert not any(f"@{word}" in lowered for word in ("channel", "here", "everyone"))
    assert '"link_names": false' in told


def test_slack_gets_no_more_than_it_takes() -> None:
    message = Message(
        "t" * 500, tuple("&" * 9000 for _ in range(90)), tuple(Link("l" * 99, "https://x") for _ in range(20))
    )
    told = slack.payload(message)
    blocks = told["blocks"]
    assert isinstance(blocks, list) and len(blocks) <= 50
    assert all(len(b["text"]["text"]) <= 3000 for b in blocks if b["type"] == "section")
    assert len(blocks[-1]["elements"]) <= 25 and all(len(e["text"]["text"]) <= 75 for e in blocks[-1]["elements"])


def test_teams_gets_an_adaptive_card(keeper: Keeper, sink: WebSink) -> None:
    channel = keeper.channel(Service.TEAMS, {"url": sink.url})
    TeamsNotifier(Poster(), keeper).send(channel, Parcel("ntf-1", MESSAGE, NOW))
    told = sink.received[0].json
    assert told["type"] == "message"
    (attachment,) = told["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    texts = [run["text"] for block in card["body"] for run in block["inlines"]]
    assert texts == [MESSAGE.title, *MESSAGE.sentences]
    assert card["body"][0]["inlines"][0]["color"] == "Attention"
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open the deployment", "url": MESSAGE.links[0].url}]


@given(st.text(), st.text())
def test_in_teams_a_name_is_text_in_a_place_that_knows_no_markdown(title: str, sentence: str) -> None:
    card = teams.payload(Message(title + "[x](https://evil.example)", (sentence + "<at>everyone</at>",)))
    body = card["attachments"][0]["content"]["body"]  # type: ignore[index]
    assert {block["type"] for block in body} == {"RichTextBlock"}
    assert {run["type"] for block in body for run in block["inlines"]} == {"TextRun"}
    assert "entities" not in json.dumps(card)


def test_teams_gets_no_more_than_it_takes() -> None:
    message = Message(
        "t" * 200, tuple("€" * 9000 for _ in range(90)), tuple(Link("l" * 99, "https://x") for _ in range(20))
    )
    whole = json.dumps(teams.payload(message), ensure_ascii=False).encode()
    assert len(whole) < 27_000 + 12_000  # three bytes for each of these
    assert len(teams.payload(message)["attachments"][0]["content"]["actions"]) <= 6  # type: ignore[index]
