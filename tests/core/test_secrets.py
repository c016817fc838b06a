"""Secrets are never shown, and what was recorded of where they are keeps its digest."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.discretion import hushed, masked
from lockgate.core.errors import Invalid, NotFound, Problem
from lockgate.core.ids import canonical
from lockgate.core.secret import Secret, SecretSource, SecretStore
from lockgate.messages import Fault, LogView, QuarantineView
from lockgate.messages.secrets import SetSecret


def test_however_it_is_printed_it_is_not_shown() -> None:
    secret = Secret("hunter2")
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r:>20}", f"{[secret]}"):
        assert "hunter2" not in shown
    assert "hunter2" not in repr(SetSecret("hunter2"))
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_place_that_was_recorded_before_it_could_be_pinned_keeps_its_digest() -> None:
    assert canonical(SecretSource(SecretStore.FILE, "/etc/key")) == b'{"name":"/etc/key","store":"file"}'


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (SecretSource(SecretStore.FILE, "/k", fingerprint="ab"), "file /k"),
        (SecretSource(SecretStore.KEPT, "A", environment="prod", version=3), "kept A version 3"),
        (SecretSource(SecretStore.VAULT, "secret/data/shop", key="pw"), "vault secret/data/shop#pw"),
    ],
)
def test_a_place_is_told_in_words(source: SecretSource, told: str) -> None:
    assert str(source) == told and source.anyhow.pinned is False


def mask(text: str) -> str:
    return text.replace("hunter2", "***")


def test_every_text_of_a_view_is_masked_at_any_depth_but_names() -> None:
    view = QuarantineView("hunter2", "prod", "rel-1", "hunter2 1", "it said hunter2", 1.0, "hunter2")
    assert masked(view, mask) == QuarantineView("hunter2", "prod", "rel-1", "hunter2 1", "it said ***", 1.0, "***")
    several = masked(((LogView(("a hunter2",), {"i": 1}), True), None), mask)
    assert several == ((LogView(("a ***",), {"i": 1}), True), None)
    fault = Fault("T", 422, "hunter2", "invalid", ({"where": "x", "because": "hunter2", "line": 3},))
    assert masked(fault, mask).problems == ({"where": "x", "because": "***", "line": 3},)


def test_what_holds_nothing_is_the_same_value() -> None:
    view = LogView(("quiet",), {})
    assert masked(view, mask) is view


def test_an_error_says_it_without() -> None:
    error = NotFound("There is no hunter2.", "Not hunter2.")
    hushed(error, mask)
    assert str(error) == "There is no ***. Not ***." and (error.because, error.mend) == ("There is no ***.", "Not ***.")
    several = Invalid([Problem("f", 1, "hunter2", "hunter2 is wrong.", "hunter2!")])
    hushed(several, mask)
    assert "hunter2" not in str(several) and several.problems == (Problem("f", 1, "***", "*** is wrong.", "***!"),)


@given(
    st.recursive(
        st.text() | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_whatever_there_is_nothing_is_left(value: object) -> None:
    def gone(text: str) -> str:
        return text.replace("a", "")

    def texts(one: object) -> list[str]:
        if isinstance(one, str):
            return [one]
        parts = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        return [text for part in parts for text in texts(part)]

    assert all("a" not in text for text in texts(masked(value, gone)))
