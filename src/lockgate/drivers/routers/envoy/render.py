"""The book of routes in Envoy's words: clusters, route configurations and listeners (xDS v3, JSON). Pure.

The traps behind each number are told beside it. Clusters are STATIC: with endpoint discovery Envoy went on sending
requests to removed hosts. Files are few, since each that is watched costs one of the user's few inotify instances and
Envoy aborts when there are no more: one of all clusters, one of all listeners, one of routes for each listener.
"""

import ipaddress
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from lockgate.core.errors import RouteRejected
from lockgate.core.ids import digest_of_bytes, short
from lockgate.core.traffic import ALL, Key, Route
from lockgate.drivers.routers.envoy import audience
from lockgate.drivers.routers.envoy.book import Book, Seating, holds, pinned_pool, serves

Json = dict[str, Any]

REVISION_HEADER = "x-lockgate-revision"
"""On each answer: the revision that gave it."""
NOBODY = "nobody"
"""A socket that never exists: connecting to it is refused at once, and nobody can come to listen there by chance."""
PLENTY = 20_000
"""Connections, requests, waiting requests and retries a cluster may have: the default of 3 retries loses requests in
a crash, and everybody who waits counts as a retry."""
BODY = 1024 * 1024
"""Bytes of a request that Envoy keeps so that it can be tried again."""
WAITING_BODY = 16 * 1024 * 1024
"""The same for a request that waits; a larger one is refused with 507."""
FOREVER = 1_000_000_000
"""Milliseconds. Stands for infinity, which Envoy takes for no bound."""
LATENCIES = (
    *(1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700),
    *(1000, 1500, 2000, 3000, 5000, 10_000, 30_000, 60_000),
    FOREVER,
)
"""Upper bounds of the histogram's buckets in ms; Envoy counts whole milliseconds, and knows two digits of each."""
UPSTREAM_IDLE = "1s"
"""Shorter than the applications' own keep-alive (uvicorn and Node 5 s, gunicorn 2 s): whoever closes first must be us,
or a request meets a closing connection."""
STREAM_IDLE = "3600s"
"""A stream on which nothing has moved for so long is given up."""
DRAIN = 30
"""Seconds that connections of a removed address have to end."""
FIRST_PAUSE, LAST_PAUSE = 0.025, 0.15
"""Seconds between a waiting request's tries: uniform between 0 and a bound that grows to the last."""
SENTENCE = "text/plain; charset=utf-8"

_TYPE = "type.googleapis.com/"
_CLUSTER = _TYPE + "envoy.config.cluster.v3.Cluster"
_ROUTES = _TYPE + "envoy.config.route.v3.RouteConfiguration"
_LISTENER = _TYPE + "envoy.config.listener.v3.Listener"
_EXTENSIONS = _TYPE + "envoy.extensions."


def address(text: str) -> tuple[str, int]:
    """``host:port`` as an IP address and a number. Raises RouteRejected."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    try:
        ipaddress.ip_address(host)
        if not 0 < int(port) < 65536:
            raise ValueError(port)
    except ValueError as error:
        mend = "Write an IP address and a port, such as 127.0.0.1:8080."
        raise RouteRejected(f"{text!r} is not an address that Envoy can use.", mend) from error
    return host, int(port)


def tag(listen: str) -> str:
    """Name of the listener, its route configuration and its statistics."""
    return re.sub(r"[^0-9A-Za-z]", "_", listen)


def _socket(text: str) -> Json:
    host, port = address(text)
    return {"socket_address": {"address": host, "port_value": port}}


# --- clusters ---


def clusters(book: Book) -> list[Json]:
    return [_cluster(seating) for seating in book.seatings]


def _cluster(seating: Seating) -> Json:
    endpoints = [_socket(endpoint) for endpoint in seating.endpoints]
    if seating.room and not endpoints:
        endpoints = [{"pipe": {"path": NOBODY}}]
    most = {f"max_{what}": PLENTY for what in ("connections", "pending_requests", "requests", "retries")}
    return {
        "@type": _CLUSTER,
        "name": seating.name,
        "alt_stat_name": seating.stat_name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": seating.name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": each}} for each in endpoints]}],
        },
        "circuit_breakers": {"thresholds": [{"priority": "DEFAULT", **most}]},
        "outlier_detection": _outliers(),
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _EXTENSIONS + "upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {"idle_timeout": UPSTREAM_IDLE},
            }
        },
    }


def _outliers() -> Json:
    """Only connections that fail make a host an outlier, not what the application answers. It is what keeps a crash to
    the handful of requests that were running; all hosts may go, since Envoy then uses all of them again."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 3,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_failure_percentage": 0,
        "interval": "0.5s",
        "base_ejection_time": "1s",
        "max_ejection_time": "5s",
        "max_ejection_percent": 100,
    }


# --- routes ---


def route_configurations(book: Book) -> list[Json]:
    seats = book.apart()
    return [_route_configuration(seats, listen, routes) for listen, routes in _by_listen(book).items()]


