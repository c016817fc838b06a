"""The console: pages that read without JavaScript, and forms that act."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lockgate.core.deployment import State
from lockgate.core.environment import Catalogue, Cell, Environment, Listen, Rollout
from lockgate.core.errors import Invalid, Problem
from lockgate.core.gate import Answer
from lockgate.core.inventory import Condition, Standing
from lockgate.messages import Deploy
from lockgate.server.pages import ACTIONS, PAGES
from lockgate.server.render import MARKS, TEMPLATES_FOLDER, assets, bars, lasted, make_templates, mark, safe_link, span
from tests.server.fleet import Fleet
from tests.server.paper import HOSTILE, Elements, obeys, page


@pytest.fixture
def paths(told: Fleet) -> list[str]:
    """Every page with content of every kind."""
    ids = [d.id for d in told.operations.deployments("", "", frozenset(), 50)]
    releases = [f"/releases/{r.application}/{r.id}" for r in told.operations.releases("", 50)]
    events = ["/events", "/events?application=shop", "/events?deployment=dep-6", "/events?steps=all&before=40"]
    return ["/", *events, *(f"/deployments/{i}" for i in ids), *releases]


def test_the_overview_shows_what_runs_where_and_what_is_under_way(reader: TestClient) -> None:
    html = page(reader, "/")
    for words in ("shop", "docs", "dev", "staging", "prod", "2.1.0 (#3)", "as deployed", "2 of 2 ready", "dep-9"):
        assert words in html
    assert "running" in html and "2.0.9 (#2) is barred" in html
    assert "nothing deployed" in html and "lockgate promote --to prod --app docs" in html
    assert 'href="http://127.0.0.1:8081/"' in html


def test_a_deployment_explains_itself(reader: TestClient) -> None:
    html = page(reader, "/deployments/dep-6")
    for words in ("rolled back", "pkg_resources", "step 1", "The plan", "by rolling", "lockgate explain dep-6"):
        assert words in html
    assert '<form method="post" action="/deployments' not in html


def test_a_live_deployment_shows_traffic_and_instances(reader: TestClient) -> None:
    html = page(reader, "/deployments/dep-9")
    assert html.count("50 %") >= 2 and 'width="5000"' in html and "127.0.0.1:100" in html
    actions = [form["action"] for form in Elements(html).of("form")]
    assert actions == ["/logout", "/deployments/dep-9/pause", "/deployments/dep-9/abort"]


def test_a_release_shows_its_artifacts_and_its_way(reader: TestClient, told: Fleet) -> None:
    for release in told.operations.releases("shop", 9):
        html = page(reader, f"/releases/shop/{release.id}")
        assert release.artifacts[0].digest in html and release.digest in html and release.commit[:12] in html
        for name in ("dev", "staging", "prod"):
            assert f"<h3>{name}</h3>" in html
    assert "It has not been here." in page(reader, "/releases/shop/2.0.9")
    assert "lockgate quarantine lift" in page(reader, "/releases/shop/2.0.9")


def test_events_leave_out_single_steps_unless_asked(reader: TestClient) -> None:
    assert "deployment.step" not in page(reader, "/events")
    assert "deployment.step" in page(reader, "/events?steps=all")
    assert "deployment.step" in page(reader, "/events?deployment=dep-6")
    assert "shop 2" not in page(reader, "/events?application=docs")


def test_pages_obey_their_own_rules(reader: TestClient, paths: list[str]) -> None:
    for path in paths:
        obeys(page(reader, path), path)


def test_every_link_of_every_page_leads_somewhere(reader: TestClient, paths: list[str]) -> None:
    links = {a["href"] or "" for path in paths for a in Elements(page(reader, path)).of("a")}
    for link in sorted(link for link in links if link.startswith("/")):
        assert reader.get(link).status_code == 200, link


def test_every_page_shows_the_command_that_does_the_same(reader: TestClient, paths: list[str]) -> None:
    for path in paths:
        assert "In a terminal: <code" in page(reader, path)


def test_hostile_words_stay_words(browser: TestClient, fleet: Fleet) -> None:
    release = fleet.release_of("shop", HOSTILE)
    deployment = fleet.operations.deploy(Deploy("shop", "dev", release, HOSTILE, actor=HOSTILE)).id
    fleet.target.broken[fleet.plan(deployment).components[0].revision] = HOSTILE
    fleet.work()
    for path in ("/", "/events", f"/deployments/{deployment}", f"/releases/shop/{release}"):
        html = page(browser, path)
        assert "alert(1)" in html or path == "/"
        tags = Elements(html)
        assert not tags.of("img") and all(s.get("src") for s in tags.of("script")), path


def test_only_addresses_of_the_web_become_links() -> None:
    assert safe_link("https://git.example/x") and not safe_link("javascript:alert(1)") and not safe_link("//x")


@pytest.mark.parametrize("want", ["pause", "resume", "abort"])
def test_a_form_acts_and_leads_back_to_the_deployment(browser: TestClient, fleet: Fleet, want: str) -> None:
    deployment = fleet.deploy_of("shop", fleet.release_of("shop", "1")).id
    done = browser.post(f"/deployments/{deployment}/{want}", data={"reason": "Because"})
    assert done.status_code == 303 and done.headers["location"] == f"/deployments/{deployment}"
    assert fleet.operations.deployment(deployment).want == {"resume": "run"}.get(want, want)
    assert "Because" in page(browser, f"/deployments/{deployment}")


def test_promoting_and_rolling_back_from_a_page(browser: TestClient, fleet: Fleet) -> None:
    for version in ("1", "2"):
        last = fleet.deploy_of("shop", fleet.release_of("shop", version)).id
        fleet.work()
    forms = Elements(page(browser, f"/deployments/{last}")).of("form")
    assert [form["action"] for form in forms] == ["/logout", "/promotions", "/rollbacks"]
    place = {"application": "shop", "environment": "dev"}
    assert browser.post("/rollbacks", data={**place, "reason": ""}).status_code == 303
    promoted = browser.post("/promotions", data={"application": "shop", "environment": "prod", "reason": ""})
    assert promoted.status_code == 303
    assert [d.environment for d in fleet.operations.deployments("", "", frozenset({"pending"}), 9)] == ["prod", "dev"]


def test_a_refusal_is_a_page_that_says_why(browser: TestClient, fleet: Fleet) -> None:
    deployment = fleet.deploy_of("shop", fleet.release_of("shop", "1")).id
    fleet.work()
    refused = browser.post(f"/deployments/{deployment}/pause", data={"reason": ""})
    assert refused.status_code == 409 and "Nothing was changed." in refused.text
    assert browser.get("/deployments/dep-99").status_code == 404
    wrong = browser.post("/rollbacks", data={"application": "shop"})
    assert wrong.status_code == 422 and "environment" in wrong.text and "reason" in wrong.text
    assert browser.post("/rollbacks", content="reason=a&reason=b").status_code == 422
    assert browser.get("/events?before=x").status_code == 422


def test_empty_pages_teach_the_next_command(browser: TestClient, fleet: Fleet) -> None:
    assert "lockgate release create" in page(browser, "/")
    assert "lockgate release create" in page(browser, "/events")
    fleet.catalogue = Catalogue({})
    assert "lockgate init" in page(browser, "/")


def test_an_environments_file_that_cannot_be_read_is_told_on_the_overview(browser: TestClient, fleet: Fleet) -> None:
    def broken() -> Catalogue:
        raise Invalid([Problem("environments.yaml", 3, "prod", "it comes after itself.", "Mend it.")])

    object.__setattr__(fleet.promoter, "catalogue", broken)
    html = page(browser, "/")
    assert "environments.yaml:3" in html and "lockgate init" not in html


def test_the_pages_stream_gives_bare_pulses(browser: TestClient, fleet: Fleet) -> None:
    assert browser.get("/live?after=x").status_code == 422
    assert browser.get("/live?colour=red").status_code == 422


def test_assets_are_kept_for_ever_under_names_that_change_with_them(browser: TestClient) -> None:
    html = page(browser, "/")
    addresses = re.findall(r'"(/static/[^"]+)"', html)
    assert {Path(a).name.split(".")[0] for a in addresses} == {"console", "live"}
    for address in addresses:
        asset = browser.get(address)
        assert asset.status_code == 200 and "immutable" in asset.headers["cache-control"]
        assert asset.headers["content-type"].startswith(("text/css", "text/javascript"))
    for wrong in (
        "/static/console.css",
        "/static/live.000000000000.js",
        "/static/..%2Fapp.py",
        "/static/%2e%2e/app.py",
    ):
        assert browser.get(wrong).status_code == 404


def test_every_state_has_a_word_a_tone_and_a_shape() -> None:
    standing = [s.value for s in (*Standing, *State, *Answer)] + ["runs", "ran", "quarantined"]
    known = [*standing, *(c.value for c in Condition if c is not Condition.READY)]
    assert set(known) <= set(MARKS)
    assert (mark("new_state").word, mark("new_state").shape) == ("new state", "question")


def test_a_state_is_told_apart_without_colour() -> None:
    shapes: dict[str, set[str]] = {}
    for found in MARKS.values():
        shapes.setdefault(found.shape, set()).add(found.tone)
    assert shapes["tick"] == {"good"} and "good" not in set().union(*(t for s, t in shapes.items() if s != "tick"))


def test_every_template_can_be_read() -> None:
    templates = make_templates()
    for name in templates.list_templates():
        templates.get_template(name)
        source = (TEMPLATES_FOLDER / name).read_text()
        assert "http://" not in source.replace('"http://"', "").replace("http://www.w3.org/2000/svg", "")


def test_lengths_of_time_and_parts_of_traffic() -> None:
    spans = [span(s).replace("\xa0", " ") for s in (-1, 3, 89, 300, 7200, 200_000)]
    assert spans == ["0 s", "3 s", "89 s", "5 min", "2 h", "2 d"] and lasted(0.42) == "0.4\xa0s"
    assert bars({"b": 2500, "a": 7500}) == [("a", 0, 7500), ("b", 7500, 2500)]


def test_pages_and_actions_do_not_share_an_address() -> None:
    assert not {path for path, *_ in PAGES} & {path for path, _ in ACTIONS}


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_word_can_be_read_on_every_ground(scheme: int) -> None:
    css = assets()["console.css"].data.decode()
    block = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    words = {"ink", "soft", "link", *(m.tone for m in MARKS.values())}
    for ground in ("paper", "stone", "wash"):
        for word in words:
            light, dark = sorted((_luminance(colours[word]), _luminance(colours[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{word} on {ground}"


def test_cells_are_shown_with_what_each_holds(fleet: Fleet, browser: TestClient) -> None:
    cells = {name: Cell(name, listen={"*": Listen("127.0.0.1", at)}) for at, name in ((8101, "north"), (8102, "south"))}
    fleet.catalogue = Catalogue({"world": Environment("world", cells=cells, rollout=Rollout(bake=600.0))})
    deployment = fleet.deploy_of("shop", fleet.release_of("shop", "2.0.0"), "world")
    for _ in range(40):
        fleet.turn()
        fleet.clock.pass_by(0.05)
    for html in (page(browser, "/"), page(browser, f"/deployments/{deployment.id}")):
        words = " ".join(re.sub(r"<[^>]*>", " ", html).split())
        assert "bakes north" in words and "waits south" in words
        assert 'href="http://127.0.0.1:8101/"' in html
    assert "north must do well until" in page(browser, f"/deployments/{deployment.id}")
