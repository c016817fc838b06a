"""A secret is recognised in every form that programs commonly give it, and nothing else is."""

import base64
import io
import json
import logging
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.secret import Secret
from lockgate.drivers.redaction import Redaction
from lockgate.drivers.redactor import RedactingFormatter, Redactor

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=60).filter(lambda t: len(t.strip()) >= 8)


def encodings(text: str) -> dict[str, str]:
    data = text.encode()
    return {
        "itself": text,
        "JSON": json.dumps({"a": text}),
        "JSON in Unicode": json.dumps({"a": text}, ensure_ascii=False),
        "Python": repr(text)[1:-1],
        "URL": quote(text, safe=""),
        "path": quote(text),
        "form": quote_plus(text),
        "Base64": base64.b64encode(data).decode(),
        "Base64 for URLs": base64.urlsafe_b64encode(data).decode(),
        **{f"Base64 behind {n}": base64.b64encode(b"u" * n + data).decode() for n in range(1, 4)},
    }


@given(TEXTS)
def test_a_secret_is_found_in_every_form(text: str) -> None:
    redaction, redactor = Redaction([text]), Redactor()
    redactor.add(Secret(text))
    for name, form in encodings(text).items():
        assert b"***" in redaction.masked(form.encode()), name
        masked = redactor.masked(form)
        assert "***" in masked and text not in masked, name


@given(TEXTS, TEXTS, st.binary(max_size=20))
def test_in_base64_no_more_than_a_character_at_its_ends_is_left(text: str, before: str, behind: bytes) -> None:
    redactor = Redactor()
    redactor.add(Secret(text))
    whole = base64.b64encode(before.encode() + text.encode() + behind).decode()
    left = redactor.masked(whole).replace("***", "")
    assert len(left) <= len(whole) - (len(text.encode()) * 4 // 3 - 3)


@given(st.text(st.characters(categories=["Lu"]), max_size=40))
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    redactor = Redactor()
    redactor.add(Secret("hunter2-lower"))
    assert redactor.masked(text) == text


def test_the_longer_of_two_is_masked_whole() -> None:
    redactor = Redactor()
    for text in ("pass", "password"):
        redactor.add(Secret(text))
    assert redactor.masked("my password, my pass") == "my ***, my ***"


def test_what_is_added_counts_at_once_also_for_what_is_read_in_pieces() -> None:
    redactor = Redactor()
    assert redactor.redaction().masked(b"hunter2") == b"hunter2"
    redactor.add(Secret("hunter2"))
    assert redactor.redaction().masked(b"hunter2") == b"***" and redactor.redaction() is redactor.redaction()


def test_a_log_with_its_traceback_is_masked() -> None:
    redactor, out = Redactor(), io.StringIO()
    redactor.add(Secret("hunter2\nsecond-line"))
    handler = logging.StreamHandler(out)
    handler.setFormatter(RedactingFormatter(redactor, "%(message)s"))
    logger = logging.getLogger("lockgate.tests.disguises")
    logger.addHandler(handler)
    try:
        raise RuntimeError("it was second-line")
    except RuntimeError:
        logger.exception("failed with %s", "hunter2\nsecond-line")
    finally:
        logger.removeHandler(handler)
    assert "failed with ***" in out.getvalue() and "it was ***" in out.getvalue() and "Traceback" in out.getvalue()


@pytest.mark.parametrize("piece", [7, 64, 1000])
def test_a_form_that_lies_across_two_pieces_is_masked(piece: int) -> None:
    secret = "hunter2/with+signs"
    written = f"a {quote(secret, safe='')} b {base64.b64encode(secret.encode()).decode()} c".encode()

    def read(after: int, limit: int) -> tuple[bytes, int]:
        data = written[after : min(after + limit, (after // piece + 1) * piece)]
        return data, after + len(data)

    whole, after, redaction = b"", 0, Redaction([secret])
    while after < len(written):
        data, following = redaction.read(read, after, piece)
        if following == after:
            break
        whole, after = whole + data, following
    assert whole == b"a *** b *** c"
