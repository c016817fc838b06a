"""The calls about the record: entries, their export and verification, keys, statements, and a plan deployed again."""

from collections.abc import Iterator

from lockgate.core.ids import Instant
from lockgate.messages.audit import AuditQuery, Redeploy, RotateKey
from lockgate.server.endpoint import Answer, Call, Endpoint, Lines, Parameter

FORMS = {"jsonl": "application/jsonl", "cef": "text/plain; charset=utf-8"}

CHUNK = 64 * 1024
"""Bytes of an export that are sent at once."""

_SINCE = Parameter("since", "Not before this time, in seconds since 1970; 0: from the beginning.", int, 0)
_UNTIL = Parameter("until", "Before this time, in seconds since 1970; 0: to the end.", int, 0)


def entries(call: Call) -> Answer:
    query = call.query
    asked = AuditQuery(
        actor=query.text("actor"),
        application=query.text("application"),
        environment=query.text("environment"),
        kind=query.text("kind"),
        since=_time(call, "since"),
        until=_time(call, "until"),
        after=query.number("after"),
        limit=query.number("limit"),
        newest=query.text("order") == "newest",
    )
    return Answer(call.operations.auditing.entries(asked))


def verification(call: Call) -> Answer:
    return Answer(call.operations.auditing.verified())


def export(call: Call) -> Answer:
    form = call.query.text("format")
    lines = call.operations.auditing.export(_time(call, "since"), _time(call, "until"), form)
    return Answer(Lines(_chunks(lines), FORMS[form]))


def keys(call: Call) -> Answer:
    return Answer(call.operations.auditing.keys())


def rotate(call: Call) -> Answer:
    return Answer(call.operations.auditing.rotate(call.read(RotateKey)))


def release_statement(call: Call) -> Answer:
    release = call.operations.release(call.query.text("application"), call.path["name"])
    return Answer(call.operations.auditing.of_release(release.id))


def plan_statement(call: Call) -> Answer:
    return Answer(call.operations.auditing.of_deployment(call.path["id"]))


def redeploy(call: Call) -> Answer:
    return Answer(call.operations.redeployment.redeploy(call.path["id"], call.read(Redeploy)), 201)


def _time(call: Call, name: str) -> Instant | None:
    return float(call.query.number(name)) or None


def _chunks(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Few large pieces instead of many small ones."""
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= CHUNK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


AUDITING: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/v1/releases/{name}/statement",
        "What was signed of a release when it was recorded: an in-toto statement in a DSSE envelope.",
        release_statement,
        "StatementView",
        query=(Parameter("application", "Only of this application."),),
    ),
    Endpoint(
        "GET",
        "/v1/deployments/{id}/statement",
        "The same of a deployment's plan, which is in it as a whole.",
        plan_statement,
        "StatementView",
    ),
    Endpoint(
        "POST",
        "/v1/deployments/{id}/redeploy",
        "Deploy exactly its plan once more. Refused if anything would be planned otherwise today, with what.",
        redeploy,
        "DeploymentView",
        Redeploy,
        statuses=(201,),
    ),
    Endpoint(
        "GET",
        "/v1/audit",
        "Who did what, and whether the record is whole as far as it has been read.",
        entries,
        "AuditView",
        query=(
            Parameter("actor", "Only of this actor."),
            Parameter("application", "Only of this application."),
            Parameter("environment", "Only of this environment."),
            Parameter("kind", "Only of this kind."),
            _SINCE,
            _UNTIL,
            Parameter("order", "Which, if there are more.", default="oldest", one_of=("oldest", "newest")),
            Parameter("after", "Only those with a higher number.", int, 0),
            Parameter("limit", "At most so many.", int, 100, 1000),
        ),
    ),
    Endpoint(
        "GET",
        "/v1/audit/verification",
        "The whole record, read anew: its chain and the signatures of its days.",
        verification,
        "Verification",
    ),
    Endpoint(
        "GET",
        "/v1/audit/export",
        "The record as a file. As JSON lines it ends with a signed line and is verified without a server; as CEF it is "
        "for collectors of logs.",
        export,
        "lines of JSON, or of CEF",
        query=(_SINCE, _UNTIL, Parameter("format", "Of the lines.", default="jsonl", one_of=tuple(FORMS))),
    ),
    Endpoint("GET", "/v1/keys", "The public keys that have signed, oldest first.", keys, "KeysView"),
    Endpoint(
        "POST",
        "/v1/keys/rotate",
        "A new key signs from now on, introduced by the old one.",
        rotate,
        "KeysView",
        RotateKey,
    ),
)
