"""Slack, by an incoming webhook; Mattermost and Rocket.Chat understand the same.

Names come from outside, so nothing in them means anything here: Slack's own marks are written as entities, and a word
that would call everybody is broken.
"""

import re

import msgspec

from lockgate.core.message import Link, Message, Tone, cut
from lockgate.core.notification import Channel
from lockgate.drivers.posting import Poster, Reveal, url_of
from lockgate.ports import Parcel

_CALLS = re.compile(r"@(?=channel|here|everyone|all\b|group\b)", re.IGNORECASE)
_MARKS = {Tone.GOOD: "✅", Tone.BAD: "🔴", Tone.WAITS: "⏳", Tone.PLAIN: ""}

HEADER, SECTION, SECTIONS, BUTTONS, LABEL, ADDRESS = 150, 2900, 40, 5, 70, 3000
"""What Slack takes, a little less where it counts after escaping."""


class SlackNotifier:
    """:class:`lockgate.ports.Notifier` for Slack."""

    def __init__(self, poster: Poster, reveal: Reveal) -> None:
        self._poster = poster
        self._reveal = reveal

    def send(self, channel: Channel, parcel: Parcel) -> str:
        body = msgspec.json.encode(payload(parcel.message))
        self._poster.post(url_of(channel, self._reveal), body, {"content-type": "application/json"}, parcel.sent_at)
        return ""


def payload(message: Message) -> dict[str, object]:
    """The message in Slack's words. ``text`` is what notifications of devices show."""
    blocks: list[dict[str, object]] = [_section(f"*{escaped(_bare(_title(message, HEADER)))}*")]
    blocks += [_section(escaped(cut(sentence, SECTION // 2))) for sentence in message.sentences[:SECTIONS]]
    if message.links:
        buttons = [_button(link) for link in message.links[:BUTTONS] if len(link.url) <= ADDRESS]
        blocks.append({"type": "actions", "elements": buttons})
    return {"text": escaped(_title(message, HEADER)), "blocks": blocks, "link_names": False, "parse": "none"}


def escaped(text: str) -> str:
    """Text that stands for itself."""
    entities = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _CALLS.sub("@\u200b", entities)


def _title(message: Message, most: int) -> str:
    return cut(f"{_MARKS[message.tone]} {message.title}".strip(), most)


def _bare(text: str) -> str:
    """An asterisk would end the bold print."""
    return text.replace("*", "∗")


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION), "verbatim": True}}


def _button(link: Link) -> dict[str, object]:
    label = {"type": "plain_text", "text": escaped(cut(link.label, LABEL)), "emoji": False}
    return {"type": "button", "text": label, "url": link.url}
