"""The calls about secrets. They take one in, and no answer has ever one in it."""

from lockgate.messages.secrets import ChangeMasterKey, RemoveSecret, SetSecret
from lockgate.server.endpoint import Answer, Call, Endpoint, Parameter

_ENVIRONMENT = Parameter("environment", "Only of this environment.")


def known(call: Call) -> Answer:
    return Answer(call.operations.secrets.known(call.query.text("environment")))


def put(call: Call) -> Answer:
    told, new = call.operations.secrets.set(*_which(call), call.read(SetSecret))
    return Answer(told, 201 if new else 200)


def versions(call: Call) -> Answer:
    return Answer(call.operations.secrets.versions(*_which(call)))


def remove(call: Call) -> Answer:
    return Answer(call.operations.secrets.remove(*_which(call), call.read(RemoveSecret)))


def rotate(call: Call) -> Answer:
    return Answer(call.operations.secrets.rotate(call.read(ChangeMasterKey)))


def _which(call: Call) -> tuple[str, str]:
    return call.path["environment"], call.path["name"]


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/secrets",
        "Where secrets are kept and which version each has: never what they are.",
        known,
        "[SecretView]",
        query=(_ENVIRONMENT,),
    ),
    Endpoint(
        "PUT",
        "/v1/secrets/{environment}/{name}",
        "Keep a secret: 201 as its next version, or 200 when the newest one is the same text.",
        put,
        "SecretVersionView",
        SetSecret,
        statuses=(201, 200),
    ),
    Endpoint(
        "GET",
        "/v1/secrets/{environment}/{name}/versions",
        "The versions of a kept secret, and what needs them.",
        versions,
        "[SecretVersionView]",
    ),
    Endpoint(
        "POST",
        "/v1/secrets/{environment}/{name}/remove",
        "Remove a version that nothing needs.",
        remove,
        "SecretVersionView",
        RemoveSecret,
    ),
    Endpoint(
        "POST",
        "/v1/secrets/rotation",
        "A new master key, while everything goes on.",
        rotate,
        "KeyChangeView",
        ChangeMasterKey,
    ),
)
