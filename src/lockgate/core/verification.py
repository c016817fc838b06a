"""Verification: what a check found, and what that means for the deployment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lockgate.core.application import HttpCheck
from lockgate.core.discretion import Mask
from lockgate.core.ids import Instant

LOOKED_AT = 64 * 1024
"""Bytes of an answer, for what is told of it."""


class Finding(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    RUNNING = "running"
    """Not decided yet; look again."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check, done once."""

    check: str
    """Its label: ``GET /items.json``."""
    finding: Finding
    because: str
    """A sentence: ``answered 400 instead of 200``."""
    at: Instant
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    seconds: float


def judge(check: HttpCheck, answer: HttpAnswer, at: Instant, mask: Mask = str) -> CheckResult:
    """Whether the answer is what the check demands. The first fault found is the reason. ``mask``: what is told of the
    answer goes through it before it is cut."""
    fault = _fault(check, answer, mask)
    finding = Finding.FAILED if fault else Finding.PASSED
    return CheckResult(check.label(), finding, fault or f"answered {answer.status}", at, answer.seconds)


def _fault(check: HttpCheck, answer: HttpAnswer, mask: Mask) -> str:
    if answer.status != check.status:
        return f"answered {answer.status} instead of {check.status}{_glimpse(answer.body, mask)}"
    for name, value in check.expect_headers.items():
        got = answer.headers.get(name.lower())
        if got != value:
            return f"header {name} is {got!r} instead of {value!r}"
    if check.contains and check.contains.encode() not in answer.body:
        return f"the answer does not contain {check.contains!r}"
    if check.within is not None and answer.seconds > check.within:
        return f"it took {answer.seconds:.2f} s, more than {check.within:g} s"
    return _json_fault(check, answer) if check.json else ""


def _glimpse(body: bytes, mask: Mask) -> str:
    text = " ".join(mask(body[:LOOKED_AT].decode("utf-8", "replace")).split())[:160]
    return f" ({text})" if text else ""


def _json_fault(check: HttpCheck, answer: HttpAnswer) -> str:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return "the answer is not JSON"
    for path, wanted in check.json.items():
        found, got = _at(document, path)
        if not found:
            return f"the answer has nothing at {path}"
        if got != wanted or isinstance(got, bool) is not isinstance(wanted, bool):
            return f"{path} is {json.dumps(got)} instead of {json.dumps(wanted)}"
    return ""


def _at(document: object, path: str) -> tuple[bool, object]:
    for part in path.split("."):
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return False, None
    return True, document
