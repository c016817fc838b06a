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
    assert heaviest is not Answer.DENY or weigh(verdicts) in verdicts


@given(VERDICTS)
def test_it_waits_for_as_long_as_any_gate(verdicts: tuple[Verdict, ...]) -> None:
    deciding = weigh(verdicts)
    ends = [v.until for v in verdicts if v.answer is Answer.WAIT]
    if deciding.answer is Answer.WAIT:
        assert deciding.until == (None if None in ends else max(end for end in ends if end is not None))


APPROVAL = Verdict("approval", Answer.WAIT, "2 people of managers must approve it; none did. Look at it.", who="alice")
WINDOW = Verdict(
    "window", Answer.WAIT, "prod is frozen since A until B: Moved.", 50.0, "ops", short="prod is frozen until B"
)
SOAK = Verdict("soak", Answer.WAIT, "prod takes what has held dev for 2 h.", 20.0, "time")


def test_one_wait_is_told_in_full() -> None:
    assert weigh((Verdict("a", Answer.PASS, "yes"), WINDOW)) is WINDOW


def test_of_several_waits_all_are_told_those_first_where_somebody_has_to_act() -> None:
    deciding = weigh((WINDOW, SOAK, APPROVAL))
    assert deciding.because == (
        "It waits at 3 gates. Approval: 2 people of managers must approve it; none did; "
        "soak: prod takes what has held dev for 2 h; window: prod is frozen until B."
    )
    assert (deciding.until, deciding.who) == (None, "alice")
    both = weigh((WINDOW, SOAK))
    assert (both.until, both.who) == (50.0, "time; ops")


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
