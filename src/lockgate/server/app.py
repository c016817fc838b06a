"""The tables of everything the server answers, and the application made from them."""

from dataclasses import replace
from functools import partial
from importlib.metadata import version

import msgspec
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from lockgate.charts.plot import FORMATS, WIDE
from lockgate.charts.topics import CHARTS
from lockgate.core.deployment import State
from lockgate.messages import Ask, CreateRelease, Deploy, Lift, Promote, RollBack
from lockgate.server import api, calendar, environments, secret_calls, supply
from lockgate.server.approvals import APPROVALS
from lockgate.server.auditing import AUDITING
from lockgate.server.endpoint import Answer, Call, Endpoint, File, Image, Lines, Parameter, Query, read_query
from lockgate.server.faults import problem_response
from lockgate.server.guard import Guard
from lockgate.server.identity import Identity, caller_of, demand_let_in, still_let_in
from lockgate.server.message import actor_of, message_of
from lockgate.server.notifications import NOTIFICATIONS
from lockgate.server.operations import OperationsLike
from lockgate.server.pages import Console, fault_page
from lockgate.server.people import PEOPLE
from lockgate.server.policies import POLICIES
from lockgate.server.stream import Interest, Tail, as_api, event_stream, place_of
from lockgate.server.token import Access
from lockgate.server.trains import TRAINS
from lockgate.server.upload import upload_of

_APPLICATION = Parameter("application", "Only of this application.")
_ENVIRONMENT = Parameter("environment", "Only of this environment.")
_STATE = Parameter("state", "Only in these states.", choices=frozenset(State))
_CHART = Parameter("chart", "What it shows.", default=next(iter(CHARTS)), one_of=tuple(CHARTS))
_FORMAT = Parameter("format", "For a wide page, or for a telephone.", default=WIDE.name, one_of=tuple(FORMATS))
_AFTER = Parameter("after", "Only those with a higher number.", int, 0)


def _limit(default: int, most: int) -> Parameter:
    return Parameter("limit", "At most so many.", int, default, most)


def _health(call: Call) -> Answer:
    return Answer({"status": "ok", "version": version("lockgate")})


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/healthz", "The server answers. Needs no token.", _health, '{"status", "version"}'),
    Endpoint(
        "POST",
        "/v1/check",
        "What is wrong with a definition, on this server's environments. Resolves and changes nothing.",
        api.check,
        '{"problems": [Problem]}',
        CreateRelease,
    ),
    Endpoint(
        "POST",
        "/v1/releases",
        "Resolve the artifacts and freeze a release: 201, or 200 when the same one was there.",
        api.create_release,
        "ReleaseView",
        CreateRelease,
        statuses=(201, 200),
    ),
    Endpoint(
        "GET",
        "/v1/releases",
        "Releases, newest first.",
        api.releases,
        "[ReleaseView]",
        query=(_APPLICATION, _limit(50, 1000)),
    ),
    Endpoint(
        "GET",
        "/v1/releases/{name}",
        "One release, by id, number (#3, written %233), version, or latest.",
        api.release,
        "ReleaseView",
        query=(_APPLICATION,),
    ),
    Endpoint("POST", "/v1/previews", "What a deployment would do. Changes nothing.", api.preview, "Preview", Deploy),
    Endpoint(
        "POST",
        "/v1/deployments",
        "Deploy a release on an environment.",
        api.deploy,
        "DeploymentView",
        Deploy,
        statuses=(201,),
    ),
    Endpoint(
        "GET",
        "/v1/deployments",
        "Deployments, newest first.",
        api.deployments,
        "[DeploymentView]",
        query=(_APPLICATION, _ENVIRONMENT, _STATE, _limit(50, 1000)),
    ),
    Endpoint("GET", "/v1/deployments/{id}", "One deployment.", api.deployment, "DeploymentView"),
    Endpoint(
        "GET",
        "/v1/deployments/{id}/explain",
        "Where it is, why, since when, what it waits for, and who can act.",
        api.explain,
        "Explanation",
    ),
    Endpoint(
        "GET",
        "/v1/deployments/{id}/analysis",
        "What users got from its canary and from the release before, the evidence of that, and what follows.",
        api.analysis,
        "AnalysisView",
    ),
    Endpoint(
        "GET",
        "/v1/deployments/{id}/analysis.svg",
        "The same as a picture.",
        api.chart,
        "an SVG image",
        query=(_CHART, _FORMAT),
    ),
    Endpoint(
        "GET",
        "/v1/deployments/{id}/replay",
        "The verdict on its canary once more, from what was stored.",
        api.replay,
        "ReplayView",
    ),
    Endpoint("POST", "/v1/deployments/{id}/pause", "Stop between two steps.", api.ask("pause"), "DeploymentView", Ask),
    Endpoint("POST", "/v1/deployments/{id}/resume", "Go on.", api.ask("resume"), "DeploymentView", Ask),
    Endpoint(
        "POST",
        "/v1/deployments/{id}/continue",
        "Let a canary go on with its next stage.",
        api.ask("continue"),
        "DeploymentView",
        Ask,
    ),
    Endpoint(
        "POST",
        "/v1/deployments/{id}/finish",
        "Give a canary all the traffic.",
        api.ask("finish"),
        "DeploymentView",
        Ask,
    ),
    Endpoint(
        "POST",
        "/v1/deployments/{id}/abort",
        "Go back to what ran before.",
        api.ask("abort"),
        "DeploymentView",
        Ask,
    ),
    Endpoint(
        "POST",
        "/v1/promotions",
        "Deploy what runs in the environment before.",
        api.promote,
        "DeploymentView",
        Promote,
        statuses=(201,),
    ),
    Endpoint(
        "POST",
        "/v1/rollbacks",
        "Deploy the last good release before the present one, with the configuration it had.",
        api.roll_back,
        "DeploymentView",
        RollBack,
        statuses=(201,),
    ),
    Endpoint(
        "GET",
        "/v1/status",
        "What runs where, as observed, and what is under way.",
        api.status,
        "Status",
        query=(_APPLICATION, _ENVIRONMENT),
    ),
    Endpoint("GET", "/v1/environments", "The environments in promotion order.", api.environments, "[EnvironmentView]"),
    *environments.ENDPOINTS,
    Endpoint(
        "GET",
        "/v1/events",
        "What has happened, oldest first. As a stream it goes on with what happens, from Last-Event-ID if one is sent.",
        api.events,
        "[EventView]",
        query=(
            _AFTER,
            _limit(100, 1000),
            _APPLICATION,
            Parameter("deployment", "Only of this deployment."),
        ),
        streams=True,
    ),
    Endpoint(
        "GET",
        "/v1/logs",
        "Lines that instances wrote.",
        api.logs,
        "LogView",
        query=(
            _APPLICATION,
            _ENVIRONMENT,
            Parameter("component", "Only of this component."),
            Parameter("instance", "Only of this instance."),
            Parameter("after.", "Read this instance's log on from here; see LogView.next.", int, 0),
            _limit(200, 5000),
        ),
    ),
    Endpoint("GET", "/v1/quarantines", "Releases barred from environments.", api.quarantines, "[QuarantineView]"),
    Endpoint(
        "POST",
        "/v1/quarantines/lift",
        "Let a barred release in again.",
        api.lift,
        "nothing",
        Lift,
        statuses=(204,),
    ),
    *AUDITING,
    *NOTIFICATIONS,
    Endpoint("POST", "/v1/logins", "A link that opens the console, once.", api.log_in, '{"url"}', statuses=(201,)),
    *APPROVALS,
    *PEOPLE,
    Endpoint("GET", "/v1/doctor", "What of this machine Lockgate can use.", api.doctor, "[Usable]"),
    *secret_calls.ENDPOINTS,
    *POLICIES,
    *TRAINS,
    *supply.ENDPOINTS,
    *calendar.ENDPOINTS,
)


