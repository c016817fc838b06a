"""Template: text with ``{names}``, filled in more than one pass.

Values are known when a plan is made, addresses only when an instance starts. So braces that are meant themselves are
written doubled and stay so until the last pass, and whatever an earlier pass puts in has its own braces doubled: a
value is never taken for a name.
"""

import re
from collections.abc import Callable, Iterator

_PIECES = re.compile(r"(?P<literal>\{\{|\}\})|\{(?P<name>[^{}]*)\}|(?P<lone>[{}])")


def names(text: str) -> Iterator[str]:
    """Every name, in order: ``{port}`` gives ``port``."""
    return (piece["name"] for piece in _PIECES.finditer(text) if piece["name"] is not None)


def lone_braces(text: str) -> Iterator[str]:
    """Braces that neither belong to a name nor are doubled."""
    return (piece["lone"] for piece in _PIECES.finditer(text) if piece["lone"])


def mentions(text: str, name: str) -> bool:
    return name in names(text)


def fill(text: str, known: Callable[[str], str | None]) -> str:
    """One pass: each name that ``known`` gives a text for becomes that text; the others are left to a later pass."""

    def filled(piece: re.Match[str]) -> str:
        put = known(piece["name"]) if piece["name"] is not None else None
        return piece[0] if put is None else put.replace("{", "{{").replace("}", "}}")

    return _PIECES.sub(filled, text)


def finish(text: str, known: Callable[[str], str | None]) -> str:
    """The last pass: names are filled in, and doubled braces become single ones. Unknown names stay as written."""

    def finished(piece: re.Match[str]) -> str:
        if piece["literal"]:
            return piece["literal"][0]
        put = known(piece["name"]) if piece["name"] is not None else None
        return piece[0] if put is None else put

    return _PIECES.sub(finished, text)
