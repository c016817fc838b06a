"""A release is raised through the environments in their order."""

from dataclasses import replace

import pytest

from lockgate.core.gate import Answer
from lockgate.gates.promotion_order import Facts, evaluate

NEW = Facts("web 2.0 (#3)", "prod", after="staging", succeeded_there=False)


def test_a_release_that_has_not_succeeded_before_is_denied_and_told_what_to_do() -> None:
    verdict = evaluate(NEW, 0.0)

    assert verdict.answer is Answer.DENY
    assert verdict.because == (
        "web 2.0 (#3) has not succeeded in staging yet, and prod comes after it. "
        "Deploy it to staging first; once it has succeeded there, it may enter prod."
    )
    assert verdict.who == "whoever may deploy to staging"


@pytest.mark.parametrize(
    ("facts", "because"),
    [
        (replace(NEW, after=None), "prod is the first environment."),
        (replace(NEW, succeeded_there=True), "web 2.0 (#3) succeeded in staging."),
        (replace(NEW, ran_here=True), "web 2.0 (#3) ran in prod before."),
        (replace(NEW, rollback=True), "A rollback brings back what ran here before."),
    ],
)
def test_a_release_passes(facts: Facts, because: str) -> None:
    verdict = evaluate(facts, 0.0)

    assert (verdict.answer, verdict.because) == (Answer.PASS, because)
