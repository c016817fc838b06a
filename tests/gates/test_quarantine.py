"""A release that failed in an environment stays out of it until somebody lifts the quarantine."""

from lockgate.core.gate import Answer
from lockgate.gates.quarantine import Facts, evaluate

NOON = 1_800_014_400.0


def test_a_release_that_is_not_barred_passes() -> None:
    verdict = evaluate(Facts("web 2.0 (#3)", "prod"), NOON)

    assert verdict.answer is Answer.PASS
    assert verdict.because == "web 2.0 (#3) is not barred from prod."


def test_a_barred_release_is_denied_with_the_reason_and_the_way_out() -> None:
    verdict = evaluate(Facts("web 2.0 (#3)", "prod", "GET /items answered 400 instead of 200.", NOON - 60), NOON)

    assert verdict.answer is Answer.DENY
    assert verdict.because == (
        "web 2.0 (#3) is quarantined in prod since 2027-01-15 11:59 UTC: GET /items answered 400 instead of 200. "
        "Deploy a release that mends it, or lift the quarantine with `lockgate quarantine lift`."
    )
    assert verdict.who
    assert verdict.until is None


def test_a_bar_without_a_reason_or_a_time_still_bars() -> None:
    assert evaluate(Facts("web 2.0", "prod", "", NOON), NOON).answer is Answer.DENY
    assert evaluate(Facts("web 2.0", "prod", "it is bad", None), NOON).answer is Answer.DENY


def test_the_sentence_does_not_change_while_time_passes() -> None:
    facts = Facts("web 2.0", "prod", "it is bad", NOON)

    assert evaluate(facts, NOON) == evaluate(facts, NOON + 86_400)
