"""The record cannot be quietly edited: any edit, deletion or exchange breaks the chain at that place."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as some

from lockgate.core.audit import GENESIS, AuditEntry, Event, broken_at, link


def chain(length: int) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for seq in range(1, length + 1):
        event = Event("release.created", float(seq), f"because {seq}", actor="ada", audited=True, seq=100 + seq)
        entries.append(link(seq, event, entries[-1].digest if entries else GENESIS))
    return entries


LENGTHS = some.integers(2, 6)
EDITS = some.sampled_from(
    [{"because": "other"}, {"actor": "bob"}, {"at": 0.5}, {"kind": "x"}, {"data": {"a": "b"}}, {"release": "rel-1"}]
)


@given(some.integers(0, 6))
def test_a_whole_chain_holds(length: int) -> None:
    assert broken_at(chain(length)) is None


@given(LENGTHS, some.data(), EDITS)
def test_an_edited_event_is_found(length: int, data: some.DataObject, edit: dict[str, str]) -> None:
    entries = chain(length)
    at = data.draw(some.integers(0, length - 1))
    entries[at] = replace(entries[at], event=replace(entries[at].event, **edit))

    assert broken_at(entries) == at + 1


@given(LENGTHS, some.data(), EDITS)
def test_an_edit_that_mends_its_own_digest_is_found_at_the_next_entry(
    length: int, data: some.DataObject, edit: dict[str, str]
) -> None:
    entries = chain(length)
    at = data.draw(some.integers(0, length - 2))
    entries[at] = link(at + 1, replace(entries[at].event, **edit), entries[at].previous)

    assert broken_at(entries) == at + 2


@given(LENGTHS, some.data())
def test_a_missing_entry_is_found(length: int, data: some.DataObject) -> None:
    entries = chain(length)
    at = data.draw(some.integers(0, length - 2))
    del entries[at]

    assert broken_at(entries) == at + 1


@given(LENGTHS, some.data())
def test_exchanged_entries_are_found(length: int, data: some.DataObject) -> None:
    entries = chain(length)
    one, other = sorted(data.draw(some.lists(some.integers(0, length - 1), min_size=2, max_size=2, unique=True)))
    entries[one], entries[other] = entries[other], entries[one]

    assert broken_at(entries) == one + 1


def test_an_entry_put_in_between_is_found() -> None:
    entries = chain(3)
    entries.insert(1, link(2, Event("x", 0.0, ""), entries[0].digest))

    assert broken_at(entries) == 3


def test_the_number_in_the_event_log_is_not_part_of_the_chain() -> None:
    assert link(1, Event("x", 0.0, "", seq=7), GENESIS) == link(1, Event("x", 0.0, "", seq=8), GENESIS)
