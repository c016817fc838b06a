"""Windows and freezes hold on every path, slots are kept, and everybody is told why and until when."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from lockgate.core.calendar import Effect, Occasion, WindowExemption, WindowRule
from lockgate.core.deployment import State
from lockgate.core.environment import Catalogue, Environment, Promote, Queueing
from lockgate.core.errors import Conflict, Denied, Invalid, NotFound
from lockgate.core.moment import DAY
from lockgate.messages import Deploy, DeploymentView, NewFeed, RevokeFeed, RollBack
from lockgate.messages import Promote as PromoteRequest
from lockgate.store.database import open_store
from lockgate.testing.fakes import FakeClock
from lockgate.testing.rig import Rig, three_environments

NOON = datetime.fromisoformat("2026-11-23T12:00:00+00:00").timestamp()
"""A Monday."""
HOUR = 3600.0
ROLLBACK = frozenset({WindowExemption.ROLLBACK})


def frozen(hours: float = 2.0, begins: float = -1.0, exempt: frozenset[WindowExemption] | None = None) -> WindowRule:
    """Around noon of that Monday."""
    seconds = int((12 + begins) * HOUR)
    occasion = Occasion(date(2026, 11, 23), seconds, int(hours * HOUR), "UTC")
    return WindowRule(Effect.FREEZE, "2026-11-23", "UTC", (occasion,), "The warehouse is moved.", exempt)


def opened(hour: int, hours: int = 2, day: int = 23) -> WindowRule:
    return WindowRule(Effect.OPEN, "hours", "UTC", (Occasion(date(2026, 11, day), hour * 3600, hours * 3600, "UTC"),))


class Ruled(Rig):
    """Its environments take windows."""

    def rule(self, name: str, *windows: WindowRule, **more: object) -> None:
        known = self.catalogue.environments
        changed = replace(known[name], windows=windows, **more)  # type: ignore[arg-type]
        self.catalogue = Catalogue({**known, name: changed})

    def asked(self, release: str, to: str = "dev", **more: object) -> DeploymentView:
        return self.operations.deploy(Deploy("shop", to, release, actor="ann", **more))  # type: ignore[arg-type]

    def until(self, at: float) -> None:
        self.clock.pass_by(at - self.clock.now())
        self.run(20)

    def events(self, kind: str) -> list[str]:
        return [event.because for event in self.store.history.events(0, 1000) if event.kind == kind]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Ruled]:
    with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
        yield Ruled(store, three_environments(), FakeClock(NOON))


def test_a_deployment_waits_out_a_freeze_and_then_goes_in_by_itself(rig: Ruled) -> None:
    rig.rule("dev", frozen())
    row = rig.asked(rig.release("1"))
    rig.run(10)
    waiting = rig.row(row.id)
    assert waiting.state is State.GATED
    assert waiting.because == (
        "dev is frozen since Mon 2026-11-23 11:00 UTC until Mon 2026-11-23 13:00 UTC: The warehouse is moved. "
        "It opens Mon 2026-11-23 13:00 UTC."
    )
    rig.until(NOON + HOUR)
    assert rig.state(row.id) is State.SUCCEEDED


def test_a_freeze_that_is_lifted_is_noticed_before_it_would_have_ended(rig: Ruled) -> None:
    rig.rule("dev", frozen(hours=48))
    row = rig.asked(rig.release("1"))
    rig.run(5)
    rig.rule("dev")
    rig.until(NOON + 70)
    assert rig.state(row.id) is State.SUCCEEDED


def test_a_freeze_that_is_declared_while_it_waits_holds(rig: Ruled) -> None:
    rig.rule("dev", opened(13))
    row = rig.asked(rig.release("1"))
    rig.run(5)
    rig.rule("dev", opened(13), frozen(hours=3))
    rig.until(NOON + HOUR + 60)
    assert rig.state(row.id) is State.GATED and "frozen" in rig.row(row.id).because


def test_what_is_under_way_when_a_freeze_begins_goes_on(rig: Ruled) -> None:
    row = under_way(rig)
    rig.rule("dev", frozen())
    rig.run(30)
    assert rig.state(row.id) is State.SUCCEEDED


def under_way(rig: Ruled) -> DeploymentView:
    """The second release has begun, and users' long requests keep the first."""
    rig.asked(rig.release("1"))
    rig.run(10)
    rig.router.drain_seconds = 20
    row = rig.asked(rig.release("2"))
    rig.run(2)
    assert rig.row(row.id).active
    return row


