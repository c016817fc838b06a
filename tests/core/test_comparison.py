"""A difference is told in a sentence; what is not known is never the same."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.comparison import Kind, Setting, Settings, Snapshot, Unknown, compare, flattened, flow, summary

TEXTS = st.text("ab", min_size=1, max_size=2)
SETTINGS: st.SearchStrategy[Setting] = st.one_of(
    TEXTS,
    st.lists(TEXTS, max_size=3).map(tuple),
    st.builds(Unknown, st.just("nobody looked"), st.sampled_from(["", "m"])),
)
PARTS = st.dictionaries(
    st.sampled_from(list(Kind)),
    st.one_of(st.dictionaries(TEXTS, SETTINGS, max_size=3), st.just(Unknown("nothing is recorded."))),
    max_size=4,
)


def snapshot(name: str, kind: Kind = Kind.CONFIGURATION, **settings: Setting) -> Snapshot:
    return Snapshot(name, {kind: settings})


def sentences(left: Snapshot, right: Snapshot) -> list[str]:
    return [one.sentence for one in compare(left, right)]


def test_what_is_the_same_is_not_told() -> None:
    one = snapshot("staging", limit="1", hosts=("a", "b"))
    assert compare(one, replace(one, name="prod")) == ()
    assert summary(one, replace(one, name="prod"), ()) == "staging and prod are the same."


def test_a_value_is_told_with_both_sides() -> None:
    left, right = snapshot("staging", limit="500"), snapshot("prod", limit="1000", region="eu")
    assert sentences(left, right) == ["limit: 500 in staging, 1000 in prod.", "region: only in prod: eu."]
    (limit, region) = compare(left, right)
    assert (limit.left, limit.right, region.left, region.right) == ("500", "1000", "", "eu")


def test_of_a_list_only_what_is_on_one_side_is_told() -> None:
    left = snapshot("staging", Kind.RULE, windows=("open 9-17", "freeze a"))
    right = snapshot("prod", Kind.RULE, windows=("freeze b", "open 9-17"))
    assert sentences(left, right) == ["windows: only staging has freeze a; only prod has freeze b."]


def test_the_order_of_a_list_is_no_difference() -> None:
    assert compare(snapshot("a", hosts=("x", "y")), snapshot("b", hosts=("y", "x"))) == ()


def test_secrets_and_capabilities_are_called_so() -> None:
    left, right = (
        snapshot("staging", Kind.SECRET, key="fingerprint 1a"),
        snapshot("prod", Kind.SECRET, key="fingerprint 2b"),
    )
    assert sentences(left, right) == ["The secret key: fingerprint 1a in staging, fingerprint 2b in prod."]
    assert sentences(snapshot("staging", Kind.CAPABILITY), snapshot("prod", Kind.CAPABILITY, gpu="there")) == [
        "The capability gpu: only in prod."
    ]


def test_what_is_not_known_is_told_as_such() -> None:
    left, right = (
        snapshot("staging", Kind.OBSERVED, web="as deployed"),
        snapshot("prod", Kind.OBSERVED, web=Unknown("last seen 95 s ago")),
    )
    (found,) = compare(left, right)
    assert not found.known and found.right == "unknown"
    assert (
        found.sentence
        == "web cannot be compared: in staging it is as deployed, in prod it is unknown (last seen 95 s ago)."
    )
    assert (
        summary(left, right, (found,)) == "No difference between staging and prod is known, but 1 cannot be compared."
    )


def test_two_that_are_unknown_are_not_the_same_unless_they_stand_for_one_thing() -> None:
    def kept(mark: str) -> Snapshot:
        return snapshot("x", Kind.SECRET, key=Unknown("it has no fingerprint", mark))

    assert len(compare(kept(""), kept(""))) == 1
    assert len(compare(kept("file /a"), kept("file /b"))) == 1
    assert compare(kept("file /a"), kept("file /a")) == ()


def test_a_side_of_which_nothing_is_known_is_told_once() -> None:
    left, right = (
        Snapshot("prod at noon", {Kind.RULE: Unknown("nothing is recorded.")}),
        snapshot("prod", Kind.RULE, a="1", b="2"),
    )
    assert sentences(left, right) == ["The rules of prod at noon cannot be compared: nothing is recorded."]


def test_the_summary_counts() -> None:
    left, right = (
        snapshot("staging", limit="1"),
        Snapshot("prod", {Kind.CONFIGURATION: {"limit": "2"}, Kind.RULE: {"x": "y"}}),
    )
    assert (
        summary(left, right, compare(left, right))
        == "staging and prod differ in 2 things: 1 of configuration, 1 of rules."
    )


@given(PARTS, PARTS)
def test_both_ways_tell_the_same_differences(
    one: dict[Kind, Settings | Unknown], other: dict[Kind, Settings | Unknown]
) -> None:
    left, right = Snapshot("left", one), Snapshot("right", other)
    there, back = compare(left, right), compare(right, left)
    assert {(d.kind, d.subject, d.left, d.right, d.known) for d in there} == {
        (d.kind, d.subject, d.right, d.left, d.known) for d in back
    }
    assert all(d.sentence.endswith(".") for d in there)


@given(PARTS)
def test_only_what_is_unknown_differs_from_itself(parts: dict[Kind, Settings | Unknown]) -> None:
    one = Snapshot("one", parts)
    found = compare(one, one)
    assert not any(d.known for d in found)
    unknown = [
        s for p in parts.values() for s in ([p] if isinstance(p, Unknown) else p.values()) if isinstance(s, Unknown)
    ]
    assert len(found) == sum(one.mark == "" for one in unknown)


@given(PARTS, PARTS)
def test_no_difference_is_overlooked(
    one: dict[Kind, Settings | Unknown], other: dict[Kind, Settings | Unknown]
) -> None:
    if not compare(Snapshot("a", one), Snapshot("b", other)):
        for kind in Kind:
            left, right = one.get(kind, {}), other.get(kind, {})
            assert not isinstance(left, Unknown) and not isinstance(right, Unknown)
            assert {n: sorted(s) if isinstance(s, tuple) else s for n, s in left.items()} == {
                n: sorted(s) if isinstance(s, tuple) else s for n, s in right.items()
            }


def test_values_are_flattened_to_paths() -> None:
    given_value = {
        "a": {"b": 1, "c": None, "d": ""},
        "l": [{"x": 1}, 2.5],
        "at": {"host": "::", "port": 80},
        "t": True,
        "n": [],
    }
    assert flattened(given_value) == {"a.b": "1", "l": ("{x: 1}", "2.5"), "at": ":::80", "t": "yes"}
    assert flow([None, {"a": [1]}]) == "[none, {a: [1]}]"
