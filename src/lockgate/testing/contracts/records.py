"""What a store must do for those who read: history, events, audit, releases, plans, quarantines, inventory."""

from dataclasses import replace

import pytest

from lockgate.core.audit import broken_at
from lockgate.core.deployment import State
from lockgate.core.errors import NotFound
from lockgate.core.ids import DeploymentId, ReleaseId
from lockgate.core.traffic import Key
from lockgate.ports import Quarantine, Selection, Store
from lockgate.testing.contracts.lives import added, at_rest, living
from lockgate.testing.samples import NOON, a_plan, a_release, an_event, an_observation, no_digest

REL = ReleaseId("rel-0123456789ab")


class RecordsContract:
    """Everything that is not a claim."""

    # --- history ---

    def test_an_unknown_deployment_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound, match="dep-1"):
            store.history.deployment(DeploymentId("dep-1"))

    def test_deployments_are_selected_newest_first(self, store: Store) -> None:
        for application in ("shop", "blog", "shop"):
            added(store, application=application)
        assert [d.number for d in store.history.select(Selection())] == [3, 2, 1]
        assert [d.number for d in store.history.select(Selection(limit=2))] == [3, 2]
        assert [d.number for d in store.history.select(Selection("shop", "prod"))] == [3, 1]
        assert store.history.select(Selection(environment="dev")) == ()

    def test_deployments_are_selected_by_release(self, store: Store) -> None:
        for release in ("rel-a", "rel-b", "rel-a"):
            added(store, release=ReleaseId(release))
        assert [d.number for d in store.history.select(Selection("shop", release=ReleaseId("rel-a")))] == [3, 1]
        assert store.history.select(Selection(release=ReleaseId("rel-c"))) == ()

    def test_deployments_are_selected_by_state_and_hold(self, store: Store) -> None:
        held = at_rest(store, living(store, State.SUCCEEDED))
        running = living(store, State.RUNNING)
        chosen = Selection(states=frozenset({State.RUNNING, State.READY}))
        assert store.history.select(chosen) == (running,)
        assert store.history.select(Selection(holding=True)) == (held,)

    # --- events and audit ---

    def test_events_are_read_on_from_any_place(self, store: Store) -> None:
        for n in range(5):
            added(store, environment=f"e{n}")
        events = store.history.events(0, 100)
        assert [e.seq for e in events] == [1, 2, 3, 4, 5]
        assert store.history.events(2, 2) == events[2:4]
        assert store.history.events(5, 10) == ()

    def test_events_are_read_by_application_and_deployment(self, store: Store) -> None:
        one = added(store, events=[an_event("a", application="shop")])
        added(store, events=[an_event("b", application="blog"), an_event("c", application="shop")])
        assert [e.kind for e in store.history.events(0, 10, "shop")] == ["a", "c"]
        assert [e.kind for e in store.history.events(0, 10, deployment=one.id)] == ["a"]
        assert store.history.events(0, 10, "blog", one.id) == ()

    def test_an_event_comes_back_whole(self, store: Store) -> None:
        told = an_event("x.y", NOON + 0.1, actor="ada", application="shop", environment="prod", deployment="dep-5")
        told = replace(told, release="rel-1", data={"a": "\x00ü"}, audited=True)
        added(store, events=[told])
        assert store.history.events(0, 1) == (replace(told, seq=1),)
        assert store.history.audit(0, 1)[0].event == told

    def test_audited_events_are_chained(self, store: Store) -> None:
        for n in range(4):
            added(store, events=[an_event("quiet"), an_event("done", data={"n": str(n)}, audited=True)] * 2)
        entries = store.history.audit(0, 100)
        assert [e.seq for e in entries] == list(range(1, 9))
        assert broken_at(entries) is None
        assert store.history.audit(3, 2) == entries[3:5]
        assert {e.event.kind for e in entries} == {"done"}

    # --- releases and plans ---

    def test_releases_are_numbered_within_their_application(self, store: Store) -> None:
        given = [a_release("shop", "1.0"), a_release("blog", "1.0"), a_release("shop", "2.0")]
        kept = [store.releases.add(r, an_event("release.created")) for r in given]
        assert [r.number for r in kept] == [1, 1, 2]
        assert [store.releases.get(r.id) for r in kept] == kept
        assert store.releases.select("", 10) == tuple(reversed(kept))
        assert store.releases.select("shop", 1) == (kept[2],)

    def test_a_release_comes_back_whole(self, store: Store) -> None:
        kept = store.releases.add(a_release(), an_event("release.created"))
        found = store.releases.get(kept.id)
        assert found == a_release()
        assert found.application.verify == a_release().application.verify
        assert a_plan(found).digest == a_plan(a_release()).digest

    def test_the_same_release_is_added_once(self, store: Store) -> None:
        first = store.releases.add(a_release(at=NOON), an_event("release.created"))
        again = store.releases.add(a_release(at=NOON + 9), an_event("release.created"))
        assert (again, again.number, again.created_at) == (first, 1, NOON)
        assert store.releases.add(a_release(version="2.0"), an_event("release.created")).number == 2
        assert len(store.history.events(0, 10)) == 2

    def test_unknown_releases_and_plans_are_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound, match="rel-x"):
            store.releases.get(ReleaseId("rel-x"))
        with pytest.raises(NotFound, match="sha256"):
            store.releases.plan(no_digest())
        assert store.releases.select("", 10) == ()

    def test_a_plan_comes_back_with_its_digest(self, store: Store) -> None:
        digest = store.releases.put_plan(a_plan())
        assert digest == a_plan().digest == store.releases.put_plan(a_plan())
        assert store.releases.plan(digest) == a_plan()
        assert store.releases.plan(digest).digest == digest

    # --- quarantines and inventory ---

    def test_a_release_is_barred_until_it_is_lifted(self, store: Store) -> None:
        bar = Quarantine("shop", "prod", REL, "GET / answered 500", NOON, "dep-1")
        store.quarantines.bar(bar, an_event("quarantine.set"))
        store.quarantines.bar(replace(bar, because="again"), an_event("quarantine.set"))
        assert store.quarantines.barred("shop", "prod", REL) == bar
        assert store.quarantines.barred("shop", "dev", REL) is None
        assert store.quarantines.all() == (bar,)
        store.quarantines.lift("shop", "prod", REL, an_event("quarantine.lifted"))
        assert store.quarantines.barred("shop", "prod", REL) is None
        assert [e.kind for e in store.history.events(0, 10)] == ["quarantine.set", "quarantine.lifted"]

    def test_what_is_not_barred_cannot_be_lifted(self, store: Store) -> None:
        with pytest.raises(NotFound, match="prod"):
            store.quarantines.lift("shop", "prod", REL, an_event("quarantine.lifted"))
        assert store.history.events(0, 10) == ()

    def test_the_last_observation_of_each_key_is_kept(self, store: Store) -> None:
        web, other = Key("shop", "prod", "web"), Key("shop", "prod", "worker")
        assert store.inventory.last(web) is None
        store.inventory.note(an_observation(web, NOON))
        store.inventory.note(an_observation(other, NOON + 1))
        store.inventory.note(an_observation(web, NOON + 5))
        assert store.inventory.last(web) == an_observation(web, NOON + 5)
        assert store.inventory.last(other) == an_observation(other, NOON + 1)

    def test_each_cell_has_an_observation_of_its_own(self, store: Store) -> None:
        keys = [Key("shop", "prod", "web", cell) for cell in ("", "north", "south")]
        for later, key in enumerate(keys):
            store.inventory.note(an_observation(key, NOON + later))
        assert [store.inventory.last(key) for key in keys] == [an_observation(k, NOON + n) for n, k in enumerate(keys)]
