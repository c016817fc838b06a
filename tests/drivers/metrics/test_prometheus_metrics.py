"""Prometheus as a source of metrics, on a real server that scrapes every quarter of a second."""

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from lockgate.analysis.windows import increase
from lockgate.core.canary import Metric, MetricKind
from lockgate.core.errors import ComponentMissing, Invalid, Unavailable
from lockgate.core.secret import Secret
from lockgate.core.window import Ratio, Reading
from lockgate.drivers.metrics.prometheus import PrometheusMetrics
from lockgate.testing.contracts.metrics import MetricSourceContract, labels
from lockgate.testing.origin import Origin
from lockgate.testing.prometheus import Page, PrometheusServer
from lockgate.testing.waiting import wait_until

pytestmark = pytest.mark.real

QUERIES = {
    "bad": 'orders_total{revision="{revision}",result="bad"}',
    "all": 'orders_total{revision="{revision}"}',
    "value": 'memory{revision="{revision}"}',
}


def secrets(environment: str, name: str) -> Secret:
    return Secret(f"{environment}-{name}")


@pytest.fixture(scope="module")
def pages() -> Iterator[tuple[Page, Page]]:
    with Page() as one, Page() as other:
        yield one, other


@pytest.fixture(scope="module")
def server(require_real: object, pages: tuple[Page, Page]) -> Iterator[PrometheusServer]:
    server = PrometheusServer([page.address for page in pages])
    try:
        server.__enter__()
    except ComponentMissing as missing:
        require_real(str(missing))  # type: ignore[operator]
    yield server
    server.__exit__()


NUMBERS = itertools.count(1)


@dataclass
class Exporter:
    """One scraped instance. Each page has a number, to see when it has arrived."""

    server: PrometheusServer
    page: Page

    def say(self, series: dict[str, float]) -> None:
        """Returns when it has been scraped."""
        number = next(NUMBERS)
        lines = [f"{name} {value}" for name, value in series.items()]
        self.page.text = "\n".join([*lines, f"page_number {number}", ""])
        query = f'page_number{{instance="{self.page.address}"}}'
        wait_until(lambda: self.server.value(query) == number)


@pytest.fixture
def exporter(server: PrometheusServer, pages: tuple[Page, Page]) -> Exporter:
    """With nothing from the test before."""
    for page in pages:
        page.status = 200
        Exporter(server, page).say({})
    return Exporter(server, pages[0])


@dataclass
class Site:
    """Counters and a gauge of both sides, on one page."""

    exporter: Exporter
    source: PrometheusMetrics = field(default_factory=lambda: PrometheusMetrics(secrets))
    figures: dict[str, dict[str, float | None]] = field(default_factory=dict)

    def metric(self, kind: MetricKind) -> Metric:
        settings = {"url": self.exporter.server.url, "delay": "0", **QUERIES}
        return Metric("orders", "prometheus", kind, settings)

    def say(self, side: str, **figures: float | None) -> None:
        self.figures[side] = figures
        self.exporter.say({n: v for one, told in self.figures.items() for n, v in _series(one, told)})

    def silent(self, kind: MetricKind) -> Metric:
        with Origin("gone") as gone:
            settings = {"url": f"http://{gone.address}", "timeout": "1"}
        return replace(self.metric(kind), settings={**self.metric(kind).settings, **settings})

    def wrong(self) -> Metric:
        return Metric("orders", "prometheus", MetricKind.COUNTER, {"url": self.exporter.server.url, "bad": "up"})

    def now(self) -> float:
        return time.time()


def _series(side: str, figures: dict[str, float | None]) -> Iterator[tuple[str, float]]:
    bad, whole, value = (figures.get(name) for name in ("bad", "all", "value"))
    if bad is not None and whole is not None:
        yield f'orders_total{{revision="rev-{side}",result="bad"}}', bad
        yield f'orders_total{{revision="rev-{side}",result="good"}}', whole - bad
    if value is not None:
        yield f'memory{{revision="rev-{side}"}}', value


class TestPrometheus(MetricSourceContract):
    @pytest.fixture
    def site(self, exporter: Exporter) -> Site:
        return Site(exporter)


def read(exporter: Exporter, settings: dict[str, str] | None = None, kind: MetricKind = MetricKind.COUNTER) -> Reading:
    metric = Site(exporter).metric(kind)
    metric = replace(metric, settings={**metric.settings, **(settings or {})})
    return PrometheusMetrics(secrets).read(metric, labels("canary"), time.time())


GOOD, BAD = (f'orders_total{{revision="rev-canary",result="{result}"}}' for result in ("good", "bad"))


def test_each_instance_that_counts_is_told_by_its_address(exporter: Exporter, pages: tuple[Page, Page]) -> None:
    exporter.say({GOOD: 9, BAD: 1})
    Exporter(exporter.server, pages[1]).say({GOOD: 5, BAD: 0})
    assert read(exporter).totals == {pages[0].address: Ratio(1, 10), pages[1].address: Ratio(0, 5)}


