"""The table of legal transitions: a deployment always can end, and an ended one never comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lockgate.core.deployment import ACTIVE, FINAL, TRANSITIONS, WAITING, State, check_transition
from lockgate.core.errors import IllegalTransition

STATES = some.sampled_from(list(State))


def reachable(state: State) -> set[State]:
    found, frontier = {state}, {state}
    while frontier:
        frontier = {following for s in frontier for following in TRANSITIONS[s]} - found
        found |= frontier
    return found


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(State)


def test_a_deployment_waits_or_is_active_or_has_ended() -> None:
    assert set(State) == WAITING | ACTIVE | FINAL
    assert not WAITING & ACTIVE and not WAITING & FINAL and not ACTIVE & FINAL


def test_every_state_is_reached_from_pending() -> None:
    assert reachable(State.PENDING) == set(State)


@given(STATES)
def test_every_deployment_can_end_and_an_ended_one_stays_as_it_is(state: State) -> None:
    assert reachable(state) & FINAL
    assert state not in FINAL or reachable(state) == {state}


@given(STATES)
def test_what_is_active_never_waits_again(state: State) -> None:
    assert state not in ACTIVE or not reachable(state) & WAITING


@given(STATES)
def test_a_fix_can_always_take_the_place_of_what_has_not_ended(state: State) -> None:
    assert state in FINAL or State.SUPERSEDED in TRANSITIONS[state]


def test_what_has_begun_ends_by_going_back_or_by_success() -> None:
    """Otherwise something half changed could be left behind, with nobody to mend it."""
    for state in ACTIVE - {State.ROLLING_BACK}:
        assert not TRANSITIONS[state] & {State.FAILED, State.ABORTED, State.ROLLED_BACK}


@given(STATES, STATES)
def test_the_table_is_what_is_allowed(old: State, new: State) -> None:
    if new is old or new in TRANSITIONS[old]:
        check_transition("dep-1", old, new)
    else:
        with pytest.raises(IllegalTransition, match=f"dep-1 is {old.value}; it cannot become {new.value}"):
            check_transition("dep-1", old, new)
