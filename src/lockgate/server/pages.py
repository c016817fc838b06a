"""The console: pages made on the server, readable without JavaScript; actions are plain forms that redirect.

Each page is a function from the engine's answers to a template and its values, as the calls of the API are.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any
from urllib.parse import parse_qsl

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lockgate.charts.listing import HEADINGS, listing
from lockgate.charts.plot import FORMATS, svg
from lockgate.charts.topics import CHARTS
from lockgate.core.deployment import ACTIVE, State, Want
from lockgate.core.errors import Invalid, NotFound, Problem
from lockgate.core.plan import Observe
from lockgate.messages import AnalysisView, Ask, DeploymentView, Promote, RollBack, Status, StatusRow
from lockgate.server.consent_pages import CONSENT_ACTIONS, CONSENT_PAGES, panel
from lockgate.server.endpoint import Parameter, read_query
from lockgate.server.faults import fault_of, headers_of
from lockgate.server.identity import Identity, caller_of, demand_let_in, still_let_in
from lockgate.server.message import body_of, build, with_actor
from lockgate.server.operations import OperationsLike, Wanted
from lockgate.server.render import asset_at, day, make_templates
from lockgate.server.stream import Horizon, Interest, Tail, as_pulse, event_stream, place_of
from lockgate.server.token import SESSION_LASTS, Access
from lockgate.server.train_pages import STEP, STEPS, TRAIN_ACTIONS, TRAIN_PAGES
from lockgate.server.visit import Action, Asked, Form, Page, Visit, deployment_page

TEMPLATES = make_templates()

EVENTS_SHOWN = 200
"""Event numbers looked back over by the page of events."""

_LINK = re.compile(r"/approve/[A-Za-z0-9_-]{1,4000}")

_AFTER = Parameter("after", "Only those with a higher number.", int, 0)
_APPLICATION = Parameter("application", "Only of this application.")
_DEPLOYMENT = Parameter("deployment", "Only of this deployment.")
_BEFORE = Parameter("before", "Only those with a lower number.", int, 0)


def overview(visit: Visit) -> Page:
    """Applications by environments."""
    after = visit.horizon.find(visit.operations)  # before looking, so that nothing between is missed
    status = visit.operations.status("", "")
    return Page("overview.html", {"status": status, "table": table_of(status), "after": after})


def table_of(status: Status) -> dict[str, list[StatusRow | None]]:
    """Application -> its rows in the environments' order; None where there is none."""
    cells = {(row.application, row.environment): row for row in status.rows}
    names = sorted({row.application for row in status.rows})
    return {name: [cells.get((name, e.name)) for e in status.environments] for name in names}


def deployment(visit: Visit) -> Page:
    after = visit.horizon.find(visit.operations)
    told = visit.operations.explain(visit.path["id"])
    one = told.deployment
    rows = visit.operations.status(one.application, one.environment).rows
    following = [e.name for e in visit.operations.environments() if e.after == one.environment]
    values = {
        "analysis": shown_analysis(visit.operations, one.id),
        "approval": panel(visit.operations, one.id),
        "caller": visit.caller,
        "told": told,
        "one": one,
        "row": rows[0] if rows else None,
        "actions": actions_on(one, following),
    }
    return Page("deployment.html", {**values, "after": after})


@dataclass(frozen=True, slots=True)
class Shown:
    """A canary's evidence, as the page shows it."""

    view: AnalysisView
    charts: tuple[tuple[str, ...], ...]
    """Each as SVG in every format."""
    headings: tuple[str, ...] = HEADINGS
    rows: tuple[tuple[str, ...], ...] = ()


def shown_analysis(operations: OperationsLike, deployment: str) -> Shown | None:
    """None: users meet no canary in it."""
    try:
        view = operations.analysis(deployment)
    except NotFound:
        return None
    pictures = [make(view) for make in CHARTS.values()]
    drawn = tuple(tuple(svg(picture, form, alone=False) for form in FORMATS.values()) for picture in pictures)
    return Shown(view, drawn, rows=listing(view))


def actions_on(one: DeploymentView, following: Sequence[str]) -> tuple[Action, ...]:
    """What makes sense now, the mildest first. ``following``: environments its release may enter next."""
    if one.final:
        return tuple(_afterwards(one, following if one.state == State.SUCCEEDED else ())) if one.holds else ()
    if one.state == State.ROLLING_BACK:
        return ()
    return tuple(replace(action, confirms=f"{action.says} {one.id}") for action in _meanwhile(one))


