"""What an environment says, field by field: every field of it is there, and of the right kind."""

from dataclasses import fields

from lockgate.core.comparison import Kind
from lockgate.core.environment import Catalogue, Environment, Listen, Promote
from lockgate.core.rulebook import Record, by_kind, kind_of, recorded, written
from lockgate.core.secret import SecretSource, SecretStore

PROD = Environment(
    "prod",
    listen={"*": Listen("127.0.0.1", 80), "shop": Listen("0.0.0.0", 81)},
    promote=Promote.AUTOMATIC,
    values={"limit": "1"},
    secrets={"key": SecretSource(SecretStore.FILE, "/etc/key")},
    users=("ann", "bob"),
    capabilities=("gpu",),
)


def test_fields_are_paths_as_people_write_them() -> None:
    said = written(PROD)
    assert said["listen"] == "127.0.0.1:80" and said["listen.shop"] == "0.0.0.0:81"
    assert said["queue"] == "newest" and said["promote"] == "automatic"
    assert said["users"] == ("ann", "bob") and said["values.limit"] == "1"
    assert said["secrets.key"] == "file /etc/key"


def test_what_is_no_configuration_and_not_for_people_is_a_rule() -> None:
    kinds = {field.name: kind_of(field.name) for field in fields(Environment) if field.name not in ("name", "origins")}
    assert kinds["values"] is Kind.CONFIGURATION and kinds["owner"] is Kind.ABOUT and kinds["secrets"] is Kind.SECRET
    assert kind_of("windows") is Kind.RULE and kind_of("promote") is Kind.RULE


def test_parts_hold_everything_once() -> None:
    parts = by_kind(written(PROD))
    assert parts[Kind.CAPABILITY] == {"gpu": "there"}
    assert parts[Kind.SECRET] == {"key": "file /etc/key"}
    assert sum(len(part) for part in parts.values()) == len(written(PROD))


def test_a_catalogue_is_recorded_by_environment() -> None:
    assert recorded(Catalogue({"prod": PROD}, groups={"a": ("ann",)})) == Record(
        {"prod": written(PROD)}, {"a": ("ann",)}
    )
