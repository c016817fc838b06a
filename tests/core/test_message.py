"""What people are told: what, where, who, why, and what to do next."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.audit import Event
from lockgate.core.message import MOST_LINES, Link, Tone, compose, digest, one_line, plain_text, subject
from lockgate.testing.samples import NOON

FAILED = Event(
    kind="deployment.failed",
    at=NOON,
    because="GET /items.json answered 500.",
    application="shop",
    environment="prod",
    deployment="dep-7",
    release="rel-1",
    data={"release_label": "shop 2.1.0 (#3)"},
    seq=41,
)


def of(kind: str, **changes: object) -> Event:
    return replace(FAILED, kind=kind, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "title"),
    [
        (FAILED, "shop 2.1.0 (#3) in prod has failed"),
        (of("deployment.gated"), "shop 2.1.0 (#3) in prod waits at a gate"),
        (of("release.created", environment="", data={}), "shop was made"),
        (of("promotion.refused"), "shop 2.1.0 (#3) may not be promoted to prod"),
        (of("quarantine.set"), "shop 2.1.0 (#3) is barred from prod"),
        (of("quarantine.lifted"), "shop 2.1.0 (#3) may enter prod again"),
        (of("environment.repaired"), "shop in prod was repaired"),
        (of("approval.requested"), "Approval requested: shop 2.1.0 (#3) in prod"),
        (of("window.over-ridden", data={}), "Window over ridden: shop in prod"),
        (of("train.failed", data={"train": "friday"}), "The train friday in prod has failed"),
        (of("train.created", data={"train": "friday"}), "Train created: friday in prod"),
        (of("task.opened", data={"train": "friday", "step": "announce"}), "friday/announce in prod is to be done"),
        (of("task.ticked", data={"train": "friday", "step": "announce"}), "Task ticked: friday/announce in prod"),
    ],
)
def test_the_title_says_what_happened_to_what_and_where(event: Event, title: str) -> None:
    assert subject(event) == title


def test_a_message_says_why_who_and_what_to_do_next() -> None:
    event = of("deployment.gated", actor="ann", data={"release_label": "shop 2 (#3)", "who": "release-managers"})
    assert compose(event).sentences == (
        "GET /items.json answered 500.",
        "By ann.",
        "Who can act: release-managers.",
        "See what it waits for: lockgate explain dep-7",
    )
    assert compose(event).tone is Tone.WAITS and compose(event).thread == "dep-7"


def test_of_a_task_and_a_train_the_commands_and_the_page_are_named() -> None:
    opened = of("task.opened", deployment="", release="", data={"train": "friday", "step": "announce"})
    told = compose(opened, site="https://deploy.example/")
    assert told.tone is Tone.WAITS and told.links == (Link("Open the train", "https://deploy.example/trains/friday"),)
    assert "See what is to be done: lockgate task show friday/announce" in told.sentences
    failed = compose(of("train.failed", deployment="", data={"train": "friday"}))
    assert failed.tone is Tone.BAD and "See why: lockgate train show friday" in failed.sentences


def test_what_lockgate_does_by_itself_has_no_actor() -> None:
    assert compose(FAILED).sentences == ("GET /items.json answered 500.", "See why: lockgate explain dep-7")


def test_a_link_is_there_when_the_console_is_known_behind_those_that_are_given() -> None:
    assert compose(FAILED).links == ()
    approve = Link("Approve", "https://deploy.example/approvals/9?key=x")
    assert compose(FAILED, site="https://deploy.example/", links=[approve], sentences=["Until noon."]).links == (
        approve,
        Link("Open the deployment", "https://deploy.example/deployments/dep-7"),
    )
    assert "Until noon." in compose(FAILED, sentences=["Until noon."]).sentences


def test_what_is_not_known_is_not_in_a_command() -> None:
    assert compose(of("deployment.failed", deployment="")).sentences == ("GET /items.json answered 500.",)


@given(st.text(), st.text(), st.text())
def test_a_title_is_one_line_whatever_names_hold(label: str, environment: str, because: str) -> None:
    event = replace(FAILED, data={"release_label": label}, environment=environment, because=because)
    for message in (compose(event), digest([event, event])):
        assert len(message.title.splitlines()) <= 1 and len(message.title) <= 200
        assert not set(message.title) & {"\r", "\n", "\x00", "\x1b", "\u2028"}


def test_control_characters_become_a_space() -> None:
    assert one_line("shop\r\nBcc: evil@example.org\x00\x85x") == "shop Bcc: evil@example.org x"


# --- digests ---


def test_a_digest_tells_by_place_in_the_order_of_events() -> None:
    waits = of("deployment.gated", environment="staging", because="It is not Monday.\nA log.")
    later = of("deployment.succeeded", at=NOON + 60, because="It runs.")
    message = digest([FAILED, waits, later], site="https://deploy.example")
    assert message.title == "3 things happened in prod, staging: 1 bad, 1 to wait for"
    assert message.sentences == (
        "shop in prod:\n"
        "- 2027-01-15 08:00 UTC shop 2.1.0 (#3) in prod has failed. GET /items.json answered 500.\n"
        "- 2027-01-15 08:01 UTC shop 2.1.0 (#3) in prod has succeeded. It runs.",
        "shop in staging:\n- 2027-01-15 08:00 UTC shop 2.1.0 (#3) in staging waits at a gate. It is not Monday.",
    )
    assert (message.tone, message.kind, message.events) == (Tone.BAD, "notification.digest", (FAILED, waits, later))


def test_a_digest_of_one_is_that_one() -> None:
    assert digest([FAILED]) == compose(FAILED)


def test_a_long_digest_says_how_many_more_there_are() -> None:
    message = digest([FAILED] * (MOST_LINES + 31))
    assert plain_text(message).count("has failed") == MOST_LINES
    assert "And 31 more" in message.sentences[-1] and len(message.events) == MOST_LINES + 31
