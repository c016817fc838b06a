"""JSON -> values, by msgspec, for any number of threads.

msgspec learns a dataclass when it first reads one, and lets others see what it has learnt before that is complete: a
second thread that reads the same class in that moment ends the process by a segmentation fault (seen with 0.22). So
each type is learnt here, under a lock, before anything of it is read.
"""

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What comes of reading bytes that are no JSON, or none of the kind that was expected."""

_decoders: dict[Any, "msgspec.json.Decoder[Any]"] = {}
_learning = threading.Lock()


def decoded(data: bytes | str, kind: type[T]) -> T:
    """The value in JSON. Raises one of :data:`UNREADABLE`."""
    value: T = _decoder(kind).decode(data)
    return value


def converted(value: object, kind: type[T]) -> T:
    """What was decoded to objects and lists, as a value of the type. Raises :class:`msgspec.ValidationError`."""
    _decoder(kind)
    return msgspec.convert(value, kind)


def as_json(value: object) -> Any:
    """A value as objects and lists, with every field of it."""
    return msgspec.to_builtins(value)


def _decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    found = _decoders.get(kind)
    if found is None:
        with _learning:
            found = _decoders.get(kind) or msgspec.json.Decoder(kind)
            _decoders[kind] = found
    return found
