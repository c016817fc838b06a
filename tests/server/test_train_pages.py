"""The console's pages about trains: a train is looked at, started, aborted, and its tasks are done there."""

import re

import pytest
from starlette.testclient import TestClient

from lockgate.core.train import StepState, TrainState
from lockgate.server.render import MARKS, mark_of_event, standing
from lockgate.server.train_pages import WHOLE, stops
from tests.server.paper import HOSTILE, Elements, obeys, page
from tests.server.yard import FRIDAY, Yard

HOLD = {"kind": "hold", "name": "settle", "seconds": 5.0, "after": ["api"]}


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def forms(html: str) -> list[str | None]:
    return [form["action"] for form in Elements(html).of("form") if form["action"] != "/logout"]


def does(client: TestClient, path: str, leads: str = "/trains/friday", **fields: str) -> None:
    done = client.post(path, data=fields)
    assert done.status_code == 303, done.text
    assert done.headers["location"] == leads


@pytest.fixture
def friday(yard: Yard) -> Yard:
    yard.says("alice", "/v1/trains", {**FRIDAY, "steps": [*FRIDAY["steps"], HOLD], "reason": "Weekly"}, 201)
    return yard


def test_the_page_of_no_trains_teaches_the_first_command(yard: Yard) -> None:
    html = page(yard.browser(), "/trains")
    assert "lockgate train create NAME --to ENV api@latest web@latest" in html and "lockgate train start NAME" in html
    obeys(html, "/trains")


def test_trains_are_listed_newest_first(friday: Yard) -> None:
    friday.says("bob", "/v1/trains", {**FRIDAY, "name": "monday"}, 201)
    friday.says("bob", "/v1/trains/monday/abort", {"reason": "not now"})
    html = page(friday.browser(), "/trains")
    assert html.index("/trains/monday") < html.index("/trains/friday")
    assert "not started" in html and "0 of 3" in html and "bob aborted it: not now" in html
    obeys(html, "/trains")


def test_a_train_goes_from_its_beginning_to_its_end_in_a_browser(friday: Yard) -> None:
    alice, bob = friday.browser("alice"), friday.browser("bob")
    assert forms(page(alice, "/trains/friday")) == ["/trains/friday/start", "/trains/friday/abort"]
    does(alice, "/trains/friday/start")
    friday.convoy.run(1)
    html = page(bob, "/trains/friday")
    assert forms(html) == ["/trains/friday/abort", "/trains/friday/abort", "/trains/friday/announce/tick",
                           "/trains/friday/announce/reject"]  # fmt: skip
    here = "/trains/friday#step-announce"
    does(bob, "/trains/friday/announce/tick", here, item="1")
    assert "Take off" in page(bob, "/trains/friday")
    does(bob, "/trains/friday/announce/tick", here, item="1", undo="true")
    does(bob, "/trains/friday/announce/tick", here, item="1")
    assert "/trains/friday/announce/done" in forms(page(bob, "/trains/friday"))
    does(bob, "/trains/friday/announce/done", here, comment="Sent at nine.")
    friday.convoy.run(40)
    html = page(alice, "/trains/friday")
    told = words(html)
    assert forms(html) == [] and "Every step is done." in told
    assert "done by bob: “Sent at nine.”" in told
    for link in ("/deployments/dep-1", "/releases/api/"):
        assert f'href="{link}' in html
    for kind in ("ticked by bob", "unticked by bob", "done by bob", "started by alice", "step began"):
        assert kind in told, kind
    assert "the train" in words(page(alice, "/deployments/dep-1"))
    assert 'href="/trains/friday"' in page(alice, "/deployments/dep-1")


