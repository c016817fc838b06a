"""A deployment waits while its environment is closed or frozen; what is exempt comes in, and it is said."""

from datetime import date, datetime

import pytest

from lockgate.core.calendar import ROLLBACKS, Effect, Occasion, WindowExemption, WindowRule
from lockgate.core.gate import Answer
from lockgate.core.moment import DAY
from lockgate.core.recurrence import Frequency, Repeats
from lockgate.core.timetable import expand
from lockgate.gates.window import Facts, evaluate

BERLIN = "Europe/Berlin"
HOURS = WindowRule(
    Effect.OPEN,
    "Mon-Thu 09:00-16:00",
    BERLIN,
    (
        Occasion(
            date(2000, 1, 3),
            9 * 3600,
            7 * 3600,
            BERLIN,
            repeats=Repeats(Frequency.WEEKLY, weekdays=frozenset((0, day) for day in range(4))),
        ),
    ),
)
CHRISTMAS = WindowRule(
    Effect.FREEZE,
    "2026-12-20 .. 2027-01-02",
    BERLIN,
    (Occasion(date(2026, 12, 20), 0, 14 * DAY, BERLIN),),
    "Nobody is there.",
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


MONDAY, NIGHT, DECEMBER = "2026-11-23T10:00:00+01:00", "2026-11-23T20:00:00+01:00", "2026-12-23T10:00:00+01:00"


def facts(*rules: WindowRule, exempt: frozenset[WindowExemption] = ROLLBACKS, **more: object) -> Facts:
    table = expand(rules, exempt, at("2026-11-01T00:00:00+00:00"), at("2027-11-01T00:00:00+00:00"))
    return Facts("prod", table, **more)  # type: ignore[arg-type]


def test_an_environment_without_windows_is_open_at_all_times() -> None:
    verdict = evaluate(facts(), at(MONDAY))
    assert (verdict.answer, verdict.because) == (Answer.PASS, "prod is open at all times.")


def test_it_is_open_within_its_windows_and_says_until_when() -> None:
    verdict = evaluate(facts(HOURS), at(MONDAY))
    assert verdict.answer is Answer.PASS and not verdict.exempted
    assert verdict.because == "prod is open until Mon 2026-11-23 16:00 Europe/Berlin."


def test_outside_of_its_windows_it_waits_until_it_opens() -> None:
    verdict = evaluate(facts(HOURS, owner="platform"), at(NIGHT))
    assert verdict.answer is Answer.WAIT
    assert verdict.because == (
        "prod is outside of its windows since Mon 2026-11-23 16:00 Europe/Berlin. "
        "It opens Tue 2026-11-24 09:00 Europe/Berlin."
    )
    assert verdict.until == at("2026-11-24T09:00:00+01:00")
    assert verdict.who == "platform of prod, by its windows"


def test_a_freeze_wins_over_what_is_open_and_it_opens_with_the_next_window_after_it() -> None:
    verdict = evaluate(facts(HOURS, CHRISTMAS), at(DECEMBER))
    assert verdict.answer is Answer.WAIT
    assert verdict.because == (
        "prod is frozen since Sun 2026-12-20 00:00 Europe/Berlin until Sun 2027-01-03 00:00 Europe/Berlin: "
        "Nobody is there. It opens Mon 2027-01-04 09:00 Europe/Berlin."
    )
    assert verdict.until == at("2027-01-04T09:00:00+01:00")


def test_the_sentence_does_not_change_while_it_waits() -> None:
    told = {evaluate(facts(HOURS, CHRISTMAS), at(DECEMBER) + hour * 3600).because for hour in range(48)}
    assert len(told) == 1


@pytest.mark.parametrize("when", [NIGHT, DECEMBER])
def test_a_rollback_comes_in_and_the_verdict_says_against_what(when: str) -> None:
    verdict = evaluate(facts(HOURS, CHRISTMAS, rollback=True, urgent=True, reason="r"), at(when))
    assert verdict.answer is Answer.PASS and verdict.exempted
    assert verdict.because.endswith("but rollbacks are exempt from that.")
    assert ("frozen until Sun 2027-01-03" in verdict.because) is (when == DECEMBER)


def test_without_the_exemption_a_rollback_waits_although_it_is_urgent() -> None:
    urgent_only = frozenset({WindowExemption.URGENT})
    verdict = evaluate(facts(CHRISTMAS, exempt=urgent_only, rollback=True, urgent=True, reason="r"), at(DECEMBER))
    assert verdict.answer is Answer.WAIT and "--urgent" not in verdict.because


def test_an_urgent_deployment_waits_like_any_other_unless_it_is_exempt() -> None:
    assert evaluate(facts(CHRISTMAS, urgent=True, reason="hotfix"), at(DECEMBER)).answer is Answer.WAIT


def test_an_exempt_urgent_deployment_needs_a_reason() -> None:
    exempt = frozenset({WindowExemption.URGENT})
    without = evaluate(facts(CHRISTMAS, exempt=exempt, urgent=True, reason=" "), at(DECEMBER))
    assert without.answer is Answer.WAIT
    assert "An urgent deployment may enter before that, with a reason: --urgent --reason TEXT." in without.because
    with_one = evaluate(facts(CHRISTMAS, exempt=exempt, urgent=True, reason="payments fail"), at(DECEMBER))
    assert with_one.answer is Answer.PASS and with_one.exempted
    assert with_one.because.endswith("urgent deployments with a reason are exempt from that. Reason: payments fail.")


def test_what_is_planned_is_asked_of_the_time_it_is_planned_for() -> None:
    verdict = evaluate(facts(HOURS, CHRISTMAS, not_before=at(DECEMBER)), at(MONDAY))
    assert verdict.answer is Answer.WAIT
    assert verdict.because == (
        "prod will be frozen at Wed 2026-12-23 10:00 Europe/Berlin, when this is meant to begin: Nobody is there. "
        "It opens Mon 2027-01-04 09:00 Europe/Berlin."
    )
    fine = evaluate(facts(HOURS, not_before=at(MONDAY)), at("2026-11-22T10:00:00+01:00"))
    assert fine.answer is Answer.PASS
    assert fine.because == "prod will be open until Mon 2026-11-23 16:00 Europe/Berlin."


def test_a_calendar_that_is_not_known_freezes_and_says_what_to_mend() -> None:
    broken = WindowRule(Effect.FREEZE, "holidays.ics", fault="holidays.ics:4: it repeats SECONDLY. Write another.")
    verdict = evaluate(facts(HOURS, broken), at(MONDAY))
    assert verdict.answer is Answer.WAIT and verdict.until is None
    assert verdict.because == (
        "prod counts as frozen, because its calendar is not known: holidays.ics:4: it repeats SECONDLY. "
        "Write another. It opens when that is mended."
    )
    assert evaluate(facts(broken, rollback=True), at(MONDAY)).exempted


def test_what_never_opens_says_so() -> None:
    past = WindowRule(Effect.OPEN, "2026-11-02", BERLIN, (Occasion(date(2026, 11, 2), 0, DAY, BERLIN),))
    verdict = evaluate(facts(past), at(MONDAY))
    assert verdict.answer is Answer.WAIT and verdict.until is None
    assert "It does not open within 400 days." in verdict.because