def test_an_automatic_promotion_waits_at_the_freeze_too(rig: Ruled) -> None:
    rig.rule("staging", frozen())
    rig.asked(rig.release("1"))
    rig.run(20)
    (offered,) = rig.operations.deployments("shop", "staging", frozenset(), 5)
    assert offered.state == "gated" and "frozen" in offered.because
    rig.until(NOON + HOUR)
    assert rig.state(offered.id) is State.SUCCEEDED


def test_a_new_release_that_enters_by_itself_and_a_promotion_by_hand_wait_as_well(rig: Ruled) -> None:
    rig.asked(rig.release("1"))
    rig.run(20)
    rig.rule("prod", frozen())
    by_hand = rig.operations.promote(PromoteRequest("shop", "prod", actor="ann"))
    rig.rule("dev", frozen(), promote=Promote.AUTOMATIC)
    rig.release("2")
    rig.run(5)
    (entered,) = rig.operations.deployments("shop", "dev", frozenset({"gated"}), 5)
    assert rig.state(by_hand.id) is State.GATED and entered.release_label.startswith("shop 2")


def two_releases(rig: Ruled) -> None:
    for version in ("1", "2"):
        rig.asked(rig.release(version))
        rig.run(20)


def test_a_rollback_goes_through_a_freeze_and_the_record_says_so(rig: Ruled) -> None:
    two_releases(rig)
    rig.rule("dev", frozen(hours=5))
    back = rig.operations.roll_back(RollBack("shop", "dev", "It is slow", "bob"))
    rig.run(20)
    assert rig.state(back.id) is State.SUCCEEDED
    (told,) = rig.events("deployment.exempted")
    assert told.endswith("dev is frozen until Mon 2026-11-23 16:00 UTC (The warehouse is moved.), "
                         "but rollbacks are exempt from that.")  # fmt: skip
    (entry,) = [e for e in rig.store.history.audit(0, 100) if e.event.kind == "deployment.exempted"]
    assert entry.event.actor == "bob"


def test_without_the_exemption_a_rollback_waits(rig: Ruled) -> None:
    two_releases(rig)
    rig.rule("dev", frozen(), exempt=frozenset())
    back = rig.operations.roll_back(RollBack("shop", "dev", "It is slow", "bob"))
    rig.run(10)
    assert rig.state(back.id) is State.GATED and not rig.events("deployment.exempted")
    rig.until(NOON + HOUR)
    assert rig.state(back.id) is State.SUCCEEDED


def test_what_is_under_way_goes_back_in_any_freeze(rig: Ruled) -> None:
    row = under_way(rig)
    rig.rule("dev", frozen(), exempt=frozenset())
    rig.operations.roll_back(RollBack("shop", "dev", "It is slow", "bob"))
    rig.run(40)
    assert rig.state(row.id) is State.ABORTED


def test_an_urgent_deployment_goes_through_only_where_that_is_written_and_with_a_reason(rig: Ruled) -> None:
    rig.rule("dev", frozen())
    release = rig.release("1")
    rig.asked(release, urgent=True, reason="hotfix")
    rig.run(5)
    assert not rig.events("deployment.exempted")
    rig.rule("dev", frozen(exempt=frozenset({WindowExemption.URGENT})))
    through = rig.asked(release, urgent=True, reason="payments fail")
    rig.run(20)
    assert rig.state(through.id) is State.SUCCEEDED
    assert "Reason: payments fail." in rig.events("deployment.exempted")[0]


# --- slots ---


