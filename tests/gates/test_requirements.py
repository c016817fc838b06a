"""Requirements: waits while what is required is not there, or while something would break."""

from lockgate.core.gate import Answer
from lockgate.gates.requirements import Dependant, Facts, Needed, evaluate

NEEDED = Needed("api", ">=2", "api 2.1 (#3)", "2.1")
SITE = Dependant("site", "site 5 (#1)", ">=2 <3")


def facts(*needed: Needed, dependants: tuple[Dependant, ...] = (), **more: object) -> Facts:
    return Facts("shop 3.0 (#4)", "3.0", "prod", needed, dependants, **more)  # type: ignore[arg-type]


def test_it_passes_when_nothing_is_required() -> None:
    verdict = evaluate(facts(), 0.0)
    assert verdict.answer is Answer.PASS and not verdict.exempted


def test_it_passes_when_what_is_required_is_there() -> None:
    assert evaluate(facts(NEEDED), 0.0).because == "What it requires runs in prod: api >=2."


def test_it_waits_for_what_is_missing_old_or_being_changed_and_says_who_can_act() -> None:
    missing = evaluate(facts(Needed("api", ">=2")), 0.0)
    assert missing.answer is Answer.WAIT and missing.who == "whoever may deploy api"
    assert missing.because == "shop 3.0 (#4) requires api >=2 in prod, and nothing of api runs there yet."
    old = evaluate(facts(Needed("api", ">=2", "api 1 (#1)", "1")), 0.0)
    assert "and api 1 (#1), which runs there, is not >=2." in old.because
    changing = evaluate(facts(Needed("api", ">=2", "api 2 (#2)", "2", "dep-7")), 0.0)
    assert changing.answer is Answer.WAIT and "dep-7 is deploying api there just now" in changing.because


def test_what_cannot_be_compared_stays_shut() -> None:
    odd = evaluate(facts(Needed("api", ">=2", "api latest (#2)", "latest")), 0.0)
    assert odd.answer is Answer.WAIT and "'latest' is not made of dotted numbers" in odd.because


def test_it_waits_rather_than_break_what_is_there_or_on_its_way() -> None:
    verdict = evaluate(facts(dependants=(SITE,)), 0.0)
    assert verdict.answer is Answer.WAIT and verdict.who == "whoever may deploy site"
    assert "site 5 (#1), which runs in prod, requires >=2 <3, and shop 3.0 (#4) is not >=2 <3." in verdict.because
    coming = evaluate(facts(dependants=(Dependant("site", "site 5 (#1)", "<3", "dep-9"),)), 0.0)
    assert "which dep-9 is deploying in prod" in coming.because


def test_it_lets_pass_what_insists_and_says_why_and_only_then() -> None:
    passed = evaluate(facts(dependants=(SITE,), insists=True, reason="a hole"), 0.0)
    assert passed.answer is Answer.PASS and passed.exempted and passed.because.endswith("It is urgent even so: a hole")
    assert evaluate(facts(dependants=(SITE,), insists=True), 0.0).answer is Answer.WAIT
    assert evaluate(facts(dependants=(SITE,), reason="a hole"), 0.0).answer is Answer.WAIT