def test_every_step_tells_who_when_and_where(friday: Yard) -> None:
    friday.says("alice", "/v1/trains/friday/start", {})
    friday.convoy.run(1)
    friday.says("bob", "/v1/tasks/friday/announce/tick", {"item": 1})
    friday.says("bob", "/v1/tasks/friday/announce/done", {})
    friday.convoy.run(40)
    html = page(friday.browser(), "/trains/friday")
    found = re.findall(r'<li id="step-(\w+)".*?</div>\n  </li>', html, re.DOTALL)
    assert found == ["announce", "api", "settle"]
    for name, who in (("announce", "bob"), ("api", "alice"), ("settle", "alice")):
        step = html.partition(f'id="step-{name}"')[2].partition('<p class="because">')[0]
        assert f"<span>{who}</span>" in step and "<span>in dev</span>" in step and "took" in step
        assert len(re.findall(r'<time datetime="[\dT:Z-]+"', step)) == 2


def test_a_task_is_not_offered_to_who_may_not_do_it(friday: Yard) -> None:
    friday.says("alice", "/v1/trains/friday/start", {})
    friday.convoy.run(1)
    for who, why in (("carol", "announce is for operators: carol is not"), ("", "Who you are is not proven")):
        browser = friday.browser(who)
        html = page(browser, "/trains/friday")
        assert not any("announce" in (form or "") for form in forms(html)) and why in html
        for path, form in (("tick", {"item": "1"}), ("done", {}), ("reject", {"reason": "no"})):
            refused = browser.post(f"/trains/friday/announce/{path}", data=form)
            assert refused.status_code == 403 and "Nothing was changed." in refused.text
    assert friday.client().get("/v1/tasks/friday/announce").json()["items"][0]["by"] == ""


def test_a_train_is_aborted_and_taken_back_from_its_page(friday: Yard) -> None:
    friday.convoy.put("api", "1.0")
    browser = friday.browser("alice")
    friday.says("alice", "/v1/trains", {"name": "monday", "environment": "dev", "steps": [
        {"kind": "deploy", "application": "api", "release": "2.0"},
        {"kind": "task", "name": "look", "assignee": "bob", "text": "Look.", "after": ["api"]},
    ]}, 201)  # fmt: skip
    does(browser, "/trains/monday/start", "/trains/monday")
    friday.convoy.run(20)
    does(browser, "/trains/monday/abort", "/trains/monday", roll_back="true", reason="It looks bad")
    friday.convoy.run(30)
    html = page(browser, "/trains/monday")
    assert "rolled back" in words(html) and "taken back by" in html and "alice aborted it: It looks bad" in html
    does(browser, "/trains/friday/abort", reason="")
    assert page(browser, "/trains/friday").count("aborted") >= 2


def test_a_rejected_task_is_told_with_its_reason(friday: Yard) -> None:
    friday.says("alice", "/v1/trains/friday/start", {})
    friday.convoy.run(1)
    bob = friday.browser("bob")
    assert bob.post("/trains/friday/announce/reject", data={"reason": " "}).status_code == 422
    does(bob, "/trains/friday/announce/reject", "/trains/friday#step-announce", reason="Support is away.")
    friday.convoy.run(2)
    told = words(page(bob, "/trains/friday"))
    assert "rejected by bob" in told and "Support is away." in told and "failed" in told


def test_the_inbox_has_tasks_that_wait_the_visitors_first(friday: Yard) -> None:
    assert "Nothing waits for anybody." in page(friday.browser("bob"), "/inbox")
    friday.says("alice", "/v1/trains/friday/start", {})
    friday.convoy.run(1)
    mine, others = page(friday.browser("bob"), "/inbox"), page(friday.browser("carol"), "/inbox")
    assert 'href="/trains/friday#step-announce"' in mine and "waits for you" in mine and "0 of 1 ticked" in mine
    assert "announce in the train friday" in others and "waits for you" not in others
    obeys(mine, "/inbox")