def test_a_planned_deployment_begins_at_its_time(rig: Ruled) -> None:
    planned = rig.asked(rig.release("1"), at=NOON + 2 * HOUR)
    rig.run(10)
    assert rig.state(planned.id) is State.GATED
    assert rig.row(planned.id).because == "It is planned to begin Mon 2026-11-23 14:00 UTC."
    rig.until(NOON + 2 * HOUR - 60)
    assert rig.state(planned.id) is State.GATED
    rig.until(NOON + 2 * HOUR)
    assert rig.state(planned.id) is State.SUCCEEDED
    assert rig.row(planned.id).started_at == pytest.approx(NOON + 2 * HOUR, abs=2)


def test_the_next_window_is_a_slot_and_an_open_environment_needs_none(rig: Ruled) -> None:
    rig.rule("dev", opened(15))
    planned = rig.asked(rig.release("1"), next_window=True)
    assert planned.not_before == NOON + 3 * HOUR
    rig.rule("dev", opened(11))
    assert rig.asked(rig.release("2"), next_window=True).not_before is None


def test_a_slot_that_cannot_be_meant_is_refused_and_nothing_is_recorded(rig: Ruled) -> None:
    release = rig.release("1")
    with pytest.raises(Invalid, match=r"at: Mon 2026-11-23 11:59 UTC is in the past. The server's clock shows Mon"):
        rig.asked(release, at=NOON - 60)
    for wrong in (NOON + 500 * DAY, 1e30, float("nan")):
        with pytest.raises(Invalid, match="at:"):
            rig.asked(release, at=wrong)
    with pytest.raises(Invalid, match="Choose one of them"):
        rig.asked(release, at=NOON + HOUR, next_window=True)
    rig.rule("dev", opened(1))
    with pytest.raises(Denied, match="does not open within 400 days"):
        rig.asked(release, next_window=True)
    assert rig.operations.deployments("", "", frozenset(), 5) == ()


def test_a_planned_deployment_is_not_superseded_by_one_of_today_nor_supersedes_any(rig: Ruled) -> None:
    rig.rule("dev", frozen(hours=1.5))
    waiting = rig.asked(rig.release("1"))
    planned = rig.asked(rig.release("2"), at=NOON + 5 * HOUR)
    rig.run(2)
    assert rig.state(waiting.id) is State.GATED
    newer = rig.asked(rig.release("3"))
    rig.run(2)
    assert rig.state(waiting.id) is State.SUPERSEDED
    rig.until(NOON + HOUR)
    assert (rig.state(newer.id), rig.state(planned.id)) == (State.SUCCEEDED, State.GATED)
    rig.until(NOON + 5 * HOUR)
    assert rig.state(planned.id) is State.SUCCEEDED


def test_collisions_are_said_when_a_slot_is_asked_for_and_in_the_calendar(rig: Ruled) -> None:
    rig.rule("dev", frozen(begins=3, hours=1), queueing=Queueing.QUEUE)
    release = rig.release("1")
    first = rig.asked(release, at=NOON + 2 * HOUR)
    assert first.warnings == ()
    preview = rig.operations.preview(Deploy("shop", "dev", release, actor="ann", at=NOON + 2.5 * HOUR))
    second = rig.asked(release, at=NOON + 2.5 * HOUR)
    assert preview.warnings == second.warnings
    assert second.warnings == (
        f"{first.id} ({first.release_label}) is planned for Mon 2026-11-23 14:00 UTC, within the same hour in dev: "
        "the later one replaces the other.",
    )
    third = rig.asked(release, at=NOON + 3.5 * HOUR)
    assert third.warnings[0] == (
        "dev is frozen (The warehouse is moved.) at Mon 2026-11-23 15:30 UTC. "
        "It will wait until Mon 2026-11-23 16:00 UTC."
    )
    told = rig.operations.calendar.view().warnings
    assert any(words.startswith(f"{first.id}: {second.id}") for words in told)
    assert any(words.startswith(f"{third.id}: dev is frozen") for words in told)


# --- who asks why ---


def test_everybody_is_told_why_it_waits_and_when_it_opens(rig: Ruled) -> None:
    rig.rule("dev", frozen(), owner="platform")
    row = rig.asked(rig.release("1"))
    rig.run(5)
    told = rig.operations.explain(row.id)
    (gate,) = [verdict for verdict in told.verdicts if verdict.answer == "wait"]
    assert (gate.gate, gate.until, gate.who) == ("window", NOON + HOUR, "platform of dev, by its windows")
    assert any("It opens Mon 2026-11-23 13:00 UTC." in sentence for sentence in told.sentences)
    (dev, *others) = rig.operations.status("", "").environments
    assert dev.closed.startswith("dev is frozen since") and dev.opens_at == NOON + HOUR
    assert [one.closed for one in others] == ["", ""]


