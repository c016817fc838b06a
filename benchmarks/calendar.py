"""What a calendar costs: reading a file, laying it out, and asking whether an environment is open, with up to 1000
windows.

    python -m benchmarks.calendar [--quick]

Windows repeat daily, weekly and monthly in three zones, half of them freezes. ``lookup``: is it open at a random moment
of the next year; ``opens``: when it opens next; ``gate``: the whole verdict with its sentence. Medians of processor
time, since nothing here waits. Prints a JSON object a line.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from lockgate.config.ics import read_ics
from lockgate.core.calendar import ROLLBACKS, Effect, WindowRule
from lockgate.core.environment import Environment
from lockgate.core.moment import DAY
from lockgate.core.timetable import HORIZON, expand
from lockgate.engine.almanac import Almanac
from lockgate.gates.window import Facts, evaluate

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo")
RULES = ("FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=MO,WE", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=WEEKLY;BYDAY=SA")


def calendar(windows: int, chance: random.Random) -> str:
    """As a program would export it."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Lockgate//benchmark//EN"]
    for number in range(windows):
        day = f"2025{chance.randint(1, 12):02}{chance.randint(1, 28):02}T{chance.randint(0, 23):02}0000"
        lines += ["BEGIN:VEVENT", f"UID:{number}", f"SUMMARY:Window {number}", f"DURATION:PT{chance.randint(1, 3)}H"]
        lines += [f"DTSTART;TZID={chance.choice(ZONES)}:{day}", f"RRULE:{chance.choice(RULES)}", "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def took(work: Callable[[], object], times: int) -> float:
    """Median of seconds."""
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return statistics.median(found)


def measured(windows: int, lookups: int, times: int) -> dict[str, float | int]:
    chance = random.Random(windows)
    texts = [calendar(windows // 2, chance) for _ in Effect]
    read = took(lambda: [read_ics(text, "x.ics", "UTC") for text in texts], times)
    rules = tuple(
        WindowRule(effect, "x.ics", "Europe/Berlin", read_ics(text, "x.ics", "UTC"))
        for effect, text in zip(Effect, texts, strict=True)
    )
    laid = took(lambda: expand(rules, ROLLBACKS, NOW - 40 * DAY, NOW + HORIZON), times)
    table = expand(rules, ROLLBACKS, NOW - 40 * DAY, NOW + HORIZON)
    moments = [NOW + chance.random() * 365 * DAY for _ in range(lookups)]
    almanac, prod = Almanac(), Environment("prod", windows=rules)
    almanac.timetable(prod, NOW)
    each = {
        "lookup_us": took(lambda: [table.closure(moment) for moment in moments], times),
        "opens_us": took(lambda: [table.opens(moment) for moment in moments], times),
        "gate_us": took(lambda: [evaluate(Facts("prod", almanac.timetable(prod, NOW)), m) for m in moments], times),
    }
    return {
        "windows": windows,
        "spans": len(table.spans),
        "read_ms": round(read * 1000, 1),
        "lay_out_ms": round(laid * 1000, 1),
        **{name: round(seconds / lookups * 1e6, 2) for name, seconds in each.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a part of the work")
    quick = parser.parse_args().quick
    read_ics(calendar(1, random.Random(0)), "x.ics", "UTC")  # what is imported once
    for windows in (10, 100, 1000):
        print(json.dumps(measured(windows, 2000 if quick else 20_000, 3 if quick else 7)), flush=True)


if __name__ == "__main__":
    main()
