"""Templates: names are filled in pass by pass, and a value is never taken for a name."""

from hypothesis import given
from hypothesis import strategies as st

from lockgate.core import template

TEXT = st.text("ab{}. ", max_size=12)


def test_a_name_without_a_value_is_left_to_a_later_pass() -> None:
    assert template.fill("serve {values.x} {port}", {"values.x": "7"}.get) == "serve 7 {port}"


def test_doubled_braces_stay_until_the_last_pass() -> None:
    text = '{{"level": "{values.x}"}}'
    once = template.fill(text, {"values.x": "info"}.get)
    assert once == '{{"level": "info"}}'
    assert template.finish(once, {}.get) == '{"level": "info"}'


def test_a_doubled_name_is_no_name() -> None:
    assert list(template.names("{{port}} {host}")) == ["host"]
    assert not template.mentions("{{port}}", "port")
    assert template.mentions("{{{port}}}", "port")


def test_lone_braces_are_found() -> None:
    assert list(template.lone_braces("} {{ {port} {")) == ["}", "{"]


@given(TEXT)
def test_a_value_is_never_taken_for_a_name(value: str) -> None:
    once = template.fill("<{values.x}>", {"values.x": value}.get)
    assert template.finish(once, lambda name: f"filled {name}") == f"<{value}>"


@given(TEXT)
def test_finishing_loses_nothing_but_the_doubling(text: str) -> None:
    assert template.finish(text.replace("{", "{{").replace("}", "}}"), lambda name: "") == text