def test_what_waits_is_explained_beside_what_runs_now(rig: Ruled) -> None:
    rig.asked(rig.release("1"))
    rig.run(20)
    rig.rule("dev", frozen())
    row = rig.asked(rig.release("2"))
    rig.run(5)
    assert rig.state(row.id) is State.GATED
    plan = rig.operations.explain(row.id).plan
    assert plan == rig.operations.preview(Deploy("shop", "dev", row.release, actor="ann")).sentences
    assert not any("first deployment" in words for words in plan)


def test_a_calendar_that_is_not_known_is_a_problem_of_the_whole_board(rig: Ruled) -> None:
    rig.rule(
        "dev", WindowRule(Effect.FREEZE, "holidays.ics", file="holidays.ics", fault="holidays.ics:3: it is broken.")
    )
    row = rig.asked(rig.release("1"))
    rig.run(5)
    assert rig.state(row.id) is State.GATED
    assert rig.operations.status("", "").problems == ("holidays.ics:3: it is broken.",)
    rig.rule("dev")
    rig.until(NOON + 70)
    assert rig.state(row.id) is State.SUCCEEDED


def test_the_calendar_shows_windows_and_deployments_of_the_time_asked_for(rig: Ruled) -> None:
    rig.asked(rig.release("1"))
    rig.run(20)
    rig.rule("dev", opened(11, 4), frozen(begins=5))
    rig.asked(rig.release("2"), at=NOON + 24 * HOUR)
    rig.rule("dev", opened(11, 4), frozen(begins=-1))
    rig.asked(rig.release("3"))
    view = rig.operations.calendar.view("dev", "", 2, 1)
    kinds = [(entry.kind, entry.title) for entry in view.entries]
    assert [kind for kind, _ in kinds] == ["frozen", "open", "past", "waiting", "planned"]
    assert ("frozen", "The warehouse is moved.") in kinds
    (standing,) = view.environments
    assert not standing.open and standing.changes_at == NOON + HOUR
    with pytest.raises(NotFound):
        rig.operations.calendar.view("nowhere")


# --- feeds ---


def test_a_feeds_token_is_known_by_its_digest_until_it_is_revoked(rig: Ruled) -> None:
    desk = rig.operations.calendar
    made, token = desk.subscribe(NewFeed("team", "dev", "", "ann"))
    assert desk.feed_of(token) == made and desk.feed_of(token + "x") is None
    assert token not in str(rig.store.feeds.all())
    with pytest.raises(Conflict, match="There is a feed 'team' already"):
        desk.subscribe(NewFeed("team"))
    desk.revoke("team", RevokeFeed("She left", "bob"))
    assert desk.feed_of(token) is None and desk.feeds() == ()
    with pytest.raises(NotFound):
        desk.revoke("team", RevokeFeed())
    audited = [entry.event.kind for entry in rig.store.history.audit(0, 100)]
    assert audited[-2:] == ["feed.made", "feed.revoked"]


@pytest.mark.parametrize("name", ["", " ", "a/b", "x" * 61, "a\nb"])
def test_a_feed_has_a_name_to_know_it_by(rig: Ruled, name: str) -> None:
    with pytest.raises(Invalid, match="a feed has a name"):
        rig.operations.calendar.subscribe(NewFeed(name))


def test_a_timetable_is_laid_out_again_when_the_day_is_over(rig: Ruled) -> None:
    almanac, dev = rig.operations.calendar.almanac, Environment("dev", windows=(opened(11, day=25),))
    first = almanac.timetable(dev, NOON)
    assert almanac.timetable(dev, NOON + 23 * HOUR) is first
    assert almanac.timetable(dev, NOON + timedelta(days=2).total_seconds()) is not first
    assert almanac.timetable(replace(dev, exempt=frozenset()), NOON) is not first