def _by_listen(book: Book) -> dict[str, list[Route]]:
    found: dict[str, list[Route]] = {}
    for route in book.routes():
        found.setdefault(route.listen, []).append(route)
    return dict(sorted(found.items()))


def _route_configuration(seats: Mapping[Key, Book], listen: str, routes: Sequence[Route]) -> Json:
    applications: dict[str, list[Route]] = {}
    for route in routes:
        applications.setdefault(route.key.application, []).append(route)
    hosts = [_virtual_host(seats, name, own, len(applications) == 1) for name, own in sorted(applications.items())]
    if len(applications) > 1:
        names = ", ".join(sorted(applications))
        because = f"No application of that name is served on {listen}; there are: {names}. Name one as the host.\n"
        hosts.append({"name": "*", "domains": ["*"], "routes": [_refusal(404, because)]})
    return {
        "@type": _ROUTES,
        "name": tag(listen),
        "ignore_port_in_host_matching": True,
        # Rooms aside, a cluster is there before a route names it and goes after.
        "validate_clusters": False,
        "virtual_hosts": hosts,
    }


def _virtual_host(seats: Mapping[Key, Book], application: str, routes: Iterable[Route], alone: bool) -> Json:
    longest_first = sorted(routes, key=lambda route: (-len(route.path), route.path))
    domains = ["*"] if alone else [application, f"{application}.localhost", f"{application}.*"]
    rules = [rule for route in longest_first for rule in _rules(seats.get(route.key, Book()), route)]
    if all(route.path.strip("/") for route in longest_first):
        paths = ", ".join(route.path for route in longest_first)
        rules.append(_refusal(404, f"{application} serves nothing at this path; it serves {paths}.\n"))
    return {"name": application, "domains": domains, "routes": rules}


def _rules(book: Book, route: Route) -> list[Json]:
    if serves(route):
        return [rule for way in _ways(book, route) for rule in _served(route, way)]
    room = book.room(route.key)
    if holds(route) and room:
        waiting = _rule(route, {"cluster": room.name}, _waits(route.hold))
        return [{**waiting, "request_body_buffer_limit": WAITING_BODY}]
    key = route.key
    cell = f", cell {key.cell}" if key.cell else ""
    because = f"{key.component} of {key.application} is not deployed in environment {key.environment}{cell}.\n"
    return [{**_refusal(503, because), "match": _match(route.path)}]


@dataclass(frozen=True, slots=True)
class _Way:
    """Which requests go where."""

    action: Json
    headers: tuple[Json, ...] = ()
    """That they must have."""
    cookie: str = ""
    """That the answer sets."""


def _ways(book: Book, route: Route) -> Iterator[_Way]:
    """In the order in which they are tried."""
    pinned = pinned_pool(route)
    if pinned and (seat := book.seat(route.key, pinned, pinned=True)):
        action = {"weighted_clusters": {"clusters": [_cluster_weight(seat, ALL)]}}
        for pin in route.pins:
            yield _Way(action, (audience.match_pin(pin),))
    clusters = [
        _cluster_weight(seat, pool.weight)
        for pool in audience.ordered(route)
        if pool.weight and (seat := book.seat(route.key, pool))
    ]
    cookie = audience.cookie(route)
    if not cookie:
        yield _Way({"weighted_clusters": {"clusters": clusters}})
        return
    hashed = {"weighted_clusters": {"clusters": clusters, "use_hash_policy": True}}
    yield _Way({**hashed, "hash_policy": [{"cookie": {"name": cookie}}]}, (audience.match_cookie(cookie),))
    by_request = [{"header": {"header_name": "x-request-id"}}]
    yield _Way({**hashed, "hash_policy": by_request}, cookie=audience.issued(cookie))


def _cluster_weight(seat: Seating, weight: int) -> Json:
    headers = [_header(REVISION_HEADER, str(seat.revision))]
    return {"name": seat.name, "weight": weight, "response_headers_to_add": headers}


def _served(route: Route, way: _Way) -> list[Json]:
    reads = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
    rules = [
        _rule(route, way.action, _retries(4, "reset"), reads, *way.headers),
        _rule(route, way.action, _retries(8), *way.headers),
    ]
    if not way.cookie:
        return rules
    cookie = {"header": {"key": "set-cookie", "value": way.cookie}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}
    return [{**rule, "response_headers_to_add": [cookie]} for rule in rules]


def _rule(route: Route, action: Json, retries: Json, *headers: Json) -> Json:
    match = {**_match(route.path), **({"headers": list(headers)} if headers else {})}
    timeout = f"{route.timeout:g}s"
    return {"name": str(route.key), "match": match, "route": {**action, "timeout": timeout, "retry_policy": retries}}


def _match(path: str) -> Json:
    bare = path.rstrip("/")
    if not bare:
        return {"prefix": "/"}
    return {"prefix": path} if path.endswith("/") else {"path_separated_prefix": bare}


