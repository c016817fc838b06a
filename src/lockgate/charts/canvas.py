"""A field of characters that dots are set in: eight in a braille character, or one letter where there is no Unicode."""

from dataclasses import dataclass, field

BRAILLE = 0x2800

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of the dot in this row and column of a character."""

LETTERS = {"against": "*", "good": "*", "canary": "*", "baseline": "o"}
"""In ASCII, where a curve cannot be dotted."""

Span = tuple[str, str]
"""Text, and the tone of the curve it belongs to; empty: none."""


@dataclass(slots=True)
class Canvas:
    """``columns`` and ``rows`` of characters. Dots are counted from the left and from the top."""

    columns: int
    rows: int
    unicode: bool = True
    _bits: dict[tuple[int, int], int] = field(default_factory=dict)
    _tones: dict[tuple[int, int], str] = field(default_factory=dict)

    @property
    def wide(self) -> int:
        """Dots from left to right."""
        return self.columns * (2 if self.unicode else 1)

    @property
    def high(self) -> int:
        return self.rows * (4 if self.unicode else 1)

    def dot(self, x: int, y: int, tone: str) -> None:
        """What is set later gives the character its tone."""
        if not (0 <= x < self.wide and 0 <= y < self.high):
            return
        place = (x // 2, y // 4) if self.unicode else (x, y)
        self._bits[place] = self._bits.get(place, 0) | (DOTS[y % 4][x % 2] if self.unicode else 1)
        self._tones[place] = tone

    def line(self, begin: tuple[int, int], end: tuple[int, int], tone: str, dotted: bool = False) -> None:
        """Straight; ``dotted``: every second dot only."""
        (x, y), (u, v) = begin, end
        length = max(abs(u - x), abs(v - y), 1)
        for step in range(length + 1):
            at = x + round((u - x) * step / length), y + round((v - y) * step / length)
            if not dotted or sum(at) % 2 == 0 or not self.unicode:
                self.dot(*at, tone)

    def row(self, number: int, ground: str = " ") -> list[Span]:
        """One row of characters, ``ground`` where nothing is set."""
        spans: list[Span] = []
        for column in range(self.columns):
            place = (column, number)
            bits, tone = self._bits.get(place, 0), self._tones.get(place, "")
            letter = (chr(BRAILLE + bits) if self.unicode else LETTERS.get(tone, "*")) if bits else ground
            if spans and spans[-1][1] == tone:
                spans[-1] = (spans[-1][0] + letter, tone)
            else:
                spans.append((letter, tone))
        return spans
