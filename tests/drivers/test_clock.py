"""Sleeping that a stir ends."""

import threading
import time

from lockgate.drivers.clock import SystemClock

LONG = 60.0


def test_a_stir_ends_every_sleep() -> None:
    clock = SystemClock()
    clock.stir()
    clock.sleep(LONG)  # this thread had not seen that one
    sleepers = [threading.Thread(target=lambda: (clock.sleep(LONG), clock.sleep(LONG))) for _ in range(3)]
    for sleeper in sleepers:
        sleeper.start()
    while any(sleeper.is_alive() for sleeper in sleepers):
        clock.stir()
        time.sleep(0.001)


def test_what_happened_since_the_last_sleep_is_not_slept_over() -> None:
    clock = SystemClock()
    clock.sleep(0.0)
    clock.stir()
    clock.stir()
    clock.sleep(LONG)


def test_a_stir_is_seen_once() -> None:
    clock = SystemClock()
    clock.stir()
    clock.sleep(LONG)
    began = time.monotonic()
    clock.sleep(0.05)
    assert time.monotonic() - began >= 0.04
