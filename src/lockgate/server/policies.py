"""The calls of API v1 about policies, and their rows of the table."""

from lockgate.messages import CheckPolicy, TryPolicies
from lockgate.server.endpoint import Answer, Call, Endpoint


def policies(call: Call) -> Answer:
    return Answer(call.operations.policies.list())


def check(call: Call) -> Answer:
    return Answer({"problems": call.operations.policies.check(call.read(CheckPolicy))})


def attempt(call: Call) -> Answer:
    return Answer(call.operations.policies.attempt(call.read(TryPolicies)))


POLICIES: tuple[Endpoint, ...] = (
    Endpoint(
        "GET", "/v1/policies", "Policies, each with the environments that it judges.", policies, "[PolicyView]"
    ),
    Endpoint(
        "POST",
        "/v1/policies/check",
        "What is wrong with a rule and its message: unknown fields, types that do not fit, too much work.",
        check,
        '{"problems": [Problem]}',
        CheckPolicy,
    ),
    Endpoint(
        "POST",
        "/v1/policies/try",
        "What policies would say of a deployment now, with the facts that they are asked about. Changes nothing.",
        attempt,
        "PolicyTrial",
        TryPolicies,
    ),
)  # fmt: skip
