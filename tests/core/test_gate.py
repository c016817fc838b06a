"""One verdict decides: a deny before a wait, a wait before a pass."""

from hypothesis import given
from hypothesis import strategies as some

from lockgate.core.gate import Answer, Verdict, weigh

VERDICTS = some.lists(
    some.builds(
        Verdict,
        some.sampled_from(["window", "approval", "order"]),
        some.sampled_from(Answer),
        some.just("because"),
        until=some.none() | some.floats(0, 100),
    ),
    max_size=5,
).map(tuple)


@given(VERDICTS)
def test_the_heaviest_answer_decides(verdicts: tuple[Verdict, ...]) -> None:
    answers = [v.answer for v in verdicts]
    heaviest = next((a for a in (Answer.DENY, Answer.WAIT) if a in answers), Answer.PASS)

    assert weigh(verdicts).answer is heaviest
    assert heaviest is Answer.PASS or weigh(verdicts) in verdicts


@given(VERDICTS)
def test_the_wait_that_lasts_longest_is_the_one_to_tell(verdicts: tuple[Verdict, ...]) -> None:
    deciding = weigh(verdicts)
    if deciding.answer is Answer.WAIT and deciding.until is not None:
        assert all(v.until is not None and v.until <= deciding.until for v in verdicts if v.answer is Answer.WAIT)


def test_the_first_deny_is_the_one_to_tell() -> None:
    first, second = Verdict("a", Answer.DENY, "no"), Verdict("b", Answer.DENY, "never")

    assert weigh((Verdict("c", Answer.WAIT, "later"), first, second)) is first


def test_no_gate_means_open() -> None:
    assert weigh(()).because == "Every gate is open."


def test_an_exemption_is_told_when_everything_passes() -> None:
    exempted = Verdict("window", Answer.PASS, "Rollbacks are exempt.", exempted=True)
    deciding = weigh((Verdict("a", Answer.PASS, "yes"), exempted))

    assert deciding.exempted and deciding.because == "Every gate lets it in. Rollbacks are exempt."
    assert not weigh((exempted, Verdict("b", Answer.WAIT, "later"))).exempted
