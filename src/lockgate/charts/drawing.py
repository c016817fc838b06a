"""Elements of an SVG as values, and their text: well-formed whatever the words in them are."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""

Attributes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Element:
    tag: str
    attributes: Attributes = ()
    inside: "tuple[Element | str, ...]" = ()

    def __str__(self) -> str:
        attributes = "".join(f' {name}="{said(value)}"' for name, value in self.attributes)
        if not self.inside:
            return f"<{self.tag}{attributes}/>"
        inside = "".join(said(part) if isinstance(part, str) else str(part) for part in self.inside)
        return f"<{self.tag}{attributes}>{inside}</{self.tag}>"


def element(tag: str, *inside: Element | str, kind: str = "", **attributes: float | str) -> Element:
    """``kind`` is its class. In names of attributes, ``_`` stands for ``-``; numbers keep one decimal."""
    named = [("class", kind)] if kind else []
    named += [(name.replace("_", "-"), _plain(value)) for name, value in attributes.items()]
    return Element(tag, tuple(named), inside)


def said(text: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", text))


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """``12.5``, ``12``, never ``-0``."""
    text = f"{value:.1f}"
    return text[:-2].replace("-0", "0") if text.endswith(".0") and text[:-2] == "-0" else text.removesuffix(".0")


def path(corners: Iterable[tuple[float, float]], closed: bool = False) -> str:
    """A line through these points."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in corners) + ("Z" if closed else "")
