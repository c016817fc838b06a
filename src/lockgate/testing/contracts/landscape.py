"""What a store must do for whoever looks at an environment as a whole, now and at a moment that is past."""

from lockgate.core.deployment import State
from lockgate.core.ids import canonical, digest_of_bytes
from lockgate.core.traffic import Key
from lockgate.ports import Store
from lockgate.testing.contracts.lives import added, at_rest, claimed, led, living
from lockgate.testing.samples import NOON, a_plan, an_event, an_observation, no_digest


class LandscapeContract:
    """Holders, plans, observations; versions of the environments' file."""

    def test_an_environments_holders_are_found_and_no_others(self, store: Store) -> None:
        for application, environment in (("shop", "prod"), ("blog", "prod"), ("shop", "dev")):
            at_rest(store, living(store, State.SUCCEEDED, application=application, environment=environment))
        living(store, State.RUNNING, application="wiki")
        found = store.landscape.holders("prod")
        assert sorted(row.application for row in found) == ["blog", "shop"]
        assert all(row.holds and row.environment == "prod" for row in found)
        assert store.landscape.holders("nowhere") == ()
        assert [row.application for row in store.landscape.active("prod")] == ["wiki"]
        assert store.landscape.active("dev") == ()

    def test_what_held_at_a_moment_is_found(self, store: Store) -> None:
        first = self._held(store, NOON)
        second = self._held(store, NOON + 100)
        assert [row.id for row in store.landscape.held_at("prod", NOON + 50)] == [first]
        assert [row.id for row in store.landscape.held_at("prod", NOON + 150)] == [second]
        assert store.landscape.held_at("prod", NOON - 1) == ()
        assert store.landscape.held_at("dev", NOON + 50) == ()

    def test_those_that_failed_in_between_held_nothing(self, store: Store) -> None:
        first = self._held(store, NOON)
        for n in range(12):
            at = NOON + 10 + n
            row = led(store, claimed(store, added(store, created_at=at, next_at=at).number, at), State.ABORTED, at)
            at_rest(store, row, now=at)
        last = self._held(store, NOON + 100)
        assert [row.id for row in store.landscape.held_at("prod", NOON + 5)] == [first]
        assert [row.id for row in store.landscape.held_at("prod", NOON + 101)] == [last]

    def test_a_keeper_that_is_saved_again_has_held_since_it_began(self, store: Store) -> None:
        first = self._held(store, NOON)
        row = store.landscape.holders("prod")[0]
        for n in range(1, 4):
            (row,) = store.deployments.claim("w1", NOON + 20 * n, 10.0, 10)
            row = at_rest(store, row, next_at=NOON + 20 * n, now=NOON + 20 * n)
        assert [row.id for row in store.landscape.held_at("prod", NOON + 1)] == [first]

    def test_plans_are_given_by_digest(self, store: Store) -> None:
        plans = [a_plan(environment=name) for name in ("dev", "prod")]
        digests = [store.releases.put_plan(plan) for plan in plans]
        found = store.landscape.plans([*digests, digests[0], no_digest()])
        assert found == dict(zip(digests, plans, strict=True))
        assert store.landscape.plans([]) == {}

    def test_observations_of_an_environment_are_given_together(self, store: Store) -> None:
        for key in (Key("shop", "prod", "web"), Key("shop", "prod", "web", "north"), Key("shop", "dev", "web")):
            store.inventory.note(an_observation(key))
        assert {str(seen.key) for seen in store.landscape.observed("prod")} == {"prod/shop/web", "prod/north/shop/web"}

    def test_a_version_counts_from_when_it_was_noted(self, store: Store) -> None:
        texts = [canonical({"prod": {"promote": word}}).decode() for word in ("automatic", "on-demand")]
        digests = [digest_of_bytes(text.encode()) for text in texts]
        assert store.catalogues.at(NOON) is None
        assert store.catalogues.note(digests[0], texts[0], NOON)
        assert not store.catalogues.note(digests[0], texts[0], NOON + 5)
        assert store.catalogues.note(
            digests[1], texts[1], NOON + 10, [an_event("environment.rules_changed", audited=True)]
        )
        assert store.catalogues.note(digests[0], texts[0], NOON + 20)
        seen = [store.catalogues.at(NOON + after) for after in (-1, 0, 9, 10, 30)]
        assert [one and one.document for one in seen] == [None, texts[0], texts[0], texts[1], texts[0]]
        assert [one and one.since for one in seen] == [None, NOON, NOON, NOON + 10, NOON + 20]
        assert [event.kind for event in store.history.events(0, 10)] == ["environment.rules_changed"]
        assert len(store.history.audit(0, 10)) == 1

    def test_rules_that_have_changed_wake_what_a_gate_makes_wait(self, store: Store) -> None:
        digests = [digest_of_bytes(text) for text in (b"{}", b"[]")]
        assert store.catalogues.note(digests[0], "{}", NOON)
        waits = at_rest(store, living(store, State.GATED), next_at=NOON + 60)
        in_line = at_rest(store, living(store, State.READY, environment="dev"), next_at=NOON + 60)
        assert not store.catalogues.note(digests[0], "{}", NOON + 5)
        assert store.deployments.claim("w1", NOON + 5, 10.0, 10) == ()
        assert store.catalogues.note(digests[1], "[]", NOON + 10)
        assert [row.id for row in store.deployments.claim("w1", NOON + 10, 10.0, 10)] == [waits.id]
        assert in_line.next_at == NOON + 60

    def test_one_that_is_looked_at_while_the_rules_change_is_looked_at_again(self, store: Store) -> None:
        row = living(store, State.GATED)
        assert store.catalogues.note(digest_of_bytes(b"{}"), "{}", NOON + 1)
        at_rest(store, row, next_at=NOON + 60, now=NOON + 2)
        assert [again.id for again in store.deployments.claim("w1", NOON + 2, 10.0, 10)] == [row.id]

    def _held(self, store: Store, at: float) -> str:
        """A deployment that comes to hold prod at that time."""
        row = claimed(store, added(store, created_at=at, next_at=at).number, at)
        row = led(store, row, State.SUCCEEDED, at, ended_at=at)
        return at_rest(store, row, next_at=at, now=at).id
