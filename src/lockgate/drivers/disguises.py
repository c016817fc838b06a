"""Disguises: the forms in which a secret turns up in what programs print and say. Pure."""

import base64
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 4
"""Characters. Shorter ones would be found in every other word, and are not secret for long."""
LINE = 8
"""Characters that a line of a longer secret must have to be one by itself: keys are printed line by line."""
ENCODED = 16 * 1024
"""Characters of a secret that is looked for in other forms than its own: nobody prints a longer one in Base64."""


def disguises(secret: str) -> Iterator[str]:
    """The text itself, with and without the space around it; in JSON, in Python, in a URL, in Base64 alone or as part
    of something longer; and its lines."""
    for whole in dict.fromkeys((secret, secret.strip())):
        if len(whole) >= SHORTEST:
            yield whole
            if len(whole) <= ENCODED:
                yield from _encoded(whole)
    lines = [line.strip() for line in secret.splitlines()]
    yield from (line for line in lines if len(line) >= (SHORTEST if len(lines) == 1 else LINE))


def _encoded(text: str) -> Iterator[str]:
    forms: tuple[Callable[[str], str], ...] = (
        lambda one: json.dumps(one)[1:-1],
        lambda one: json.dumps(one, ensure_ascii=False)[1:-1],
        lambda one: repr(one)[1:-1],
        lambda one: quote(one, safe=""),
        lambda one: _lowered(quote(one, safe="")),
        quote,
        quote_plus,
    )
    yield from (form for encode in forms if (form := encode(text)) != text)
    yield from _in_base64(text.encode())


def _lowered(quoted: str) -> str:
    """``%2F`` as some write it."""
    parts = quoted.split("%")
    return parts[0] + "".join(f"%{part[:2].lower()}{part[2:]}" for part in parts[1:])


def _in_base64(data: bytes) -> Iterator[str]:
    """Of three bytes each four characters are made, so there are three ways in which it may lie in something longer
    (``user:password``). What its neighbours have a part in is left out."""
    yield from {base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()}
    for before in range(3):
        lead, tail = -(-before * 4 // 3), (before + len(data)) % 3
        whole = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        inner = whole[lead : len(whole) - 1 if tail else None]
        for form in {inner, inner.translate(str.maketrans("+/", "-_"))}:
            if len(form) >= LINE:
                yield form
