"""The gate secrets: what the plan says of its secrets still holds."""

from lockgate.core.gate import Answer
from lockgate.gates.secrets import Facts, evaluate

NOW = 1_800_000_000.0


def test_as_planned_it_passes_and_counts() -> None:
    assert evaluate(Facts("shop 1", "prod", versions=2), NOW).because == "2 secrets are as planned."
    assert evaluate(Facts("shop 1", "prod", versions=1), NOW).because == "1 secret is as planned."
    verdict = evaluate(Facts("shop 1", "prod"), NOW)
    assert (verdict.answer, verdict.because) == (Answer.PASS, "The plan names no content of a secret.")


def test_another_content_denies_and_says_what_to_do() -> None:
    verdict = evaluate(Facts("shop 1", "prod", {"KEY": "it is another one"}, versions=1), NOW)
    assert verdict.answer is Answer.DENY and verdict.who
    assert verdict.because == "A secret has changed since the plan was made: KEY: it is another one. Deploy again."


def test_a_rollback_passes_with_another_content_and_says_so_but_not_without_any() -> None:
    back = evaluate(Facts("shop 1", "prod", {"KEY": "it is another one"}, rollback=True), NOW)
    assert back.answer is Answer.PASS and "goes back, but not with all that it had" in back.because
    gone = evaluate(Facts("shop 1", "prod", {}, {"KEY": "version 1 was removed"}, rollback=True), NOW)
    assert gone.answer is Answer.DENY and "not there any more: KEY: version 1 was removed" in gone.because
