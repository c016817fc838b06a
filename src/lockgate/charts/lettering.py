"""How wide letters are, so that no label is cut off: those of DejaVu Sans, the widest of the fonts that are common.

The font itself is chosen by whoever shows the picture, and is narrower on most machines.
"""

_HUNDREDTHS = {
    27: "'",
    30: "ijlIJ",
    34: " ,./:;\\|",
    39: "f-()[]t",
    50: '!r"*_`',
    59: "szc?LFkvxyP",
    64: "TYaoeESbdghnpqu$0123456789{}",
    70: "KAVBRXZC",
    79: "UHNDG&OQ",
    88: "w#+<=>^~M≤",
    100: "%mW@…",
    55: "⁻⁰¹²³⁴⁵⁶⁷⁸⁹",
}
"""Width in hundredths of the size -> letters that have no more."""

_WIDTHS = {letter: hundredths / 100 for hundredths, letters in _HUNDREDTHS.items() for letter in letters}

OF_LATIN, OF_OTHERS = 1.0, 1.4
"""Of letters that are not listed."""

BOLD = 1.13

CUT = "…"


def width(text: str, size: float, bold: bool = False) -> float:
    """At most so wide, in the unit of the size."""
    letters = sum(_WIDTHS.get(letter) or (OF_LATIN if letter < "\u0250" else OF_OTHERS) for letter in text)
    return letters * size * (BOLD if bold else 1.0)


def shortened(text: str, room: float, size: float, bold: bool = False) -> str:
    """The text, or as much of it as there is room for, with ``…`` behind; empty if not even that fits."""
    if width(text, size, bold) <= room:
        return text
    room -= width(CUT, size, bold)
    used, kept = 0.0, 0
    for letter in text:
        used += width(letter, size, bold)
        if used > room:
            break
        kept += 1
    return text[:kept].rstrip() + CUT if room >= 0 else ""


def wrapped(text: str, room: float, size: float, most: int) -> list[str]:
    """In lines, broken between words; at most so many lines, the last of them shortened."""
    lines = [""]
    words = text.split()
    for number, word in enumerate(words):
        longer = f"{lines[-1]} {word}".strip()
        if width(longer, size) <= room or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = " ".join([lines[-1], *words[number:]])
            break
    return [shortened(one, room, size) for one in lines if one]
