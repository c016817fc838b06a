"""What an answer over HTTP must be, and the first fault as the reason."""

import pytest

from lockgate.core.application import HttpCheck
from lockgate.core.verification import Finding, HttpAnswer, judge

BODY = b'{"ok": true, "count": 1, "rows": [{"id": "a"}], "none": null}'


def answer(status: int = 200, body: bytes = BODY, seconds: float = 0.1, **headers: str) -> HttpAnswer:
    return HttpAnswer(status, headers, body, seconds)


@pytest.mark.parametrize(
    "check",
    [
        HttpCheck("/"),
        HttpCheck("/", contains='"ok"'),
        HttpCheck("/", within=0.1),
        HttpCheck("/", expect_headers={"Server": "x"}),
        HttpCheck("/", json={"ok": True, "count": 1, "rows.0.id": "a", "none": None}),
    ],
)
def test_an_answer_that_meets_the_check_passes(check: HttpCheck) -> None:
    result = judge(check, answer(server="x"), 5.0)

    assert (result.finding, result.because, result.at) == (Finding.PASSED, "answered 200", 5.0)


@pytest.mark.parametrize(
    ("check", "given", "because"),
    [
        (HttpCheck("/"), answer(400, b"bad\n  query"), "answered 400 instead of 200 (bad query)"),
        (HttpCheck("/"), answer(500, b""), "answered 500 instead of 200"),
        (HttpCheck("/", contains="x"), answer(), "the answer does not contain 'x'"),
        (HttpCheck("/", within=0.05), answer(), "it took 0.10 s, more than 0.05 s"),
        (HttpCheck("/", expect_headers={"Server": "x"}), answer(), "header Server is None instead of 'x'"),
        (HttpCheck("/", json={"ok": False}), answer(), "ok is true instead of false"),
        (HttpCheck("/", json={"ok": 1}), answer(), "ok is true instead of 1"),
        (HttpCheck("/", json={"count": True}), answer(), "count is 1 instead of true"),
        (HttpCheck("/", json={"rows.1.id": "a"}), answer(), "the answer has nothing at rows.1.id"),
        (HttpCheck("/", json={"rows.².id": "a"}), answer(), "the answer has nothing at rows.².id"),
        (HttpCheck("/", json={"rows.x": "a"}), answer(), "the answer has nothing at rows.x"),
        (HttpCheck("/", json={"ok": True}), answer(body=b"<html>"), "the answer is not JSON"),
        (HttpCheck("/", json={"ok": True}), answer(body=b"\xff"), "the answer is not JSON"),
        (HttpCheck("/", json={"ok": True}), answer(body=b"[" * 200_000), "the answer is not JSON"),
    ],
)
def test_the_first_fault_is_the_reason(check: HttpCheck, given: HttpAnswer, because: str) -> None:
    result = judge(check, given, 5.0)

    assert (result.finding, result.because) == (Finding.FAILED, because)
