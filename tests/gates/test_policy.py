"""The rules of an environment decide together: one deny denies, else one wait waits; advice hinders nothing."""

from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.gate import Answer
from lockgate.gates.policy import Facts, Judged, evaluate

NOON = 1_800_014_400.0
HOLDS = Judged("small", "sha256:" + "a" * 64, Answer.DENY, True)
DENIES = Judged("scanned", "sha256:" + "b" * 64, Answer.DENY, False, "2 findings are open")
WAITS = Judged("soaked", "sha256:" + "c" * 64, Answer.WAIT, False, "It has not run for 2 h.")
ADVISES = Judged("tidy", "sha256:" + "d" * 64, Answer.PASS, False, "It could be smaller.")


def facts(*judged: Judged) -> Facts:
    return Facts("prod", len(judged), judged)


def test_without_policies_it_passes() -> None:
    assert evaluate(facts(), NOON).because == "prod has no policies."


def test_a_policy_that_does_not_hold_denies_by_its_name_version_and_message() -> None:
    verdict = evaluate(facts(HOLDS, DENIES, WAITS, ADVISES), NOON)
    assert verdict.answer is Answer.DENY
    assert verdict.because == "Policy scanned (version bbbbbbbbbbbb) denies it: 2 findings are open."
    assert verdict.who == "whoever can mend that, or changes the policies of prod"


def test_one_that_makes_wait_waits_until_it_is_asked_again() -> None:
    verdict = evaluate(facts(HOLDS, WAITS), NOON)
    assert (verdict.answer, verdict.until) == (Answer.WAIT, None)
    assert verdict.because == "Policy soaked (version cccccccccccc) makes it wait: It has not run for 2 h."


def test_advice_is_told_with_the_pass() -> None:
    verdict = evaluate(facts(HOLDS, ADVISES), NOON)
    assert verdict.answer is Answer.PASS
    assert verdict.because == "1 of 2 policies hold. Policy tidy advises against it: It could be smaller."


def test_policies_that_nobody_has_looked_up_do_not_pass() -> None:
    assert evaluate(Facts("prod", 2, ()), NOON).answer is Answer.WAIT


def test_every_answer_is_on_record_with_the_digest() -> None:
    assert evaluate(facts(HOLDS, DENIES, ADVISES, HOLDS), NOON).record == {
        "small": f"{HOLDS.digest} pass",
        "scanned": f"{DENIES.digest} deny",
        "tidy": f"{ADVISES.digest} advises",
        "small (2)": f"{HOLDS.digest} pass",
    }


judged = st.builds(
    Judged, st.sampled_from("abc"), st.sampled_from(["sha256:1", "sha256:2"]), st.sampled_from(Answer), st.booleans()
)


@given(st.lists(judged, max_size=8))
def test_it_passes_only_if_everything_that_enforces_holds(answers: list[Judged]) -> None:
    verdict = evaluate(facts(*answers), NOON)
    assert (verdict.answer is Answer.PASS) is all(one.holds or one.failing is Answer.PASS for one in answers)
    assert len(verdict.record) == len(answers)