def endpoint_route(endpoint: Endpoint, operations: OperationsLike, access: Access, tail: Tail) -> Route:
    """The row as a route."""

    async def answer(request: Request) -> Response:
        try:
            query = read_query(request.query_params.multi_items(), endpoint.query)
            if endpoint.streams and "text/event-stream" in request.headers.get("accept", ""):
                return await _stream(request, query, tail)
            if endpoint.uploads:
                caller = caller_of(request)
                call = Call(operations.on_behalf_of(caller), access, request.path_params, query, caller=caller)
                return await _received(request, endpoint, call)
            message = await message_of(request, endpoint.takes) if endpoint.takes else None
            if message is not None:
                await demand_let_in(request)
            caller = caller_of(request)
            call = Call(operations.on_behalf_of(caller), access, request.path_params, query, message, caller)
            return _response(await to_thread.run_sync(endpoint.answer, call))
        except Exception as error:
            return problem_response(error)

    return Route(endpoint.path, answer, methods=[endpoint.method], name=f"{endpoint.method} {endpoint.path}")


async def _received(request: Request, endpoint: Endpoint, call: Call) -> Response:
    actor = actor_of(request)
    async with upload_of(request, call.operations) as incoming:
        await demand_let_in(request)
        return _response(await to_thread.run_sync(endpoint.answer, replace(call, incoming=incoming, actor=actor)))


def _response(answer: Answer) -> Response:
    headers = {"Cache-Control": "no-store"}
    if answer.view is None:
        return Response(None, answer.status, headers)
    if isinstance(answer.view, Lines):
        return StreamingResponse(answer.view.chunks, answer.status, headers, answer.view.media_type)
    if isinstance(answer.view, Image):
        return Response(answer.view.svg, answer.status, headers, "image/svg+xml")
    if isinstance(answer.view, File):
        return Response(answer.view.text, answer.status, headers, answer.view.media_type)
    return Response(msgspec.json.encode(answer.view), answer.status, headers, "application/json")


async def _stream(request: Request, query: Query, tail: Tail) -> Response:
    interest = Interest(query.text("application"), query.text("deployment"))
    after = place_of(request, query.number("after"))
    await tail.probe()
    return event_stream(tail, after, interest, as_api, partial(still_let_in, request))


def make_app(operations: OperationsLike, access: Access, hosts: frozenset[str] = frozenset()) -> Starlette:
    """The application. ``hosts``: names it answers for besides those of the loopback."""
    tail = Tail(operations)
    identity = Identity(access, operations.people)
    console = Console(operations, access, identity, tail)
    app = Starlette(
        routes=[*(endpoint_route(e, operations, access, tail) for e in ENDPOINTS), *console.routes()],
        middleware=[Middleware(Guard, identity=identity, hosts=hosts, refuse=refusal)],
        exception_handlers={HTTPException: refusal},
    )
    app.state.tail = tail
    return app


async def refusal(request: Request, error: Exception) -> Response:
    """For programs as a problem, for people as a page."""
    if request.url.path.startswith(("/v1/", "/healthz")):
        return problem_response(error)
    return fault_page(request, error)
