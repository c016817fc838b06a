"""Every other service, by the real Apprise, against a real server."""

import pytest

from lockgate.core.errors import ComponentMissing, Unavailable, Undeliverable
from lockgate.core.message import Message, Tone
from lockgate.core.notification import Service
from lockgate.drivers.notifiers.apprise import AppriseNotifier
from lockgate.ports import Parcel
from lockgate.testing.web_sink import Reply, WebSink
from tests.conftest import require_real
from tests.drivers.notifiers.conftest import NOW, Keeper

PARCEL = Parcel("ntf-1", Message("Title", ("One.", "Two."), tone=Tone.BAD), NOW)


@pytest.fixture
def apprise() -> None:
    try:
        __import__("apprise")
    except ModuleNotFoundError:
        require_real("Apprise is not installed")


@pytest.mark.real
@pytest.mark.usefixtures("apprise")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own
def test_a_message_arrives(keeper: Keeper, sink: WebSink) -> None:
    channel = keeper.channel(Service.APPRISE, {"url": f"json://127.0.0.1:{sink.port}/x"})
    assert AppriseNotifier(keeper).send(channel, PARCEL) == ""
    told = sink.received[0].json
    assert (told["title"], told["message"], told["type"]) == ("Title", "One.\n\nTwo.", "failure")


@pytest.mark.real
@pytest.mark.usefixtures("apprise")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own
def test_what_it_cannot_do_is_told_without_the_address(keeper: Keeper, sink: WebSink) -> None:
    sink.reply = Reply(500)
    with pytest.raises(Unavailable) as raised:
        AppriseNotifier(keeper).send(
            keeper.channel(Service.APPRISE, {"url": f"json://127.0.0.1:{sink.port}/hush"}), PARCEL
        )
    assert "hush" not in str(raised.value)
    with pytest.raises(Undeliverable) as refused:
        AppriseNotifier(keeper).send(keeper.channel(Service.APPRISE, {"url": "nothing-known://hush"}), PARCEL)
    assert "hush" not in str(refused.value)


def test_without_it_the_way_to_get_it_is_told(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    def missing(name: str) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ComponentMissing, match=r"Install lockgate\[apprise\]"):
        AppriseNotifier(keeper).send(keeper.channel(Service.APPRISE, {"url": "json://x"}), PARCEL)
