"""What a store must do with people, their tokens, and what they say of deployments."""

import threading
from dataclasses import replace

import pytest

from lockgate.core.approval import Approval, Delegation, Rejection, Review, Subject
from lockgate.core.deployment import State, Want
from lockgate.core.errors import Conflict, KeyBusy, NotFound
from lockgate.core.people import Person, PersonalToken
from lockgate.ports import Store
from lockgate.testing.contracts.lives import added, living
from lockgate.testing.samples import NOON, a_deployment, a_release, an_event, no_digest

ALICE = Person("alice", "alice@x.org", NOON, "ann")
TOKEN = PersonalToken("tok-1", "alice", "d" * 64, NOON)


def an_approval(deployment: str, person: str = "alice", at: float = NOON, **more: str) -> Approval:
    subject = Subject(no_digest(), {"name": "prod", "bake": 0.0, "windows": []}, {"policies": no_digest()})
    return Approval(deployment, person, subject.digest, at, at + 60, seen=subject, **more)


class AgreeingContract:
    """People first, then what they say."""

    # --- people ---

    def test_people_and_tokens_are_there_until_they_are_removed(self, store: Store) -> None:
        store.people.add(ALICE, an_event("person.added"))
        store.tokens.add(TOKEN, an_event("person.token_made"))
        store.tokens.add(replace(TOKEN, id="tok-2", digest="e" * 64, until=NOON + 9), an_event("person.token_made"))
        assert store.people.all() == (ALICE,)
        assert store.tokens.find("d" * 64) == TOKEN and store.tokens.find("f" * 64) is None
        assert [t.id for t in store.tokens.of("alice")] == ["tok-1", "tok-2"]
        store.tokens.revoke("tok-1", an_event("person.token_revoked"))
        assert store.tokens.find("d" * 64) is None
        store.people.remove("alice", an_event("person.removed"))
        assert store.people.all() == () and store.tokens.of("alice") == ()
        assert len(store.history.events(0, 10)) == 5

    def test_who_is_there_or_not_there_is_refused_and_nothing_is_told(self, store: Store) -> None:
        with pytest.raises(NotFound):
            store.people.remove("bob", an_event("x"))
        with pytest.raises(NotFound):
            store.tokens.add(TOKEN, an_event("x"))
        with pytest.raises(NotFound):
            store.tokens.revoke("tok-1", an_event("x"))
        store.people.add(ALICE, an_event("person.added"))
        with pytest.raises(Conflict):
            store.people.add(ALICE, an_event("x"))
        assert len(store.history.events(0, 10)) == 1

    # --- approvals ---

    def test_an_approval_is_kept_and_wakes_the_deployment(self, store: Store) -> None:
        row = added(store, next_at=None)
        given = an_approval(row.id)
        store.approvals.give(given, an_event("approval.given"))
        store.approvals.give(an_approval(row.id, "bob", NOON + 1, behalf="carol"), an_event("approval.given"))
        assert store.approvals.of(row.id)[0] == given
        assert [(a.person, a.authority) for a in store.approvals.of(row.id)] == [("alice", "alice"), ("bob", "carol")]
        assert store.history.deployment(row.id).next_at == NOON + 1
        assert store.approvals.of("dep-9") == ()

    def test_a_persons_later_approval_replaces_the_former(self, store: Store) -> None:
        row = added(store)
        for at in (NOON, NOON + 5):
            store.approvals.give(an_approval(row.id, at=at), an_event("approval.given"))
        assert [a.at for a in store.approvals.of(row.id)] == [NOON + 5]

    def test_what_has_begun_or_ended_is_not_approved(self, store: Store) -> None:
        running = living(store, State.RUNNING)
        with pytest.raises(Conflict, match="running"):
            store.approvals.give(an_approval(running.id), an_event("x"))
        with pytest.raises(Conflict, match="running"):
            store.approvals.reject(Rejection(running.id, "alice", NOON, "no"), an_event("x"))
        with pytest.raises(NotFound):
            store.approvals.give(an_approval("dep-99"), an_event("x"))
        assert store.approvals.of(running.id) == () and store.approvals.rejection(running.id) is None
        assert store.history.deployment(running.id).want is Want.RUN

    def test_an_approval_stays_void_unless_it_was_given_anew(self, store: Store) -> None:
        row = added(store)
        old = an_approval(row.id)
        store.approvals.give(old, an_event("approval.given"))
        store.approvals.give(an_approval(row.id, at=NOON + 5), an_event("approval.given"))
        store.approvals.void(row.id, [replace(old, void="it changed")], an_event("approval.void"))
        assert store.approvals.of(row.id)[0].void == ""
        store.approvals.void(row.id, [replace(store.approvals.of(row.id)[0], void="it changed")], an_event("a.void"))
        assert store.approvals.of(row.id)[0].void == "it changed"
        assert [e.kind for e in store.history.events(0, 10)].count("approval.void") == 0

    def test_a_rejection_asks_it_to_end_and_the_first_reason_stays(self, store: Store) -> None:
        row = added(store)
        for reason in ("first", "second"):
            store.approvals.reject(Rejection(row.id, "alice", NOON, reason), an_event("approval.rejected"))
        rejection = store.approvals.rejection(row.id)
        assert rejection is not None and rejection.reason == "first"
        assert store.history.deployment(row.id).want is Want.ABORT
        assert [e.kind for e in store.history.events(0, 10)].count("approval.rejected") == 1

    def test_what_was_rejected_meanwhile_does_not_begin(self, store: Store) -> None:
        ready = living(store, State.READY)
        store.approvals.reject(Rejection(ready.id, "alice", NOON, "no"), an_event("approval.rejected"))
        with pytest.raises(KeyBusy):
            store.deployments.save(replace(ready, state=State.RUNNING), NOON)
        assert store.history.deployment(ready.id).state is State.READY

    def test_rejecting_and_beginning_at_once_has_one_outcome(self, store: Store) -> None:
        ready = living(store, State.READY)
        outcome: list[str] = []

        def begins() -> None:
            try:
                store.deployments.save(replace(ready, state=State.RUNNING), NOON)
                outcome.append("began")
            except KeyBusy:
                pass

        def rejects() -> None:
            try:
                store.approvals.reject(Rejection(ready.id, "alice", NOON, "no"), an_event("approval.rejected"))
                outcome.append("rejected")
            except Conflict:
                pass

        threads = [threading.Thread(target=begins), threading.Thread(target=rejects)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcome) == 1
        assert (store.history.deployment(ready.id).state is State.RUNNING) is (outcome == ["began"])

    # --- delegations and reviews ---

    def test_delegations_are_numbered_and_end(self, store: Store) -> None:
        made = [
            store.delegations.add(Delegation("alice", taker, NOON, NOON + 60), an_event("approval.delegated"))
            for taker in ("bob", "carol")
        ]
        assert [d.id for d in made] == ["del-1", "del-2"] and list(store.delegations.all()) == made
        store.delegations.end("del-1", an_event("approval.delegation_ended"))
        assert [d.id for d in store.delegations.all()] == ["del-2"]
        for missing in ("del-1", "x", "del-"):
            with pytest.raises(NotFound):
                store.delegations.end(missing, an_event("x"))

    def test_a_review_is_opened_with_its_deployment_and_confirmed_once(self, store: Store) -> None:
        new = Review("", "shop", "prod", "dave", "down", NOON, NOON + 60, ("managers",))
        row = store.deployments.add(a_deployment(review_due=NOON + 60), False, [an_event()], new)
        (found,) = store.reviews.open()
        assert found == replace(new, deployment=row.id) == store.reviews.of(row.id)
        assert store.history.deployment(row.id).review_due == NOON + 60
        done = replace(found, person="bob", reviewed_at=NOON + 5, comment="fine")
        store.reviews.confirm(done, an_event("deployment.reviewed"))
        assert store.reviews.open() == () and store.reviews.of(row.id) == done
        with pytest.raises(Conflict):
            store.reviews.confirm(done, an_event("x"))
        with pytest.raises(NotFound):
            store.reviews.confirm(replace(done, deployment="dep-99"), an_event("x"))

    # --- authors ---

    def test_a_release_made_again_gains_authors_and_loses_none(self, store: Store) -> None:
        first = store.releases.add(replace(a_release(), authors=("ada",)), an_event("release.created"))
        more = store.releases.add(replace(a_release(), authors=("bob", "ada")), an_event("release.created"))
        assert more.written_by() == ("ada", "bob") and more.digest == first.digest
        assert store.releases.add(a_release(), an_event("release.created")).written_by() == ("ada", "bob")
        assert store.releases.get(first.id).written_by() == ("ada", "bob")
        assert [e.kind for e in store.history.events(0, 9)] == ["release.created", "release.credited"]
