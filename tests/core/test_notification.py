"""Who hears of what, and when: rules, rhythms, pauses."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.deployment import State
from lockgate.core.notification import (
    ATTEMPTS,
    GROUPS,
    LONGEST_PAUSE,
    LONGEST_WISH,
    NotificationRule,
    Rhythm,
    covers,
    deliveries,
    pause_after,
)
from lockgate.core.train import TrainState
from lockgate.testing.samples import NOON, an_event

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("word", "kind", "covered"),
    [
        ("failures", "deployment.failed", True),
        ("failures", "deployment.rolling_back", True),
        ("failures", "promotion.refused", True),
        ("failures", "deployment.succeeded", False),
        ("failures", "train.rolled_back", True),
        ("failures", "train.step_failed", False),
        ("waits", "task.opened", True),
        ("finished", "train.succeeded", True),
        ("finished", "train.superseded", False),
        ("waits", "deployment.gated", True),
        ("approvals", "approval.requested", True),
        ("approvals", "deployment.gated", False),
        ("finished", "deployment.aborted", True),
        ("quarantine", "quarantine.lifted", True),
        ("all", "anything.at_all", True),
        ("all", "deployment.step", False),
        ("deployment.*", "deployment.step", False),
        ("deployment.step", "deployment.step", True),
        ("deployment.*", "deployment.cell", True),
        ("deployment.*", "release.created", False),
        ("deployment.failed", "deployment.failed", True),
    ],
)
def test_a_word_covers_kinds_of_events(word: str, kind: str, covered: bool) -> None:
    assert covers(word, kind) is covered


def test_groups_name_only_states_that_there_are() -> None:
    states = {f"deployment.{state.value}" for state in State}
    named = {kind for kinds in GROUPS.values() for kind in kinds if kind.startswith("deployment.")}
    assert named <= states
    trains = {f"train.{state.value}" for state in TrainState}
    assert {kind for kinds in GROUPS.values() for kind in kinds if kind.startswith("train.")} <= trains


def test_a_rule_may_be_for_some_applications() -> None:
    rule = NotificationRule("team", ("failures",), ("shop",))
    assert rule.hears(an_event("deployment.failed", application="shop"))
    assert not rule.hears(an_event("deployment.failed", application="docs"))


def test_a_channel_never_hears_of_its_own_dead_letters() -> None:
    gone = an_event("notification.dead", data={"channel": "team"})
    assert not NotificationRule("team", ("all",)).hears(gone)
    assert NotificationRule("other", ("all",)).hears(gone)


def test_each_channel_hears_of_an_event_once_and_at_once_if_any_rule_says_so() -> None:
    event = an_event("deployment.failed", application="shop")
    rules = [
        NotificationRule("team", digest=Rhythm(3600.0)),
        NotificationRule("team", ("all",)),
        NotificationRule("mail", digest=Rhythm(3600.0)),
        NotificationRule("mail", ("finished",), digest=Rhythm(600.0)),
        NotificationRule("quiet", ("waits",)),
    ]
    found = {one.channel: one for one in deliveries(event, rules, NOON + 1)}
    assert set(found) == {"team", "mail"}
    assert (found["team"].due_at, found["team"].bundled) == (NOON + 1, False)
    assert (found["mail"].due_at, found["mail"].bundled) == (NOON + 600, True)


def test_the_same_event_makes_the_same_deliveries() -> None:
    event = an_event("deployment.failed", seq=41)
    assert [d.id for d in deliveries(event, [NotificationRule("team")], NOON)] == ["ntf-41-team"]
    assert [d.id for d in deliveries(event, [NotificationRule("team", ("all",))], NOON + 99)] == ["ntf-41-team"]


# --- rhythms ---


@given(st.floats(0, 4e9), st.floats(60, 7 * 86400))
def test_the_next_digest_is_soon_and_later_than_now(now: float, every: float) -> None:
    assert now < Rhythm(every).after(now) <= now + every * 1.000001


@given(
    st.floats(1e9, 4e9),
    st.integers(0, 1439),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe"]
    ),
)
def test_a_daily_digest_comes_within_two_days_at_that_time(now: float, minute: int, zone: str) -> None:
    found = Rhythm(minute=minute, zone=zone).after(now)
    assert now < found <= now + 2 * 86400 + 3600
    told = datetime.fromtimestamp(found, ZoneInfo(zone))
    shifted = (told.hour * 60 + told.minute - minute) % 1440
    assert shifted in (0, 30, 60, 1380, 1410)
    assert Rhythm(minute=minute, zone=zone).after(found) > found


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-21T08:59", "2026-11-21T09:00"),
        ("2026-11-21T09:00", "2026-11-22T09:00"),
        ("2026-03-28T10:00", "2026-03-29T09:00"),
        ("2026-10-24T10:00", "2026-10-25T09:00"),
    ],
)
def test_a_daily_digest_keeps_its_time_when_the_clocks_change(now: str, due: str) -> None:
    assert Rhythm(minute=540, zone="Europe/Berlin").after(at(now)) == at(due)


def test_a_time_that_a_change_leaves_out_is_an_hour_later_and_is_not_skipped() -> None:
    rhythm = Rhythm(minute=150, zone="Europe/Berlin")  # 02:30
    assert rhythm.after(at("2026-03-29T00:00")) == at("2026-03-29T03:30")
    assert rhythm.after(at("2026-03-29T03:30")) == at("2026-03-30T02:30")


# --- pauses ---


@given(st.integers(0, 1000), st.floats(0, 1e9), st.floats(0, 1))
def test_a_pause_grows_heeds_what_the_channel_wishes_and_ends(attempts: int, wish: float, chance: float) -> None:
    pause = pause_after(attempts, wish, chance)
    assert pause >= min(wish, LONGEST_WISH)
    assert 5 <= pause <= max(LONGEST_PAUSE, min(wish, LONGEST_WISH)) * 1.25
    assert pause_after(attempts + 1, wish, chance) >= pause


def test_it_is_tried_for_hours_before_it_is_given_up() -> None:
    whole = sum(pause_after(n, 0.0, 0.0) for n in range(1, ATTEMPTS))
    assert 2 * 3600 < whole < 4 * 3600
