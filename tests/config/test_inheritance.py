"""What environments have in common is written once; whatever an environment has can tell where it is from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.config.document import Node, Scalar, Sequence, Table, parse
from lockgate.config.environments_file import ENVIRONMENT, read_catalogue
from lockgate.config.inheritance import ADDED_UP, KEYED, OWN, inherited
from lockgate.core.environment import Environment, Promote
from lockgate.core.errors import Invalid
from lockgate.core.ids import digest_of, plain
from lockgate.core.origin import told

FILE = """\
organisation:
  owner: platform
  values: {time_limit: 250, region: eu}
  secrets:
    token: {file: /etc/token}
tiers:
  production:
    promote: automatic
    values:
      time_limit: 500
    strategy: {rolling: {batch: 1}}
environments:
  dev:
    listen: 8081
  prod:
    after: dev
    tier: production
    listen: 8082
    promote: on-demand
    values:
      time_limit: 1000
"""


def problems(text: str) -> list[str]:
    with pytest.raises(Invalid) as refused:
        read_catalogue(text)
    return [problem.sentence() for problem in refused.value.problems]


def environment(name: str, text: str = FILE) -> Environment:
    return read_catalogue(text).value.get(name)


def test_what_is_nearest_counts_and_tables_of_names_are_merged() -> None:
    prod = environment("prod")
    assert prod.values == {"time_limit": "1000", "region": "eu"}
    assert prod.promote is Promote.ON_DEMAND and prod.owner == "platform"
    assert list(prod.secrets) == ["token"]
    assert prod.strategy is not None and prod.strategy.batch == "1"
    assert environment("dev").values == {"time_limit": "250", "region": "eu"}
    assert environment("dev").strategy is None


def test_a_field_tells_who_says_so_and_what_does_not_count_because_of_it() -> None:
    origins = environment("prod").origins
    assert told("values.time_limit", origins["values.time_limit"], ("the default of shop is 100",)) == (
        "values.time_limit is 1000: written in environment prod (environments.yaml:21); tier production says 500 "
        "(line 10), organisation says 250 (line 3), the default of shop is 100."
    )
    assert told("owner", origins["owner"]) == "owner is platform: written in organisation (environments.yaml:2)."


def test_lines_are_those_of_what_counts() -> None:
    read = read_catalogue(FILE)
    assert read.line("environments.prod.values.time_limit") == 21
    assert read.line("environments.prod.values.region") == 3
    assert read.line("environments.dev.secrets.token") == 5
    assert read.line("environments.prod.strategy.rolling.batch") == 11


def test_levels_say_which_fields_they_give() -> None:
    catalogue = read_catalogue(FILE).value
    assert catalogue.organisation is not None
    assert catalogue.organisation.says == ("owner", "values", "secrets")
    assert catalogue.tiers["production"].says == ("promote", "strategy", "values")


def test_a_fault_that_is_inherited_is_told_once_where_it_is_written() -> None:
    found = problems(FILE.replace("owner: platform", "ownr: platform"))
    assert found == [
        "environments.yaml:2: organisation.ownr: the organisation has no field 'ownr'. Did you mean 'owner'?"
    ]
    found = problems(FILE.replace("promote: automatic", "promote: always"))
    assert len(found) == 1 and found[0].startswith("environments.yaml:8: tiers.production.promote: ")
    found = problems(FILE.replace("values: {time_limit: 250, region: eu}", "values: 7"))
    assert len(found) == 1 and found[0].startswith("environments.yaml:3: organisation.values: ")


def test_a_fault_of_a_tier_that_nobody_uses_is_told() -> None:
    assert problems(FILE + "tiers2: {}\n") and problems(
        FILE.replace("tier: production", "purpose: x").replace("promote: automatic", "promote: always")
    )


def test_an_unknown_tier_is_refused_with_the_nearest() -> None:
    assert problems(FILE.replace("tier: production", "tier: prodction")) == [
        "environments.yaml:17: environments.prod.tier: there is no tier 'prodction'; there are: production. "
        "Did you mean 'production'?"
    ]


@pytest.mark.parametrize("field", sorted(OWN))
def test_what_is_an_environments_own_is_not_inherited(field: str) -> None:
    (found,) = problems(FILE.replace("  owner: platform", f"  {field}: x"))
    assert f"organisation.{field}: the organisation has no field '{field}'. It is each environment's own" in found


def test_who_says_so_is_no_part_of_what_is_recorded() -> None:
    prod = environment("prod")
    assert prod.origins and "origins" not in plain(prod)
    moved = environment("prod", "# a line more\n" + FILE)
    assert moved == prod and digest_of(moved) == digest_of(prod)
    assert moved.origins != prod.origins


def test_lists_of_rules_add_up_and_a_lower_level_cannot_drop_one() -> None:
    text = "organisation: {windows: [a, b]}\ntiers: {t: {windows: c}}\nenvironments: {prod: {tier: t, windows: []}}\n"
    whole = inherited(parse(text, "f"), "f")
    windows = entry(entry(whole.root, "environments"), "prod", "windows")
    assert isinstance(windows, Sequence)
    assert [item.text for item in windows.items if isinstance(item, Scalar)] == ["a", "b", "c"]
    origins = whole.origins["prod"]
    assert [origins[f"windows[{n}]"].level for n in range(3)] == ["organisation", "organisation", "tier t"]


def entry(node: Node, *names: str) -> Node:
    for name in names:
        assert isinstance(node, Table)
        node = node.entries[name]
    return node


# --- for whatever is written ---

NAMES = st.sampled_from(["values", "windows", "policies", "owner", "target", "secrets", "soak", "after"])
TEXTS = st.text("abc", min_size=1, max_size=3)
NODES = st.recursive(
    TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
LEVELS = st.dictionaries(NAMES, NODES, max_size=5)


def as_node(value: object, line: int) -> Node:
    if isinstance(value, dict):
        entries = {name: as_node(child, line) for name, child in value.items()}
        return Table(entries, line, dict.fromkeys(entries, line))
    if isinstance(value, list):
        return Sequence(tuple(as_node(item, line) for item in value), line)
    return Scalar(str(value), line)


def document(organisation: object, tier: object, prod: dict[str, object]) -> Table:
    said = {**prod, "tier": "t"}
    parts = {"organisation": as_node(organisation, 1), "tiers": as_node({"t": tier}, 2)}
    entries = {**parts, "environments": as_node({"prod": said}, 3)}
    return Table(entries, 1, dict.fromkeys(entries, 1))


@given(LEVELS, LEVELS, LEVELS)
def test_every_field_is_there_with_its_origin(
    organisation: dict[str, object], tier: dict[str, object], prod: dict[str, object]
) -> None:
    """Line 1 is the organisation's, 2 the tier's, 3 its own."""
    whole = inherited(document(organisation, tier, prod), "f")
    merged, origins = entry(whole.root, "environments", "prod"), whole.origins["prod"]
    assert isinstance(merged, Table)
    levels = [{**prod, "tier": "t"}, *({k: v for k, v in one.items() if k not in OWN} for one in (tier, organisation))]
    assert set(merged.entries) == {name for level in levels for name in level}
    for name, node in merged.entries.items():
        given_by = [level for level in levels if name in level]
        assert merged.key_lines[name] == 3 - levels.index(given_by[0])
        if name in KEYED and all(isinstance(level[name], dict) for level in given_by):
            assert isinstance(node, Table)
            assert set(node.entries) == {key for level in given_by for key in level[name]}  # type: ignore[attr-defined]
            assert all(f"{name}.{key}" in origins for key in node.entries)
        elif name in ADDED_UP and len(given_by) > 1:
            assert isinstance(node, Sequence)
            wanted = [v if isinstance(v, list) else [v] for v in (level[name] for level in given_by)]
            assert len(node.items) == sum(map(len, wanted))
        else:
            assert any(path == name or path.startswith((f"{name}.", f"{name}[")) for path in origins)


@given(NODES, NODES, NODES)
def test_nothing_that_is_written_makes_it_fall_over(organisation: object, tier: object, prod: object) -> None:
    entries = {"organisation": as_node(organisation, 1), "tiers": as_node(tier, 2), "environments": as_node(prod, 3)}
    inherited(Table(entries, 1, dict.fromkeys(entries, 1)), "f")


def test_every_field_of_an_environment_but_its_own_can_be_inherited() -> None:
    from lockgate.config.levels import level_form

    assert {field.name for field in level_form("a tier", ENVIRONMENT).fields} == {
        field.name for field in ENVIRONMENT.fields
    } - OWN
