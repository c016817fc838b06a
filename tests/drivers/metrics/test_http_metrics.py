"""A URL that answers with JSON as a source of metrics."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from lockgate.core.canary import Metric, MetricKind
from lockgate.core.errors import ComponentMissing, Invalid, Unavailable
from lockgate.core.secret import Secret
from lockgate.core.window import Ratio, Reading
from lockgate.drivers.metrics.http import HttpMetrics
from lockgate.testing.contracts.metrics import MetricSourceContract, labels
from lockgate.testing.origin import Origin
from lockgate.testing.prometheus import Page


def secrets(environment: str, name: str) -> Secret:
    if name != "key":
        raise ComponentMissing(f"There is no secret {name}.")
    return Secret(f"{environment}-s3cret")


@dataclass
class Site:
    """One page for both sides; the path in it tells them apart."""

    page: Page
    origin: Origin
    source: HttpMetrics = field(default_factory=lambda: HttpMetrics(secrets))
    figures: dict[str, dict[str, float]] = field(default_factory=dict)

    def metric(self, kind: MetricKind) -> Metric:
        paths = {name: f"sides.{{side}}.{name}" for name in ("bad", "all", "value")}
        return Metric("orders", "http", kind, {"url": f"http://{self.page.address}/of/{{revision}}", **paths})

    def say(self, side: str, **figures: float | None) -> None:
        self.figures[side] = {name: value for name, value in figures.items() if value is not None}
        # The standard library writes NaN and Infinity as bare words; as text they are valid JSON.
        told = {one: {n: v if v - v == 0 else str(v) for n, v in own.items()} for one, own in self.figures.items()}
        self.page.text = json.dumps({"sides": told})

    def silent(self, kind: MetricKind) -> Metric:
        self.origin.misbehave = "silent"
        return changed(self.metric(kind), url=f"http://{self.origin.address}/", timeout="0.3")

    def wrong(self) -> Metric:
        return Metric("orders", "http", MetricKind.COUNTER, {"url": "http://127.0.0.1:1/", "bad": "b"})

    def now(self) -> float:
        return time.time()


def changed(metric: Metric, **settings: str) -> Metric:
    return replace(metric, settings={**metric.settings, **settings})


@pytest.fixture
def page() -> Iterator[Page]:
    with Page() as page:
        yield page


@pytest.fixture
def site(page: Page) -> Iterator[Site]:
    with Origin() as origin:
        yield Site(page, origin)


class TestHttp(MetricSourceContract):
    pass


def read(site: Site, kind: MetricKind = MetricKind.COUNTER, **settings: str) -> Reading:
    return site.source.read(changed(site.metric(kind), **settings), labels("canary"), 1.0)


def test_labels_are_filled_in_and_quoted_in_the_address(site: Site) -> None:
    site.say("canary", bad=0, all=1)
    strange = {**labels("canary"), "revision": "a/b?c d&{side}"}
    site.source.read(site.metric(MetricKind.COUNTER), strange, 1.0)
    assert site.page.asked[-1][0] == "/of/a%2Fb%3Fc%20d%26%7Bside%7D"


@pytest.mark.parametrize("path", ["rows[1].n", "$.rows[1].n", "rows.1.n", "$rows[1][n]"])
def test_values_are_found_by_their_path(site: Site, path: str) -> None:
    site.page.text = json.dumps({"rows": [{"n": 1}, {"n": "2.5"}]})
    assert read(site, MetricKind.GAUGE, value=path).value == 2.5


@pytest.mark.parametrize("path", ["rows[2].n", "rows.n", "nothing", "rows[0].n.deeper", "rows", "yes", "rows[0].none"])
def test_a_path_that_leads_to_no_number_is_no_data(site: Site, path: str) -> None:
    site.page.text = json.dumps({"rows": [{"n": 1, "none": None}], "yes": True})
    found = read(site, MetricKind.GAUGE, value=path)
    assert found.value is None and path in found.because


def test_a_token_is_sent_and_never_told(site: Site) -> None:
    site.say("canary", bad=0, all=1)
    assert read(site, token="key").totals == {"": Ratio(0, 1)}
    assert site.page.asked[-1][1]["authorization"] == "Bearer prod-s3cret"
    assert "authorization" not in (read(site), site.page.asked[-1][1])[1]
    with pytest.raises(ComponentMissing, match="other"):
        read(site, token="other")
    site.page.status = 403
    with pytest.raises(Invalid, match=r"orders\.token") as refused:
        read(site, token="key")
    assert "s3cret" not in str(refused.value)


def test_a_secret_that_cannot_be_a_token_is_refused_and_not_told(site: Site) -> None:
    source = HttpMetrics(lambda environment, name: Secret("two\nlines"))
    with pytest.raises(Invalid, match=r"orders\.token") as refused:
        source.read(changed(site.metric(MetricKind.COUNTER), token="key"), labels("canary"), 1.0)
    assert "lines" not in str(refused.value)


@pytest.mark.parametrize("status", [204, 404])
def test_what_the_source_does_not_know_is_no_data(site: Site, status: int) -> None:
    site.page.status = status
    assert str(status) in read(site).because


@pytest.mark.parametrize(("status", "error"), [(500, Unavailable), (429, Unavailable), (400, Invalid), (302, Invalid)])
def test_other_answers_are_told(site: Site, status: int, error: type[Exception]) -> None:
    site.page.status, site.page.text = status, "out of order"
    with pytest.raises(error, match="out of order"):
        read(site)


def test_what_is_not_json_is_told(site: Site) -> None:
    site.page.text = "<html>"
    with pytest.raises(Unavailable, match="<html>"):
        read(site)


@pytest.mark.parametrize("settings", [{"url": "ftp://x/"}, {"url": "http://x:port/"}, {"timeout": "soon"}])
def test_settings_that_make_no_sense_are_refused_by_name(site: Site, settings: dict[str, str]) -> None:
    with pytest.raises(Invalid, match=rf"orders\.{next(iter(settings))}"):
        read(site, **settings)
