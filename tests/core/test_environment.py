"""Environments and their order."""

import pytest

from lockgate.core.environment import Catalogue, Environment, Listen
from lockgate.core.errors import NotFound

LINE = Catalogue(
    {
        "prod": Environment("prod", after="staging"),
        "dev": Environment("dev"),
        "staging": Environment("staging", after="dev"),
        "demo": Environment("demo", after="dev"),
        "lab": Environment("lab"),
    }
)


def test_the_order_is_that_of_promotion_however_it_was_written() -> None:
    assert [e.name for e in LINE.in_order()] == ["dev", "staging", "prod", "demo", "lab"]


def test_what_follows_and_what_is_first() -> None:
    assert [e.name for e in LINE.following("dev")] == ["staging", "demo"]
    assert [e.name for e in LINE.first()] == ["dev", "lab"]


def test_an_unknown_environment_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFound, match=r"no environment 'qa'\. The environments are: prod, dev, staging, demo, lab\."):
        LINE.get("qa")
    with pytest.raises(NotFound, match="none yet"):
        Catalogue().get("qa")


def test_an_address_of_its_own_wins_over_the_one_for_all() -> None:
    environment = Environment("dev", listen={"*": Listen("127.0.0.1", 80), "shop": Listen("127.0.0.1", 81)})

    assert str(environment.address_for("shop")) == "127.0.0.1:81"
    assert str(environment.address_for("other")) == "127.0.0.1:80"
    assert Environment("dev").address_for("shop") is None


def test_replicas_are_those_of_the_environment_the_narrower_the_better() -> None:
    environment = Environment("dev", replicas={"web": 2, "shop/web": 3})

    assert environment.replicas_for("shop", "web", 1) == 3
    assert environment.replicas_for("other", "web", 1) == 2
    assert environment.replicas_for("other", "worker", 1) == 1
