"""What is told of a change of the environments' file: who may let what in first, the rest in few words."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lockgate.config.environments_file import read_catalogue
from lockgate.core.amendment import Amendment, amended
from lockgate.core.rulebook import Record, document, document_read, recorded

BEFORE = """\
groups: {release-managers: [alice, bob], on-call: [dave]}
environments:
  dev: {listen: 8081}
  prod:
    after: dev
    approvals: {from: [release-managers]}
    break_glass: {by: [on-call]}
"""


def record(text: str) -> Record:
    return recorded(read_catalogue(text).value)


def change(old: str, new: str, before: str = BEFORE) -> Amendment:
    assert old in before
    return amended(record(before), record(before.replace(old, new)))


def test_who_joins_or_leaves_a_group_is_told_with_what_they_may() -> None:
    joined = change("[alice, bob]", "[alice, bob, carol]")
    assert joined.sentences == ("carol joined release-managers, who approve in prod.",)
    assert joined.environments == ("prod",) and joined.groups == ("release-managers",)
    assert joined.changes == {"groups.release-managers": "was alice, bob, is alice, bob, carol"}
    left = change("[dave]", "[erin]")
    assert left.sentences == (
        "erin joined on-call, who may break the glass in prod.",
        "dave left on-call, who may break the glass in prod.",
    )


def test_a_group_that_nothing_asks_for_is_told_too() -> None:
    found = change("on-call: [dave]", "on-call: [dave], readers: [zoe]")
    assert found.sentences == ("zoe joined readers.",) and found.environments == ()


def test_the_order_of_names_is_no_change() -> None:
    assert change("[alice, bob]", "[bob, alice]") == Amendment()


def test_what_governs_comes_before_many_defaults_of_a_strategy() -> None:
    rules = """\
    values: {limit: 5}
    strategy: {canary: {steps: [1%, 5%]}}
    windows: [{freeze: 2026-12-20 .. 2027-01-02, zone: Europe/Berlin, because: Christmas}]
    soak: {in: dev, for: 2h}
    approvals: {from: [release-managers], count: 2}
"""
    found = change("    approvals: {from: [release-managers]}\n", rules)
    assert found.sentences[:3] == (
        "prod: approvals.count was 1, is 2.",
        "prod: windows now frozen from 2026-12-20 00:00 until 2027-01-03 00:00 Europe/Berlin: Christmas.",
        "prod: soak is new (for 7200, in dev).",
    )
    whole, canary = (_fields(found, f"prod {part}.") for part in ("strategy", "strategy.canary"))
    assert canary > 10
    assert found.sentences[3:] == (
        f"prod: {whole - canary} fields of strategy are new.",
        f"prod: {canary} fields of strategy.canary are new.",
        "prod: values.limit was not there, is 5.",
    )
    assert found.changes["prod strategy.canary.within"] == "was not there, is 7200"


def _fields(found: Amendment, prefix: str) -> int:
    return sum(path.startswith(prefix) for path in found.changes)


def test_a_rule_that_goes_is_told_with_what_it_was() -> None:
    found = change("    break_glass: {by: [on-call]}\n", "")
    assert found.sentences == ("prod: break_glass is gone (by on-call, review 86400).",)


def test_an_environment_that_comes_or_goes_is_told() -> None:
    found = amended(record(BEFORE), record(BEFORE + "  qa: {}\n"))
    assert found.sentences == ("qa is new.",)
    assert amended(record(BEFORE + "  qa: {}\n"), record(BEFORE)).sentences == ("qa is gone.",)


def test_a_record_from_before_groups_were_recorded_tells_nothing_of_them() -> None:
    now = record(BEFORE)
    assert amended(replace(now, groups=None), now) == Amendment()


def test_a_record_is_read_as_it_was_written() -> None:
    now = record(BEFORE)
    assert document_read(document(now).decode()) == now
    old = '{"prod": {"queue": "newest", "users": ["ann"]}}'
    assert document_read(old) == Record({"prod": {"queue": "newest", "users": ("ann",)}}, None)


SETTINGS = st.dictionaries(
    st.sampled_from(["approvals.count", "approvals.from", "windows", "strategy.canary.early", "owner", "values.a"]),
    st.one_of(st.sampled_from(["1", "2"]), st.lists(st.sampled_from(["x", "y"]), max_size=2).map(tuple)),
)
RECORDS = st.builds(
    Record,
    st.dictionaries(st.sampled_from(["dev", "prod"]), SETTINGS),
    st.dictionaries(st.sampled_from(["a", "b"]), st.lists(st.sampled_from(["x", "y"]), unique=True).map(tuple)),
)


@given(RECORDS, RECORDS)
def test_something_is_told_whenever_something_has_changed(before: Record, after: Record) -> None:
    found = amended(before, after)
    assert bool(found.sentences) == bool(found.changes or before.environments.keys() ^ after.environments.keys())
    assert amended(after, after) == Amendment()
    assert all(sentence.endswith(".") for sentence in found.sentences)
