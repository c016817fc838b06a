"""A deployment that was asked for with a time waits until then."""

from datetime import UTC, datetime

from lockgate.core.gate import Answer
from lockgate.gates.schedule import Facts, evaluate

NINE = datetime(2026, 12, 1, 8, tzinfo=UTC).timestamp()


def test_without_a_time_it_passes() -> None:
    assert evaluate(Facts("prod"), NINE).answer is Answer.PASS


def test_before_its_time_it_waits_and_says_for_when() -> None:
    verdict = evaluate(Facts("prod", NINE, "Europe/Berlin", "ann"), NINE - 1)
    assert (verdict.answer, verdict.until) == (Answer.WAIT, NINE)
    assert verdict.because == "It is planned to begin Tue 2026-12-01 09:00 Europe/Berlin."
    assert verdict.who.startswith("ann,")


def test_from_its_time_on_it_passes() -> None:
    assert evaluate(Facts("prod", NINE), NINE).answer is Answer.PASS