def test_series_that_begin_with_the_first_error_were_nothing_before(exporter: Exporter) -> None:
    exporter.say({GOOD: 10})
    before = read(exporter)
    assert before.totals == {exporter.page.address: Ratio(0, 10)}
    exporter.say({GOOD: 12, BAD: 3})
    assert increase(before, read(exporter)) == Ratio(3, 5)


def test_an_instance_that_has_started_again_counts_from_nothing(exporter: Exporter) -> None:
    exporter.say({GOOD: 90, BAD: 10})
    before = read(exporter)
    exporter.say({GOOD: 6, BAD: 1})
    assert increase(before, read(exporter)) == Ratio(1, 7)


def test_an_instance_that_has_gone_is_no_data(exporter: Exporter) -> None:
    exporter.say({GOOD: 1, BAD: 0})
    exporter.page.status = 500
    wait_until(lambda: not read(exporter).totals)
    assert "nothing" in read(exporter).because


def test_a_counter_that_is_no_number_is_no_data(exporter: Exporter) -> None:
    exporter.say({GOOD: math.nan, BAD: 1})
    assert not read(exporter).totals


def test_bad_ones_of_somebody_else_are_no_data(exporter: Exporter) -> None:
    exporter.say({GOOD: 1, BAD: 1})
    found = read(exporter, {"bad": 'sum(orders_total{result="bad"})'})
    assert not found.totals and "has not" in found.because
    found = read(exporter, {"bad": 'sum(orders_total{result="bad"})', "all": "sum(orders_total)"})
    assert found.totals == {"": Ratio(1, 2)}


def test_another_label_may_tell_who_counted(exporter: Exporter) -> None:
    series = {f'jobs{{pod="{pod}",revision="rev-canary"}}': count for pod, count in (("a", 1.0), ("b", 2.0))}
    exporter.say(series)
    found = read(exporter, {"bad": "jobs * 0", "all": "jobs", "instance": "pod"})
    assert found.totals == {"a": Ratio(0, 1), "b": Ratio(0, 2)}


def test_several_levels_are_no_level(exporter: Exporter) -> None:
    exporter.say({'memory{revision="rev-canary",zone="a"}': 1, 'memory{revision="rev-canary",zone="b"}': 2})
    found = read(exporter, kind=MetricKind.GAUGE)
    assert found.value is None and "2 values" in found.because
    assert read(exporter, {"value": "max(" + QUERIES["value"] + ")"}, MetricKind.GAUGE).value == 2.0
    assert read(exporter, {"value": "scalar(vector(7))"}, MetricKind.GAUGE).value == 7.0


def test_a_level_of_each_instance_is_told_by_its_address(exporter: Exporter, pages: tuple[Page, Page]) -> None:
    level = 'memory{revision="rev-canary"}'
    exporter.say({level: 4})
    Exporter(exporter.server, pages[1]).say({level: 6})
    found = read(exporter, kind=MetricKind.GAUGE)
    assert found.values == {pages[0].address: 4.0, pages[1].address: 6.0} and found.value == 5.0
    exporter.say({level: math.nan})
    found = read(exporter, kind=MetricKind.GAUGE)
    assert (found.value, found.values) == (None, {}) and pages[0].address in found.because


@pytest.mark.parametrize(("query", "match"), [("orders_total{", "refused"), ("orders_total[5m]", "matrix")])
def test_a_query_that_gives_no_values_is_refused_with_its_name(exporter: Exporter, query: str, match: str) -> None:
    with pytest.raises(Invalid, match=rf"orders\.all.*{match}"):
        read(exporter, {"all": query})


def test_an_address_where_there_is_no_prometheus_is_told(exporter: Exporter) -> None:
    with pytest.raises(Invalid, match=r"orders\.url"):
        read(exporter, {"url": exporter.server.url + "/elsewhere"})
    with pytest.raises(Invalid, match=r"orders\.url"):
        read(exporter, {"url": "localhost:9090"})
    with pytest.raises(Unavailable, match="not JSON"):
        read(exporter, {"url": f"http://{exporter.page.address}"})


def test_what_was_before_the_moment_is_read(exporter: Exporter) -> None:
    exporter.say({GOOD: 1, BAD: 0})
    first = time.time()
    exporter.say({GOOD: 2, BAD: 0})
    metric = Site(exporter).metric(MetricKind.COUNTER)
    later = time.time()
    back = {"delay": f"{later - first:.3f}"}
    found = PrometheusMetrics(secrets).read(
        replace(metric, settings={**metric.settings, **back}), labels("canary"), later
    )
    assert (found.at, found.totals) == (later, {exporter.page.address: Ratio(0, 1)})
