"""What every source of metrics must do. Inherit :class:`MetricSourceContract` in a test module and give it a ``site``
fixture, which makes the outside world say what the test wants:

    class TestMine(MetricSourceContract):
        @pytest.fixture
        def site(self) -> MetricSite: ...
"""

import math
from typing import Protocol

import pytest

from lockgate.core.canary import Metric, MetricKind
from lockgate.core.errors import Invalid, Unavailable
from lockgate.core.window import Ratio
from lockgate.ports import MetricSource

SIDES = ("canary", "baseline")


class MetricSite(Protocol):
    """The world that a source looks at."""

    source: MetricSource

    def metric(self, kind: MetricKind) -> Metric:
        """Named ``orders``, that reads what :meth:`say` says of the side in its labels."""

    def say(self, side: str, **figures: float | None) -> None:
        """``bad`` and ``all``, or ``value``. None: it is not there. Returns when the source can see it."""

    def silent(self, kind: MetricKind) -> Metric:
        """The same, from somebody who does not answer; it waits for a second at most."""

    def wrong(self) -> Metric:
        """One whose settings lack something."""

    def now(self) -> float: ...


def labels(side: str) -> dict[str, str]:
    return {"side": side, "revision": f"rev-{side}", "application": "shop", "environment": "prod", "component": "web"}


class MetricSourceContract:
    """Of :class:`lockgate.ports.MetricSource`."""

    def test_totals_are_read_for_each_side_and_grow(self, site: MetricSite) -> None:
        orders = site.metric(MetricKind.COUNTER)
        site.say("canary", bad=1, all=10)
        site.say("baseline", bad=5, all=90)
        assert [_total(site, orders, side) for side in SIDES] == [Ratio(1, 10), Ratio(5, 90)]
        site.say("canary", bad=2, all=30)
        assert _total(site, orders, "canary") == Ratio(2, 30)

    def test_a_level_is_read_for_each_side(self, site: MetricSite) -> None:
        memory = site.metric(MetricKind.GAUGE)
        site.say("canary", value=1.5)
        site.say("baseline", value=-2.0)
        found = [site.source.read(memory, labels(side), site.now()) for side in SIDES]
        assert [one.value for one in found] == [1.5, -2.0]
        assert not any(one.totals or one.because for one in found)

    def test_the_moment_of_a_reading_is_the_one_asked_for(self, site: MetricSite) -> None:
        site.say("canary", value=1.0)
        at = site.now()
        assert site.source.read(site.metric(MetricKind.GAUGE), labels("canary"), at).at == at

    @pytest.mark.parametrize("value", [None, math.nan, math.inf])
    def test_what_is_absent_or_no_number_is_no_data(self, site: MetricSite, value: float | None) -> None:
        site.say("canary", value=value, bad=0, all=value)
        for kind in MetricKind:
            found = site.source.read(site.metric(kind), labels("canary"), site.now())
            assert found.value is None and not found.totals
            assert found.because.endswith(".")

    def test_more_bad_ones_than_there_are_is_no_data(self, site: MetricSite) -> None:
        site.say("canary", bad=11, all=10)
        found = site.source.read(site.metric(MetricKind.COUNTER), labels("canary"), site.now())
        assert not found.totals and "11" in found.because

    def test_nothing_so_far_is_a_total_of_nothing(self, site: MetricSite) -> None:
        site.say("canary", bad=0, all=0)
        assert _total(site, site.metric(MetricKind.COUNTER), "canary") == Ratio(0, 0)

    def test_who_does_not_answer_is_unavailable_and_named(self, site: MetricSite) -> None:
        for kind in MetricKind:
            with pytest.raises(Unavailable, match="orders"):
                site.source.read(site.silent(kind), labels("canary"), site.now())

    def test_settings_that_lack_something_are_refused_by_name(self, site: MetricSite) -> None:
        with pytest.raises(Invalid, match=r"orders\.\w+"):
            site.source.read(site.wrong(), labels("canary"), site.now())


def _total(site: MetricSite, metric: Metric, side: str) -> Ratio:
    found = site.source.read(metric, labels(side), site.now())
    assert found.value is None
    ((_, ratio),) = found.totals.items()
    return ratio
