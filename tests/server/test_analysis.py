"""A canary's evidence in the API and on the page of its deployment."""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from lockgate.charts.style import STYLE
from lockgate.core.people import Caller
from lockgate.messages import AnalysisView
from lockgate.server.app import make_app
from lockgate.server.guard import SECURITY_HEADERS, digest_of
from lockgate.server.token import Access
from tests.charts import samples
from tests.server.conftest import signed_in
from tests.server.fleet import Fleet
from tests.server.test_api import fault
from tests.server.test_console import HOSTILE, Elements


class Measured:
    """The real operations, and of each deployment the evidence of a sample."""

    def __init__(self, fleet: Fleet, view: AnalysisView) -> None:
        self._operations = fleet.operations
        self.view = view

    def analysis(self, deployment: str, /) -> AnalysisView:
        self._operations.deployment(deployment)
        return self.view

    def on_behalf_of(self, caller: Caller, /) -> "Measured":
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operations, name)


@pytest.fixture(scope="module")
def bad() -> AnalysisView:
    return samples.bad()


@pytest.fixture
def measured(told: Fleet, bad: AnalysisView) -> Measured:
    return Measured(told, bad)


@pytest.fixture
def visitor(measured: Measured, access: Access) -> Iterator[TestClient]:
    with TestClient(make_app(measured, access), base_url="http://127.0.0.1:7070", follow_redirects=False) as client:
        yield signed_in(client, access)


def test_the_evidence_is_read_as_it_was_written(visitor: TestClient, bad: AnalysisView) -> None:
    answer = visitor.get("/v1/deployments/dep-9/analysis")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert msgspec.json.decode(answer.content, type=AnalysisView) == bad
    threshold = bad.series.points[-1].threshold
    assert threshold is not None and math.isclose(threshold, math.log(100))


@pytest.mark.parametrize("chart", ["evidence", "errors", "latency", "traffic"])
@pytest.mark.parametrize(("form", "width"), [("wide", "600"), ("slim", "340")])
def test_each_picture_is_a_file_of_its_own(visitor: TestClient, chart: str, form: str, width: str) -> None:
    answer = visitor.get(f"/v1/deployments/dep-9/analysis.svg?chart={chart}&format={form}")
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/svg+xml"
    root = ET.fromstring(answer.content)
    assert root.get("viewBox", "").split()[2] == width
    assert any(chart in (element.get("id") or "") for element in root)


def test_a_picture_may_use_its_own_style_and_no_other(visitor: TestClient) -> None:
    answer = visitor.get("/v1/deployments/dep-9/analysis.svg")
    style = ET.fromstring(answer.content).find("{http://www.w3.org/2000/svg}style")
    assert style is not None and style.text == STYLE
    policy = answer.headers["content-security-policy"]
    assert f"style-src 'self' 'sha256-{digest_of(style.text)}';" in policy and "unsafe" not in policy
    assert policy == SECURITY_HEADERS["Content-Security-Policy"]


def test_a_chart_that_there_is_not_is_refused_with_those_there_are(visitor: TestClient) -> None:
    said = fault(visitor.get("/v1/deployments/dep-9/analysis.svg?chart=colour"), 422)
    assert "chart: it must be one of evidence, errors, latency, traffic; it is 'colour'." in said.detail
    assert "wide, slim" in fault(visitor.get("/v1/deployments/dep-9/analysis.svg?format=x"), 422).detail
    assert "once" in fault(visitor.get("/v1/deployments/dep-9/analysis.svg?chart=errors&chart=errors"), 422).detail


def test_what_is_no_canary_has_no_evidence(program: TestClient, fleet: Fleet) -> None:
    deployment = fleet.deploy_of("shop", fleet.release_of("shop", "1")).id
    for path in ("analysis", "analysis.svg"):
        said = fault(program.get(f"/v1/deployments/{deployment}/{path}"), 404)
        assert deployment in said.detail
        fault(program.get(f"/v1/deployments/dep-99/{path}"), 404)


def test_the_page_shows_the_verdict_four_charts_and_the_same_in_numbers(visitor: TestClient, bad: AnalysisView) -> None:
    html = visitor.get("/deployments/dep-9").text
    elements = Elements(html)
    charts = [e for e in elements.of("svg") if (e.get("class") or "").startswith("chart")]
    assert [c["class"] for c in charts] == ["chart wide", "chart slim"] * 4
    assert bad.verdict in html and "It goes back to shop 2.0.0 (#1)." in html
    assert "stage 3 of 4: 25 % of the traffic" in html
    assert "Evidence that it is worse" in html and "p99, baseline" in html and bad.config in html
    assert re.search(r'<link rel="stylesheet" href="/static/charts\.\w+\.css">', html)


def test_a_page_with_charts_obeys_its_own_rules(visitor: TestClient) -> None:
    html = visitor.get("/deployments/dep-9").text
    elements = Elements(html)
    assert not re.search(r"<[^>]+\s(on\w+|style)=", html) and not elements.of("style")
    ids = [e["id"] for _, e in elements.found if "id" in e]
    assert len(ids) == len(set(ids)) and len(elements.of("h1")) == 1
    sheet = next(e["href"] or "" for e in elements.of("link") if "charts" in (e.get("href") or ""))
    assert visitor.get(sheet).text == STYLE


def test_a_page_without_a_canary_has_no_charts(reader: TestClient) -> None:
    html = reader.get("/deployments/dep-9").text
    assert "analysis" not in html and "charts." not in html


@pytest.mark.parametrize("shape", sorted(samples.SHAPES))
def test_every_state_of_a_canary_has_its_page(visitor: TestClient, measured: Measured, shape: str) -> None:
    measured.view = samples.SHAPES[shape]()
    answer = visitor.get("/deployments/dep-9")
    assert answer.status_code == 200 and measured.view.verdict in answer.text


def test_hostile_words_in_evidence_stay_words(visitor: TestClient, measured: Measured) -> None:
    measured.view = replace(samples.one(), canary=HOSTILE, verdict=HOSTILE, next=HOSTILE)
    tags = Elements(visitor.get("/deployments/dep-9").text)
    assert not tags.of("img") and all(s.get("src") for s in tags.of("script"))
