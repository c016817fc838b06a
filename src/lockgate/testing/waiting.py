"""Waiting for something that happens elsewhere: bounded, and says what it waited for."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(happened: Callable[[], T], within: float = 20.0, every: float = 0.005) -> T:
    """The first true answer. Raises AssertionError with the last answer when there is none in time."""
    deadline = time.monotonic() + within
    while True:
        answer = happened()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"It has not happened within {within:g} s; the last answer was {answer!r}."
        time.sleep(every)
