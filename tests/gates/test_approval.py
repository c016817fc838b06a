"""Enough of the right people, for exactly this."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.approval import Approval, ApprovalRule, Delegation, Party, Rejection
from lockgate.core.gate import Answer
from lockgate.core.ids import Digest, digest_of
from lockgate.gates.approval import Facts, evaluate

NOON = 1_800_014_400.0
THIS, OTHER = digest_of("this"), digest_of("another")
PEOPLE = ("alice", "bob", "carol", "dave", "erin")
RULE = ApprovalRule(("managers",), count=2)
FACTS = Facts("web 2.0 (#3)", "prod", RULE, THIS, "dep-7", True, members=PEOPLE[:3], known=dict.fromkeys(PEOPLE, 0.0))


def said(person: str, behalf: str = "", subject: Digest = THIS, until: float = NOON + 60, void: str = "") -> Approval:
    return Approval("dep-7", person, subject, NOON - 60, until, behalf=behalf, void=void)


def answer(facts: Facts) -> Answer:
    return evaluate(facts, NOON).answer


def test_two_members_open_it() -> None:
    verdict = evaluate(replace(FACTS, approvals=(said("alice"), said("bob"))), NOON)
    assert (verdict.answer, verdict.because) == (Answer.PASS, "alice and bob approved it.")


def test_it_says_who_did_who_may_not_and_who_is_left() -> None:
    facts = replace(FACTS, approvals=(said("alice"),), parts={"bob": Party.AUTHOR})
    verdict = evaluate(facts, NOON)
    assert verdict.because == (
        "2 people of managers must approve it; 1 did: alice. bob (author) may not. "
        "Look at it with: lockgate approvals dep-7"
    )
    assert verdict.who == "carol"


def test_it_says_when_there_are_not_enough_people_left() -> None:
    facts = replace(FACTS, parts={"bob": Party.AUTHOR, "alice": Party.BUILDER})
    assert "There are not enough others: add people to managers" in evaluate(facts, NOON).because


def test_a_rejection_shuts_it_whoever_agreed() -> None:
    rejected = replace(FACTS, approvals=(said("alice"), said("bob")), rejection=Rejection("dep-7", "carol", NOON, "no"))
    assert evaluate(rejected, NOON).because == "carol rejected it: no"
    assert answer(rejected) is Answer.DENY and answer(replace(rejected, rule=None)) is Answer.DENY


def test_no_rule_and_an_exemption_open_it() -> None:
    assert answer(replace(FACTS, rule=None)) is Answer.PASS
    assert evaluate(replace(FACTS, exempt="It is a rollback."), NOON).because == "It is a rollback."


def test_whoever_asks_must_be_proven_only_where_that_matters() -> None:
    assert answer(replace(FACTS, personal=False)) is Answer.DENY
    assert answer(replace(FACTS, personal=False, rule=replace(RULE, barred=(Party.AUTHOR,)))) is Answer.WAIT


def test_what_would_be_planned_otherwise_waits_even_if_all_agree() -> None:
    assert answer(replace(FACTS, unplanned=True, approvals=(said("alice"), said("bob")))) is Answer.WAIT


approvals = st.builds(
    said,
    st.sampled_from(PEOPLE),
    st.sampled_from(("", *PEOPLE)),
    st.sampled_from((THIS, THIS, OTHER)),
    st.sampled_from((NOON + 60, NOON + 60, NOON)),
    st.sampled_from(("", "", "it changed")),
)
delegations = st.builds(
    Delegation,
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
    st.just(NOON - 120),
    st.sampled_from((NOON + 60, NOON - 90)),
    st.sampled_from(("", "prod", "staging")),
)


@given(
    st.lists(approvals, max_size=6, unique_by=lambda a: a.person),
    st.lists(delegations, max_size=6),
    st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(Party), max_size=2),
    st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from((0.0, NOON - 60, NOON - 30)), min_size=2),
    st.integers(1, 3),
)
def test_it_opens_only_for_so_many_different_people_with_so_many_different_rights(
    given_: list[Approval], lent: list[Delegation], parts: dict[str, Party], known: dict[str, float], count: int
) -> None:
    """Told again, in other words: a matching of approvals, each by somebody else and by the right of somebody else."""
    members = tuple(name for name in PEOPLE[:3] if name in known)
    facts = replace(
        FACTS,
        rule=replace(RULE, count=count),
        approvals=tuple(given_),
        delegations=tuple(lent),
        parts=parts,
        known=known,
        members=members,
    )
    good = [
        a
        for a in given_
        if a.subject == THIS
        and not a.void
        and a.until > NOON
        and known.get(a.person, NOON) <= a.at
        and a.authority in members
        and not {a.person, a.authority} & set(parts)
        and (
            not a.behalf
            or any(
                (d.giver, d.taker) == (a.behalf, a.person) and d.environment in ("", "prod") and d.until > a.at
                for d in lent
            )
        )
    ]
    rights = {a.authority for a in good}
    assert (answer(facts) is Answer.PASS) is (len(rights) >= count)
