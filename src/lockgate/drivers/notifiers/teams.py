"""Teams, by a webhook of Workflows ("when a Teams webhook request is received"), as an Adaptive Card.

Text stands in rich text blocks, which know no Markdown: a name cannot become a link, or mention anybody.
"""

from collections.abc import Sequence

import msgspec

from lockgate.core.message import Message, Tone, cut
from lockgate.core.notification import Channel
from lockgate.drivers.posting import Poster, Reveal, url_of
from lockgate.ports import Parcel

_COLOURS = {Tone.GOOD: "Good", Tone.BAD: "Attention", Tone.WAITS: "Warning", Tone.PLAIN: "Default"}

PARAGRAPH, WHOLE, ACTIONS, ADDRESS = 2000, 18_000, 6, 1000
"""Characters of one paragraph; bytes of all, below the 28 KB that Teams takes; buttons on a card, and characters of
where they lead."""


class TeamsNotifier:
    """:class:`lockgate.ports.Notifier` for Teams."""

    def __init__(self, poster: Poster, reveal: Reveal) -> None:
        self._poster = poster
        self._reveal = reveal

    def send(self, channel: Channel, parcel: Parcel) -> str:
        body = msgspec.json.encode(payload(parcel.message))
        self._poster.post(url_of(channel, self._reveal), body, {"content-type": "application/json"}, parcel.sent_at)
        return ""


def payload(message: Message) -> dict[str, object]:
    """The message as a card."""
    title = _text(message.title, weight="Bolder", size="Medium", color=_COLOURS[message.tone])
    links = [
        {"type": "Action.OpenUrl", "title": cut(link.label, 100), "url": link.url}
        for link in message.links[:ACTIONS]
        if len(link.url) <= ADDRESS
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, *map(_text, _fitting(message.sentences))],
        **({"actions": links} if links else {}),
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _fitting(sentences: Sequence[str]) -> list[str]:
    """As many as there is room for."""
    found: list[str] = []
    left = WHOLE
    for sentence in sentences:
        text = cut(sentence, PARAGRAPH)
        left -= len(msgspec.json.encode(text)) + 60
        if left < 0:
            return [*found, "…"]
        found.append(text)
    return found


def _text(text: str, **style: str) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}
