"""People and their tokens: told once, kept as a digest, over when they are revoked."""

from collections.abc import Iterator

import pytest

from lockgate.core.errors import Conflict, Denied, Invalid, NotFound
from lockgate.engine.people import PREFIX, digest_of
from lockgate.messages.people import AddPerson, Leave, MakeToken
from lockgate.store.database import SqlStore, open_store
from lockgate.testing.rig import Rig


@pytest.fixture
def store() -> Iterator[SqlStore]:
    with open_store("sqlite://") as found:
        yield found


@pytest.fixture
def rig(store: SqlStore) -> Rig:
    return Rig(store)


def test_a_token_is_told_once_and_proves_its_person(rig: Rig) -> None:
    made = rig.operations.people.add(AddPerson("alice", "alice@x.org", actor="ann"))
    assert made.token.startswith(PREFIX) and len(made.token) >= len(PREFIX) + 43
    caller = rig.operations.people.bearer(made.token, "10.0.0.1")
    assert caller is not None and (caller.name, caller.personal, caller.address) == ("alice", True, "10.0.0.1")
    (person,) = rig.operations.people.all()
    assert [t.id for t in person.tokens] == [made.id] and (person.email, person.added_by) == ("alice@x.org", "ann")
    assert [e.event.kind for e in rig.store.history.audit(0, 9)] == ["person.added", "person.token_made"]


def test_the_token_itself_is_nowhere(rig: Rig, store: SqlStore) -> None:
    made = rig.operations.people.add(AddPerson("alice"))
    whole = store.database.read(lambda c: "".join(c.connection.iterdump()))
    assert made.token not in whole and digest_of(made.token) in whole


@pytest.mark.parametrize("wrong", ["", "lg_", "lg_" + "A" * 43, "bearer", "lg_\udce9"])
def test_what_is_no_token_proves_nobody(rig: Rig, wrong: str) -> None:
    rig.operations.people.add(AddPerson("alice"))
    assert rig.operations.people.bearer(wrong, "") is None


def test_a_token_ends_when_it_expires_is_revoked_or_its_person_goes(rig: Rig) -> None:
    desk = rig.operations.people
    first = desk.add(AddPerson("alice", expires=60))
    second, third = desk.token("alice", MakeToken()), desk.token("alice", MakeToken())
    assert desk.known("alice", second.id, "") is not None
    rig.clock.pass_by(60)
    assert desk.bearer(first.token, "") is None and desk.known("alice", first.id, "") is None
    desk.revoke(second.id, Leave("lost"))
    assert desk.bearer(second.token, "") is None and desk.known("alice", second.id, "") is None
    assert desk.bearer(third.token, "") is not None
    desk.remove("alice", Leave())
    assert desk.bearer(third.token, "") is None and desk.all() == ()
    desk.add(AddPerson("alice"))
    assert desk.bearer(third.token, "") is None


def test_only_the_servers_own_token_adds_and_removes_people(rig: Rig) -> None:
    alice = rig.person("alice").people
    rig.person("bob")
    for forbidden in (
        lambda: alice.add(AddPerson("mallory")),
        lambda: alice.remove("bob", Leave()),
        lambda: alice.token("bob", MakeToken()),
        lambda: alice.revoke(rig.operations.people.token("bob", MakeToken()).id, Leave()),
    ):
        with pytest.raises(Denied, match="alice may not"):
            forbidden()
    mine = alice.token("alice", MakeToken())
    alice.revoke(mine.id, Leave())


@pytest.mark.parametrize("name", ["", "Alice", "a b", "-a", "a/b", "lockgate", "x" * 65, "a\n"])
def test_a_name_that_cannot_be_is_refused(rig: Rig, name: str) -> None:
    with pytest.raises(Invalid, match="cannot be a person's name"):
        rig.operations.people.add(AddPerson(name))
    assert rig.operations.people.all() == ()


def test_what_is_not_there_and_what_is_there_already(rig: Rig) -> None:
    desk = rig.operations.people
    desk.add(AddPerson("alice"))
    with pytest.raises(Conflict, match="lockgate person token alice"):
        desk.add(AddPerson("alice"))
    for missing in (lambda: desk.token("bob", MakeToken()), lambda: desk.remove("bob", Leave())):
        with pytest.raises(NotFound, match="no person 'bob'"):
            missing()
    with pytest.raises(NotFound, match="no token"):
        desk.revoke("tok-0", Leave())
    with pytest.raises(Invalid, match="seconds from now"):
        desk.token("alice", MakeToken(-1))


@pytest.mark.parametrize("email", ["Alice <alice@x.org>", "alice", "@x.org", "alice@x.org ", "al\u200bice@x.org"])
def test_an_address_that_git_would_not_write_is_refused(rig: Rig, email: str) -> None:
    """It would never be recognised as an author's."""
    with pytest.raises(Invalid, match="is no e-mail address"):
        rig.operations.people.add(AddPerson("alice", email))
    assert rig.operations.people.all() == ()


@pytest.mark.parametrize("email", ["alice@x.org", "ALICE@X.ORG", "\uff21lice@x.org"])
def test_an_address_belongs_to_one_person(rig: Rig, email: str) -> None:
    """Whoever is known by two names could agree twice."""
    rig.operations.people.add(AddPerson("alice", "alice@x.org"))
    with pytest.raises(Conflict, match="alice's address already"):
        rig.operations.people.add(AddPerson("alice2", email))
    assert [one.name for one in rig.operations.people.all()] == ["alice"]


def test_a_token_that_is_made_with_another_ends_no_later(rig: Rig) -> None:
    """Whoever finds one that ends soon does not make one for ever of it."""
    first = rig.operations.people.add(AddPerson("alice", expires=60))
    caller = rig.operations.people.bearer(first.token, "")
    assert caller is not None
    desk = rig.operations.on_behalf_of(caller).people
    assert [desk.token("alice", MakeToken(expires)).until for expires in (None, 1e6, 30.0)] == [
        first.until,
        first.until,
        rig.clock.now() + 30,
    ]
    assert rig.operations.people.token("alice", MakeToken()).until is None, "with the server's own it may"