def _meanwhile(one: DeploymentView) -> Iterator[Action]:
    address = f"{deployment_page(one.id)}/"
    if one.state == State.PAUSED or one.want == Want.PAUSE:
        yield Action("resume", "Resume", address + "resume", f"{one.id} goes on where it stopped.")
    elif one.state in ACTIVE:
        sentence = f"{one.id} stops before its next step. Traffic stays as it is until it is resumed or aborted."
        yield Action("pause", "Pause", address + "pause", sentence)
    if one.state in ACTIVE and one.step == Observe.KIND:
        sentence = f"{one.release_label} goes on with the next stage of its canary, whatever it waits for."
        yield Action("continue", "Continue", address + "continue", sentence)
        sentence = f"{one.release_label} gets all the traffic of {one.environment}, without the rest of its stages."
        yield Action("finish", "Finish", address + "finish", sentence)
    if one.want != Want.ABORT:
        sentence = f"{one.id} ends before it has changed anything."
        if one.state in ACTIVE:
            sentence = f"{one.id} goes back: what ran in {one.environment} before takes the traffic again."
        yield Action("abort", "Abort", address + "abort", sentence)


def _afterwards(one: DeploymentView, following: Sequence[str]) -> Iterator[Action]:
    for name in following:
        sentence = f"{one.release_label} is deployed to {name}, with that environment's values, through its gates."
        place = {"application": one.application, "environment": name}
        yield Action(f"promote-{name}", f"Promote to {name}", "/promotions", sentence, place)
    sentence = (
        f"The last good release before {one.release_label} is deployed to {one.environment} again, with the "
        f"configuration it had, and {one.release_label} is barred from {one.environment} until somebody lifts that."
    )
    place = {"application": one.application, "environment": one.environment}
    yield Action("rollback", "Roll back", "/rollbacks", sentence, place, reason_needed=True)


def release(visit: Visit) -> Page:
    one = visit.operations.release(visit.path["application"], visit.path["name"])
    places: dict[str, list[Any]] = {e.name: [] for e in visit.operations.environments()}
    for place in sorted(one.places, key=lambda p: p.at):
        places.setdefault(place.environment, []).append(place)
    return Page("release.html", {"one": one, "places": places, "after": visit.horizon.find(visit.operations)})


def events(visit: Visit) -> Page:
    """The newest, or those before a number; newest first. Single steps only if asked for, or of one deployment."""
    query, newest = visit.query, visit.horizon.find(visit.operations)
    interest = Interest(query.text("application"), query.text("deployment"))
    before = query.number("before") or newest + 1
    first = max(0, before - 1 - EVENTS_SHOWN)
    found = visit.operations.events(first, EVENTS_SHOWN, interest.application, interest.deployment)
    steps = bool(query.several["steps"] or interest.deployment)
    shown = [e for e in reversed(found) if e.seq < before and (steps or e.kind != STEP)]
    values = {"days": [(name, list(on_day)) for name, on_day in groupby(shown, lambda e: day(e.at))], "steps": steps}
    chosen = {"application": interest.application, "deployment": interest.deployment}
    chosen |= {"steps": "all" if query.several["steps"] else ""}
    values |= {"interest": interest, "chosen": {k: v for k, v in chosen.items() if v}, "latest": before > newest}
    return Page("events.html", {**values, "older": first + 1 if first else 0, "after": newest})


PAGES: tuple[tuple[str, Callable[[Visit], Page], tuple[Parameter, ...]], ...] = (
    ("/", overview, ()),
    ("/deployments/{id}", deployment, ()),
    ("/releases/{application}/{name}", release, ()),
    ("/events", events, (_APPLICATION, _DEPLOYMENT, _BEFORE, STEPS)),
    *CONSENT_PAGES,
    *TRAIN_PAGES,
)


def _ask(want: Wanted) -> Callable[[Asked], str]:
    def asked(asked: Asked) -> str:
        message = with_actor(build(dict(asked.form), Ask), asked.request)
        return deployment_page(asked.operations.ask(asked.path["id"], want, message).id)

    return asked


def _roll_back(asked: Asked) -> str:
    message = with_actor(build(dict(asked.form), RollBack), asked.request)
    return deployment_page(asked.operations.roll_back(message).id)


def _promote(asked: Asked) -> str:
    message = with_actor(build(dict(asked.form), Promote), asked.request)
    return deployment_page(asked.operations.promote(message).id)


ACTIONS: tuple[tuple[str, Callable[[Asked], str]], ...] = (
    ("/deployments/{id}/pause", _ask("pause")),
    ("/deployments/{id}/resume", _ask("resume")),
    ("/deployments/{id}/continue", _ask("continue")),
    ("/deployments/{id}/finish", _ask("finish")),
    ("/deployments/{id}/abort", _ask("abort")),
    ("/rollbacks", _roll_back),
    ("/promotions", _promote),
    *CONSENT_ACTIONS,
    *TRAIN_ACTIONS,
)
"""Each gives the address of the page that is shown then."""


