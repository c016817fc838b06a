"""Every strategy keeps its promises through slow starts, lost instances, crashes, aborts and pre-emption.

The promises themselves are in ``lockgate.testing.walks``; ``test_broken_strategies`` shows that they can be broken.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lockgate.testing.walks import FIX, NEW, OLD, journey, prove
from tests.conftest import THOROUGH
from tests.strategies.ways import WAYS

SCRIPTS = 50_000 if THOROUGH else 150
SCRIPT = some.binary(max_size=200)
WAY = some.sampled_from(list(WAYS.values()))


@given(WAY, SCRIPT)
def test_every_walk_keeps_its_promises_and_ends(way, script: bytes) -> None:
    end = journey(*way, script, others=list(WAYS.values()))

    assert end.to in (OLD, NEW, FIX, None)


@pytest.mark.parametrize("name", WAYS)
def test_a_strategy_survives_many_scripts(name: str) -> None:
    prove(*WAYS[name], scripts=SCRIPTS, others=list(WAYS.values()))


@pytest.mark.parametrize("name", WAYS)
def test_without_mishap_everything_ends_at_the_new_revision(name: str) -> None:
    end = journey(*WAYS[name], b"")

    assert (end.to, end.back) == (NEW, False)
