"""Kinds of single values: text, names, numbers, durations, sizes. Each says what it expected and what it was given."""

import re
from dataclasses import dataclass
from decimal import Decimal

from lockgate.config.document import Scalar
from lockgate.config.form import At, Schema

TEXT_TYPES = ["string", "number", "boolean"]
"""What an editor may take an unquoted text for (``version: 1.10``); we take the text as it is written."""
MAX_TEXT = 32 * 1024
"""Characters. The kernel's limit for one word of a command or environment is 128 KiB."""
SAFE_INTEGER = 2**53 - 1
"""Canonical JSON, and so a digest, holds no greater whole number exactly."""

_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_LIKE_A_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def written(at: At, what: str, mend: str = "") -> Scalar:
    """The scalar there, if there is one and something is written in it."""
    if not isinstance(at.node, Scalar):
        raise at.expected(what, mend or "Put it in quotes if it begins with { or [.")
    if at.node.is_nothing:
        raise at.expected(what, mend or 'Write it after the colon, or remove the line; empty text is "".')
    return at.node


@dataclass(frozen=True, slots=True)
class Text:
    """Text, as it is written: ``no``, ``1.10`` and ``0644`` stay themselves."""

    what: str = "text"
    pattern: str = ""
    """It must match from end to end."""
    rule: str = ""
    """The pattern in words."""
    empty: bool = True

    def read(self, at: At) -> str:
        text = written(at, self.what).text
        if len(text) > MAX_TEXT:
            raise at.refused(f"the text is {len(text)} characters long.", f"At most {MAX_TEXT} are read.")
        if not text and not self.empty:
            raise at.expected(self.what, "Write it after the colon.")
        if self.pattern and not self.matches(text):
            raise at.expected(self.what, self.rule)
        return text

    def matches(self, text: str) -> bool:
        """Whether it fits the pattern, from end to end."""
        return re.fullmatch(self.pattern, text) is not None

    def schema(self) -> Schema:
        if self.pattern:
            return {"type": TEXT_TYPES, "pattern": f"^(?:{self.pattern})$"}
        return {"type": TEXT_TYPES, "maxLength": MAX_TEXT, **({} if self.empty else {"minLength": 1})}