def test_its_pages_obey_the_rules_and_their_links_lead_somewhere(friday: Yard) -> None:
    friday.says("alice", "/v1/trains/friday/start", {})
    friday.convoy.run(1)
    bob = friday.browser("bob")
    friday.says("bob", "/v1/tasks/friday/announce/tick", {"item": 1})
    obeys(page(bob, "/trains/friday"), "/trains/friday")
    friday.says("bob", "/v1/tasks/friday/announce/done", {})
    friday.convoy.run(30)
    for path in ("/trains", "/trains/friday", "/trains/friday?steps=all"):
        html = page(bob, path)
        obeys(html, path)
        for link in {a["href"] or "" for a in Elements(html).of("a")}:
            assert not link.startswith("/") or bob.get(link).status_code == 200, link
    assert page(bob, "/trains/friday?steps=all").count('class="step"') > 0
    assert page(bob, "/trains/friday").count('class="step"') == 0


def test_what_is_wrong_with_a_form_is_a_page_that_says_so(friday: Yard) -> None:
    alice = friday.browser("alice")
    assert alice.get("/trains/sunday").status_code == 404
    assert alice.post("/trains/sunday/start", data={}).status_code == 404
    friday.says("alice", "/v1/trains/friday/start", {})
    friday.convoy.run(1)
    assert alice.post("/trains/friday/start", data={}).status_code == 409
    for path, form in (
        ("announce/tick", {"item": "one"}),
        ("announce/tick", {"item": "9"}),
        ("announce/tick", {"item": "\N{SUPERSCRIPT TWO}"}),
        ("announce/tick", {"item": "1", "undo": "perhaps"}),
        ("announce/tick", {}),
        ("abort", {"roll_back": "yes"}),
        ("abort", {"colour": "red"}),
    ):
        wrong = alice.post(f"/trains/friday/{path}", data=form)
        assert wrong.status_code == 422 and "Nothing was changed." in wrong.text, (path, form)
    stranger = friday.browser("alice")
    stranger.headers["Sec-Fetch-Site"] = "cross-site"
    assert stranger.post("/trains/friday/abort", data={}).status_code == 403
    assert friday.convoy.show().state == "running"


def test_hostile_words_stay_words(yard: Yard) -> None:
    task = {"kind": "task", "name": "announce", "assignee": "bob", "text": HOSTILE, "checklist": [HOSTILE]}
    yard.says("alice", "/v1/trains", {"name": "friday", "environment": "dev", "steps": [task], "reason": HOSTILE}, 201)
    yard.says("alice", "/v1/trains/friday/start", {})
    yard.convoy.run(1)
    bob = yard.browser("bob")
    pages = [page(bob, path) for path in ("/trains", "/trains/friday", "/inbox")]
    yard.says("bob", "/v1/tasks/friday/announce/reject", {"reason": HOSTILE})
    yard.convoy.run(1)
    for html in (*pages, page(bob, "/trains"), page(bob, "/trains/friday")):
        tags = Elements(html)
        assert not tags.of("img") and all(s.get("src") for s in tags.of("script"))


def test_the_picture_of_a_trains_time_stays_within_it(friday: Yard) -> None:
    friday.says("alice", "/v1/trains/friday/start", {})
    friday.convoy.run(1)
    friday.says("bob", "/v1/tasks/friday/announce/tick", {"item": 1})
    friday.says("bob", "/v1/tasks/friday/announce/done", {})
    for _ in range(40):
        found = stops(friday.convoy.show())
        assert all(0 <= one.begins < WHOLE and one.begins + one.lasts <= WHOLE for one in found)
        assert all((one.lasts > 0) is (one.view.began_at is not None) for one in found)
        friday.convoy.run(0.5)
    begins = [one.begins for one in found]
    assert begins == sorted(begins) and friday.convoy.show().final


def test_every_state_of_trains_and_steps_has_a_mark() -> None:
    assert {standing(state.value) for state in TrainState} | {state.value for state in StepState} <= set(MARKS)
    assert mark_of_event("train.step_failed").shape == mark_of_event("train.failed").shape == "cross"
    assert mark_of_event("task.done").shape == "tick" and mark_of_event("task.rejected").shape == "cross"
