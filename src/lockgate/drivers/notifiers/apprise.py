"""Every other service, by Apprise, if that is installed (``lockgate[apprise]``).

Apprise says only whether it went well, and connects by itself: where to is not looked at.
"""

import importlib
from typing import Any

from lockgate.core.errors import ComponentMissing, Unavailable, Undeliverable
from lockgate.core.message import Tone, plain_text
from lockgate.core.notification import Channel
from lockgate.drivers.posting import Reveal, url_of
from lockgate.ports import Parcel

_TYPES = {Tone.GOOD: "success", Tone.BAD: "failure", Tone.WAITS: "warning", Tone.PLAIN: "info"}


class AppriseNotifier:
    """:class:`lockgate.ports.Notifier` for what Apprise knows."""

    def __init__(self, reveal: Reveal) -> None:
        self._reveal = reveal

    def send(self, channel: Channel, parcel: Parcel) -> str:
        apprise = _apprise()
        service = apprise.Apprise()
        if not service.add(url_of(channel, self._reveal)):
            raise Undeliverable(f"Apprise does not know the url of the channel {channel.name}.", "Look at its form.")
        message = parcel.message
        body = plain_text(message) or message.title
        if not service.notify(body, message.title, notify_type=_TYPES[message.tone], body_format="text"):
            raise Unavailable(f"The service of the channel {channel.name} did not take it; Apprise does not say why.")
        return ""


def _apprise() -> Any:
    """It takes 0.2 s and 20 MiB of who uses it."""
    try:
        return importlib.import_module("apprise")
    except ModuleNotFoundError as error:
        raise ComponentMissing("This channel needs Apprise.", "Install lockgate[apprise].") from error