NAME = Text(
    "a name",
    r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?",
    "Names have lower-case letters, digits and hyphens inside, and at most 40 characters.",
)
VALUE_NAME = Text(
    "the name of a value",
    r"[A-Za-z0-9_.-]{1,64}",
    "Names of values have letters, digits, _, . and -, at most 64 characters.",
)
SECRET_NAME = Text(
    "the name of a secret",
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}",
    "Names of secrets have letters, digits, _, . and -, no dot or hyphen first, at most 64 characters.",
)
VARIABLE = Text(
    "the name of an environment variable", r"[A-Za-z_][A-Za-z0-9_]*", "They have letters, digits and _, no digit first."
)
URL_PATH = Text(
    "a path such as /health",
    r"/[!\"$-~]*",
    "It begins with / and has no spaces, no # and nothing outside ASCII (write %20 and the like).",
)
HEADER_NAME = Text(
    "the name of a header", r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", "Headers are named by letters, digits and hyphens."
)
HEADER_VALUE = Text("the value of a header", r"[ -~\t\u0080-\uffff]*", "It is one line of text.")
FILE_NAME = Text(
    "the name of a file in the working folder",
    r"(?!/)(?!.*(?:^|/)\.{1,2}(?:/|$))(?!.*//)[^\\]*[^\\/]",
    "It is a path inside that folder, such as data.db or conf/site.conf: not absolute, without .. in it.",
)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between two others."""

    what: str
    least: int
    most: int

    def read(self, at: At) -> int:
        scalar = written(at, self._expected())
        if scalar.quoted and _WHOLE.fullmatch(scalar.text):
            raise at.refused(f"expected {self._expected()}, got text {scalar.text!r}.", "Remove the quotes.")
        if not _WHOLE.fullmatch(scalar.text):
            raise at.expected(self._expected())
        number = int(scalar.text)
        if not self.least <= number <= self.most:
            raise at.refused(f"{number} is out of range: {self.what} is {self.least} to {self.most}.")
        return number

    def _expected(self) -> str:
        return f"{self.what} (a whole number, {self.least} to {self.most})"

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class YesOrNo:
    """``true`` or ``false``."""

    def read(self, at: At) -> bool:
        scalar = written(at, "true or false")
        if scalar.quoted or scalar.text not in ("true", "True", "TRUE", "false", "False", "FALSE"):
            raise at.expected("true or false", "Remove the quotes." if scalar.quoted else "")
        return scalar.text.lower() == "true"

    def schema(self) -> Schema:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with a unit, or a bare number of the first unit."""

    what: str
    example: str
    units: tuple[tuple[str, Decimal], ...]
    """Unit -> how many of the first one it is; the first is 1. Decimal, so that 1100ms is 1.1 and nothing near it."""
    least: float
    most: float

    def read(self, at: At) -> float:
        expected = f"{self.what} such as {self.example}"
        text = written(at, expected).text
        found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([A-Za-z%]*)", text)
        factors = {"": Decimal(1), **dict(self.units)}
        if found is None or found[2] not in factors:
            names = ", ".join(unit for unit, _ in self.units if unit)
            raise at.expected(expected, f"The units are {names}." if names else "")
        amount = float(Decimal(found[1]) * factors[found[2]])
        if not self.least <= amount <= self.most:
            between = f"{self.shown(self.least)} to {self.shown(self.most)}"
            raise at.refused(f"{text} is out of range: {self.what} is {between}.")
        return amount

    def shown(self, amount: float) -> str:
        """In the greatest unit that makes it a whole number."""
        for unit, factor in sorted(self.units, key=lambda pair: -pair[1]):
            if amount and (amount / float(factor)).is_integer():
                return f"{amount / float(factor):.0f}{unit}"
        return f"{amount:g}{self.units[0][0]}"

    def schema(self) -> Schema:
        units = "|".join(unit for unit, _ in self.units if unit)
        pattern = r"^[0-9]+(\.[0-9]+)?" + (f" ?({units})?$" if units else "$")
        number = {"type": "number", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [number, {"type": "string", "pattern": pattern}]}


_SECONDS = (("s", Decimal(1)), ("ms", Decimal("0.001")), ("m", Decimal(60)), ("h", Decimal(3600)))
_BYTES = (
    ("B", Decimal(1)),
    *((f"{letter}B", Decimal(1000) ** power) for power, letter in enumerate("kMGT", 1)),
    *((f"{letter}iB", Decimal(1024) ** power) for power, letter in enumerate("KMGT", 1)),
)


def duration(what: str, least: float, most: float) -> Measure:
    """Seconds."""
    return Measure(what, "10s", _SECONDS, least, most)


def number(what: str, example: str, least: float, most: float) -> Measure:
    """Without a unit."""
    return Measure(what, example, (("", Decimal(1)),), least, most)


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes: ``256MiB``, ``1GB``; a bare number is bytes."""

    what: str
    least: int
    most: int

    def read(self, at: At) -> int:
        return int(self._measure().read(at))

    def schema(self) -> Schema:
        return self._measure().schema()

    def _measure(self) -> Measure:
        return Measure(self.what, "256MiB", _BYTES, self.least, self.most)


@dataclass(frozen=True, slots=True)
class JsonValue:
    """What a field of a JSON answer must be: text, a whole number, true, false or null. Quotes make text."""

    def read(self, at: At) -> str | int | bool | None:
        what = "text, a whole number, true, false or null"
        if not isinstance(at.node, Scalar):
            raise at.expected(what, "Name one field of the answer by its path, such as rows.0.id.")
        text = at.node.text
        if at.node.quoted:
            return text
        if at.node.is_nothing:
            return None
        if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
            return text.lower() == "true"
        if _WHOLE.fullmatch(text) and abs(int(text)) <= SAFE_INTEGER:
            return int(text)
        if _LIKE_A_NUMBER.fullmatch(text):
            mend = "Numbers with a fraction, or beyond 2^53, do not compare exactly; check another field."
            raise at.expected(what, f"{mend} If text is meant, put it in quotes.")
        return text

    def schema(self) -> Schema:
        return {"type": ["string", "integer", "boolean", "null"]}
