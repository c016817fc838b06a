"""An emergency that nobody has looked at in time keeps ordinary deployments waiting."""

from dataclasses import replace

from lockgate.core.approval import Review
from lockgate.core.gate import Answer
from lockgate.gates.review import Facts, evaluate

NOON = 1_800_014_400.0
BROKEN = Review("dep-4", "shop", "prod", "dave", "the shop is down", NOON - 86400, NOON, ("managers",))
FACTS = Facts("prod", (BROKEN,))


def test_it_opens_until_the_review_is_due() -> None:
    assert evaluate(FACTS, NOON - 1).answer is Answer.PASS
    assert evaluate(Facts("prod"), NOON).answer is Answer.PASS


def test_then_it_waits_and_says_who_can_end_that() -> None:
    verdict = evaluate(FACTS, NOON)
    assert verdict.answer is Answer.WAIT
    assert verdict.because == (
        "dep-4 broke the glass in prod (dave: the shop is down), and a second person should have looked at it by "
        "2027-01-15 12:00 UTC. Confirm it with: lockgate review dep-4"
    )
    assert verdict.who == "a member of managers other than dave"


def test_what_is_urgent_passes() -> None:
    assert evaluate(replace(FACTS, urgent=True), NOON).answer is Answer.PASS


def test_what_somebody_has_looked_at_is_over() -> None:
    assert evaluate(Facts("prod", (replace(BROKEN, person="bob"),)), NOON).answer is Answer.PASS
