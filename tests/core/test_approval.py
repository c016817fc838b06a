"""What is consented to has one digest, and what has changed in it is told by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.approval import Subject, members
from lockgate.core.errors import Denied
from lockgate.core.ids import digest_of
from lockgate.core.invitation import Invitation, opened, sealed
from lockgate.core.people import Caller, Person, listed
from lockgate.core.secret import Secret
from lockgate.testing.samples import an_event


def test_each_part_of_a_subject_is_in_its_digest() -> None:
    subjects = [
        Subject(digest_of(1), {}),
        Subject(digest_of(2), {}),
        Subject(digest_of(1), {"values": {}}),
        Subject(digest_of(1), {}, {"policies": "sha256:1"}),
    ]
    assert len({subject.digest for subject in subjects}) == 4


def test_members_are_everybody_in_the_groups_once() -> None:
    assert members({"a": ("x", "y"), "b": ("y", "z")}, ("a", "b", "c")) == ("x", "y", "z")


@pytest.mark.parametrize("called", ["alice", " Alice ", "alice@x.org", "ALICE@X.ORG", "A. Liddell <Alice@x.org>"])
def test_a_person_is_known_by_name_and_address(called: str) -> None:
    assert Person("alice", "alice@x.org").goes_by(called)


@pytest.mark.parametrize("called", ["", "alic", "alice@x.or", "<>", "bob <bob@x.org>", "alice@x.org <bob@x.org>"])
def test_nobody_is_taken_for_another(called: str) -> None:
    assert not Person("alice", "alice@x.org").goes_by(called) and not Person("alice").goes_by(called)


def test_a_person_cannot_speak_as_another_and_others_only_claim() -> None:
    proven = Caller("alice", address="10.0.0.1", personal=True)
    assert proven.speaking("bob") is proven
    event = proven.signed(an_event(actor="bob"))
    assert (event.actor, event.address, event.audited) == ("alice", "10.0.0.1", True)
    assert Caller("root").speaking("bob") == Caller("bob") and Caller("root").speaking("") == Caller("root")


def test_names_are_listed_as_people_do() -> None:
    assert [listed(()), listed("a"), listed("ab"), listed("abc")] == ["nobody", "a", "a and b", "a, b and c"]


@given(st.binary(max_size=60), st.integers(0, 200))
def test_no_link_opens_but_the_one_that_was_sealed(noise: bytes, place: int) -> None:
    key, invitation = Secret("k" * 64), Invitation("dep-7", digest_of("this"), "alice", 100.0)
    text = sealed(invitation, key)
    assert opened(text, key, 99.0) == invitation
    changed = (
        text[: place % len(text)] + ("A" if text[place % len(text)] != "A" else "B") + text[place % len(text) + 1 :]
    )
    for wrong, by, at in (
        (changed, key, 0.0),
        (noise.hex(), key, 0.0),
        (text, Secret("x" * 64), 0.0),
        (text, key, 100.0),
    ):
        with pytest.raises(Denied):
            opened(wrong, by, at)
