"""The calls of API v1 about people and their tokens."""

from lockgate.messages.people import AddPerson, Leave, MakeToken
from lockgate.server.endpoint import Answer, Call, Endpoint


def me(call: Call) -> Answer:
    return Answer(call.operations.people.me())


def people(call: Call) -> Answer:
    return Answer(call.operations.people.all())


def add(call: Call) -> Answer:
    return Answer(call.operations.people.add(call.read(AddPerson)), 201)


def token(call: Call) -> Answer:
    return Answer(call.operations.people.token(call.path["name"], call.read(MakeToken)), 201)


def remove(call: Call) -> Answer:
    call.operations.people.remove(call.path["name"], call.read(Leave))
    return Answer(None, 204)


def revoke(call: Call) -> Answer:
    call.operations.people.revoke(call.path["id"], call.read(Leave))
    return Answer(None, 204)


_SERVER = "Only with the server's own token."

PEOPLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/v1/me", "Whom the server takes the caller for.", me, "CallerView"),
    Endpoint("GET", "/v1/people", "Who is known, with groups and tokens.", people, "[PersonView]"),
    Endpoint(
        "POST",
        "/v1/people",
        f"Add a person, with a first token, which is told this once. {_SERVER}",
        add,
        "NewToken",
        AddPerson,
        statuses=(201,),
    ),
    Endpoint(
        "POST",
        "/v1/people/{name}/tokens",
        "Make another token for a person. Only by that person, or with the server's own token.",
        token,
        "NewToken",
        MakeToken,
        statuses=(201,),
    ),
    Endpoint(
        "POST",
        "/v1/people/{name}/remove",
        f"Remove a person with all tokens; approvals they gave do not count any more. {_SERVER}",
        remove,
        "nothing",
        Leave,
        statuses=(204,),
    ),
    Endpoint(
        "POST",
        "/v1/tokens/{id}/revoke",
        "A token opens nothing any more. Only by its person, or with the server's own token.",
        revoke,
        "nothing",
        Leave,
        statuses=(204,),
    ),
)
