"""CEF lines are what ArcSight's implementation standard says: escaped where it says so, and only there."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lockgate.core.audit import Event
from lockgate.core.cef import cef_line

_HEADER = r"(?:[^|\\]|\\.)*"
LINE = re.compile(rf"CEF:0(?:\|{_HEADER}){{5}}\|(?:10|[0-9])\|(?P<extension>.*)", re.DOTALL)
_PAIR = re.compile(r"(?:^| )(?P<key>[A-Za-z0-9]+)=(?P<value>(?:[^=\\]|\\.)*?)(?=(?: [A-Za-z0-9]+=)|$)", re.DOTALL)


def pairs(line: str) -> dict[str, str]:
    """As a collector reads them."""
    found = LINE.fullmatch(line)
    assert found
    back = {r"\n": "\n", r"\=": "=", r"\\": "\\"}
    return {
        one["key"]: re.sub(r"\\[n=\\]", lambda hit: back[hit[0]], one["value"])
        for one in _PAIR.finditer(found["extension"])
    }


def test_an_entry_as_a_line() -> None:
    event = Event(
        "deployment.requested",
        1_800_000_000.5,
        "shop 1.0 (#1) to prod: a|b=c\\d",
        actor="ada",
        application="shop",
        environment="prod",
        deployment="dep-7",
        release="rel-1",
        address="127.0.0.1",
        commit="c0ffee",
        artifacts={"web": "sha256:12"},
    )
    assert cef_line(7, event, "0.1|0") == (
        "CEF:0|Lockgate|Lockgate|0.1\\|0|deployment.requested|deployment requested|3|rt=1800000000500 externalId=7 "
        "suser=ada act=deployment.requested src=127.0.0.1 msg=shop 1.0 (#1) to prod: a|b\\=c\\\\d "
        "cs1Label=application cs1=shop cs2Label=environment cs2=prod cs3Label=deployment cs3=dep-7 "
        "cs4Label=release cs4=rel-1 cs5Label=commit cs5=c0ffee cs6Label=artifacts cs6=web\\=sha256:12"
    )


@given(some.text(), some.text(min_size=1))
def test_any_text_stays_on_its_line_and_in_its_field(because: str, actor: str) -> None:
    line = cef_line(1, Event("quarantine.set", 0.0, because, actor=actor), "1")
    assert "\n" not in line and "\r" not in line
    read = pairs(line)
    assert (read["suser"], read["msg"]) == (
        actor.replace("\r\n", "\n").replace("\r", "\n"),
        because.replace("\r\n", "\n").replace("\r", "\n"),
    )


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("", {}),
        ("10.0.0.7", {"src": "10.0.0.7"}),
        ("::1", {"c6a2Label": "source", "c6a2": "::1"}),
        ("127.0.0.1 for 10.0.0.7", {"src": "127.0.0.1", "sourceTranslatedAddress": "10.0.0.7"}),
    ],
)
def test_an_address_has_the_field_of_its_kind(address: str, fields: dict[str, str]) -> None:
    read = pairs(cef_line(1, Event("x.y", 0.0, "z", address=address), "1"))
    known = {"rt", "externalId", "suser", "act", "msg"}
    assert {key: value for key, value in read.items() if key not in known} == fields