async def form_of(request: Request) -> Form:
    """The fields of a plain form. Raises :class:`Invalid` when one is there twice."""
    pairs = parse_qsl((await body_of(request)).decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Invalid([Problem("request", None, "", "a field of the form is given more than once.")])
    return form


def page_response(page: Page, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    html = TEMPLATES.get_template(page.template).render(page.values)
    return Response(html, status, {"Cache-Control": "no-store", **(headers or {})}, "text/html")


def fault_page(request: Request, error: Exception) -> Response:
    """A refusal, as a page: the way in for those who are not signed in."""
    fault = fault_of(error)
    template = "signin.html" if fault.status == 401 else "fault.html"
    return page_response(
        Page(template, {"fault": fault, "wrong": False, "on_to": _on_to(request.url.path)}),
        fault.status,
        headers_of(fault, error),
    )


def _on_to(path: str) -> str:
    """Where somebody goes on to who has just signed in: the link they were sent, and nowhere else."""
    return path if _LINK.fullmatch(path) else ""


Handler = Callable[[Request], Awaitable[Response]]


def _told(handler: Handler) -> Handler:
    """Errors become pages."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:
            return fault_page(request, error)

    return answer


class Console:
    """The console's routes, over one engine."""

    def __init__(self, operations: OperationsLike, access: Access, identity: Identity, tail: Tail) -> None:
        self._operations = operations
        self._access = access
        self._identity = identity
        self._tail = tail
        self._horizon = Horizon()

    def routes(self) -> list[Route]:
        return [
            *(Route(path, _told(self._page(make, query)), methods=["GET"]) for path, make, query in PAGES),
            *(Route(path, _told(self._action(act)), methods=["POST"]) for path, act in ACTIONS),
            Route("/live", _told(self._live), methods=["GET"]),
            Route("/login", _told(self._open), methods=["GET"]),
            Route("/login", _told(self._sign_in), methods=["POST"]),
            Route("/logout", _told(self._sign_out), methods=["POST"]),
            Route("/static/{name}", _told(_static), methods=["GET"]),
        ]

    def _page(self, make: Callable[[Visit], Page], parameters: tuple[Parameter, ...]) -> Handler:
        async def shown(request: Request) -> Response:
            query = read_query(request.query_params.multi_items(), parameters)
            caller = caller_of(request)
            mine = self._operations.on_behalf_of(caller)
            visit = Visit(mine, self._horizon, request.path_params, query, caller)
            return await to_thread.run_sync(lambda: page_response(make(visit)))

        return shown

    def _action(self, act: Callable[[Asked], str]) -> Handler:
        async def done(request: Request) -> Response:
            mine, form = self._operations.on_behalf_of(caller_of(request)), await form_of(request)
            await demand_let_in(request)
            asked = Asked(mine, request.path_params, form, request)
            return RedirectResponse(await to_thread.run_sync(act, asked), 303)

        return done

    async def _live(self, request: Request) -> Response:
        query = read_query(request.query_params.multi_items(), (_AFTER, _APPLICATION, _DEPLOYMENT))
        interest = Interest(query.text("application"), query.text("deployment"))
        await self._tail.probe()
        after, still = place_of(request, query.number("after")), partial(still_let_in, request)
        return event_stream(self._tail, after, interest, as_pulse, still)

    async def _open(self, request: Request) -> Response:
        """The link that ``lockgate serve`` prints; without a ticket, the page to sign in."""
        ticket = request.query_params.get("token", "")
        if not ticket:
            return page_response(Page("signin.html", {"fault": None, "wrong": False, "on_to": ""}))
        return await self._enter(ticket, request, "")

    async def _sign_in(self, request: Request) -> Response:
        form = await form_of(request)
        return await self._enter(form.get("token", "").strip(), request, _on_to(form.get("on_to", "")))

    async def _enter(self, secret: str, request: Request, on_to: str) -> Response:
        session = await to_thread.run_sync(self._identity.session_for, secret, request)
        if session is None:
            return page_response(Page("signin.html", {"fault": None, "wrong": True, "on_to": on_to}), 401)
        # A page that goes on by itself, not a redirect: a browser sends no strict cookie along a redirect that began
        # elsewhere, such as at a link in a web terminal.
        response = page_response(Page("signed_in.html"), headers={"Refresh": f"0; url={on_to or '/'}"})
        response.set_cookie(
            self._access.cookie, session, max_age=int(SESSION_LASTS), path="/", httponly=True, samesite="strict"
        )
        return response

    async def _sign_out(self, request: Request) -> Response:
        self._access.end(request.cookies.get(self._access.cookie, ""))
        response = RedirectResponse("/login", 303)
        response.delete_cookie(self._access.cookie, path="/", httponly=True, samesite="strict")
        return response


async def _static(request: Request) -> Response:
    asset = asset_at(request.url.path)
    if asset is None:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(asset.data, 200, headers, asset.media_type)
