"""The calls of API v1 about environments: what one is, who says so, and how two sides differ."""

from lockgate.server.endpoint import Answer, Call, Endpoint, Parameter


def environment(call: Call) -> Answer:
    return Answer(call.operations.surveyor.show(call.path["name"]))


def why(call: Call) -> Answer:
    return Answer(call.operations.surveyor.why(call.path["name"], call.path["field"]))


def compare(call: Call) -> Answer:
    return Answer(call.operations.surveyor.compare(call.query.text("left"), call.query.text("right")))


_SIDE = "An environment (prod), the same at a time that is past (prod@2h, prod@2026-11-20T12:00Z), or a release's id."

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/v1/environments/{name}",
        "One environment, with what it inherits and where each field is written.",
        environment,
        "EnvironmentDetail",
    ),
    Endpoint(
        "GET",
        "/v1/environments/{name}/why/{field:path}",
        "Who says what of a field: values.time_limit, or time_limit alone.",
        why,
        "WhyView",
    ),
    Endpoint(
        "GET",
        "/v1/comparisons",
        "How two environments, two moments of one, or two releases differ.",
        compare,
        "ComparisonView",
        query=(Parameter("left", _SIDE), Parameter("right", _SIDE)),
    ),
)