def _retries(most: int, *further: str) -> Json:
    """What no instance has seen is tried again, whatever it is; a connection cut in the middle (``reset``) only for
    requests that change nothing. Those at most four times: each may be what ended the instance."""
    return {
        "retry_on": ",".join(("connect-failure", "refused-stream", *further)),
        "num_retries": most,
        "host_selection_retry_max_attempts": 5,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {"@type": _EXTENSIONS + "retry.host.previous_hosts.v3.PreviousHostsPredicate"},
            }
        ],
        "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
    }


def _waits(hold: float) -> Json:
    """So many tries as fill the time on average: a limit in seconds would also cut what is served afterwards."""
    return {
        "retry_on": "connect-failure",
        "num_retries": math.ceil(hold / (LAST_PAUSE / 2)) + 2,
        "retry_back_off": {"base_interval": f"{FIRST_PAUSE}s", "max_interval": f"{LAST_PAUSE}s"},
    }


def _refusal(status: int, because: str) -> Json:
    retry = [_header("retry-after", "1")] if status == 503 else []
    return {
        "match": {"prefix": "/"},
        "direct_response": {"status": status, "body": {"inline_string": because}},
        "response_headers_to_add": [_header("content-type", SENTENCE), *retry],
    }


def _header(name: str, value: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


# --- listeners ---


def listeners(book: Book, routes_file: Callable[[str], str]) -> list[Json]:
    """``routes_file``: path of a listener's routes, by its name."""
    return [_listener(listen, routes_file(tag(listen))) for listen in _by_listen(book)]


def _listener(listen: str, routes_file: str) -> Json:
    chain = {"filters": [{"name": "http", "typed_config": _connection_manager(listen, routes_file)}]}
    return {
        "@type": _LISTENER,
        "name": tag(listen),
        "address": _socket(listen),
        "per_connection_buffer_limit_bytes": BODY,
        "filter_chains": [chain],
    }


def _connection_manager(listen: str, routes_file: str) -> Json:
    router = {"@type": _EXTENSIONS + "filters.http.router.v3.Router", "suppress_envoy_headers": True}
    return {
        "@type": _EXTENSIONS + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": tag(listen),
        "rds": {"route_config_name": tag(listen), "config_source": _watched(routes_file)},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_protocol_options": {"accept_http_10": True},
        "use_remote_address": True,
        # Nobody may steer retries and timeouts by x-envoy headers, the machine's own users included.
        "internal_address_config": {},
        "server_header_transformation": "PASS_THROUGH",
        "normalize_path": True,
        "stream_idle_timeout": STREAM_IDLE,
        "request_headers_timeout": "60s",
        "local_reply_config": {"mappers": [_unanswered()]},
    }


def _unanswered() -> Json:
    """Envoy's own answer when no instance gave one, as a sentence."""
    because = "%ROUTE_NAME% gave no answer (%RESPONSE_FLAGS%). Please try again.\n"
    return {
        "filter": {"response_flag_filter": {"flags": ["UH", "UF", "UC", "UO", "URX", "NC", "NR", "LR", "UR"]}},
        "body_format_override": {"text_format_source": {"inline_string": because}, "content_type": SENTENCE},
        "headers_to_add": [_header("retry-after", "1")],
    }


def _watched(path: str) -> Json:
    return {"path_config_source": {"path": path}, "resource_api_version": "V3"}


# --- the whole ---


def bootstrap(files: Mapping[str, str], socket: str, most_connections: int) -> Json:
    """Envoy's own configuration. ``files``: paths of what it watches, by ``cds`` and ``lds``."""
    limit = {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": _EXTENSIONS + "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            "max_active_downstream_connections": most_connections,
        },
    }
    buckets = {"match": {"suffix": "upstream_rq_time"}, "buckets": list(LATENCIES)}
    return {
        "node": {"id": "lockgate", "cluster": "lockgate"},
        "admin": {"address": {"pipe": {"path": socket, "mode": 0o600}}},
        "dynamic_resources": {"cds_config": _watched(files["cds"]), "lds_config": _watched(files["lds"])},
        # Histograms are empty until they are flushed.
        "stats_flush_interval": "1s",
        "stats_config": {"histogram_bucket_settings": [buckets]},
        "overload_manager": {"resource_monitors": [limit]},
    }


def discovery(resources: Sequence[Json]) -> bytes:
    """A file for Envoy to watch. Its version is the digest of what it says, so that who reads it back from Envoy knows
    exactly what is in force."""
    body = msgspec.json.encode(resources, order="deterministic")
    return b'{"version_info":"%s","resources":%s}' % (short(digest_of_bytes(body)).encode(), body)


def version_of(file: bytes) -> str:
    """The version of a file by :func:`discovery`; its beginning is enough."""
    found = re.match(rb'{"version_info":"([0-9a-f]+)"', file)
    return found[1].decode() if found else ""
