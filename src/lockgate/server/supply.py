"""The calls for what is attached to releases, and for what runs where."""

from lockgate.messages import GiveWaiver, TakeWaiver
from lockgate.server.endpoint import Answer, Call, Endpoint, Parameter

_APPLICATION = Parameter("application", "Only of this application.")
_OF = Parameter("application", "The application whose release is meant.")
_AT = Parameter("at", "At that moment, in whole seconds since 1970; 0: now.", int, 0)
_LIMIT = Parameter("limit", "At most so many.", int, 1000, 5000)
_KINDS = ("auto", "in-toto", "cyclonedx", "spdx", "sarif", "trivy", "grype")


def attach(call: Call) -> Answer:
    query, upload = call.query, call.upload
    place = query.text("application"), call.path["name"]
    given = query.text("kind"), query.text("file"), call.actor
    view, fresh = call.operations.supply.attach(*place, upload, *given)
    return Answer(view, 201 if fresh else 200)


def evidence(call: Call) -> Answer:
    return Answer(call.operations.supply.evidence(call.query.text("application"), call.path["name"]))


def findings(call: Call) -> Answer:
    text = call.query.text
    return Answer(call.operations.supply.findings(text("application"), text("release"), text("environment")))


def waivers(call: Call) -> Answer:
    return Answer(call.operations.supply.waivers())


def waive(call: Call) -> Answer:
    return Answer(call.operations.supply.waive(call.read(GiveWaiver)), 201)


def unwaive(call: Call) -> Answer:
    call.operations.supply.unwaive(call.read(TakeWaiver))
    return Answer(None, 204)


def inventory(call: Call) -> Answer:
    text, number = call.query.text, call.query.number
    place = text("environment"), text("application")
    return Answer(call.operations.whereabouts.inventory(*place, number("at") or None, number("limit")))


def where(call: Call) -> Answer:
    query = call.query
    when = query.number("at") or None, query.text("ever") == "yes"
    return Answer(call.operations.whereabouts.where(query.text("what"), *when, query.number("limit")))


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/releases/{name}/evidence",
        "Attach a document to a release: the body is the document itself, at most 64 MiB, whatever its content type. "
        "201, or 200 when the release has it already.",
        attach,
        "EvidenceView",
        query=(
            _OF,
            Parameter("kind", "What it must be; auto: whichever it is.", default="auto", one_of=_KINDS),
            Parameter("file", "Its name, for people."),
        ),
        statuses=(201, 200),
        uploads=True,
    ),
    Endpoint(
        "GET",
        "/v1/releases/{name}/evidence",
        "What is attached to a release, oldest first.",
        evidence,
        "[EvidenceView]",
        query=(_OF,),
    ),
    Endpoint(
        "GET",
        "/v1/findings",
        "What scans have found in a release, with the waivers that hold in an environment.",
        findings,
        "FindingsView",
        query=(
            _OF,
            Parameter("release", "Its id, number, version, or latest.", default="latest"),
            Parameter("environment", "Whose waivers count."),
        ),
    ),
    Endpoint("GET", "/v1/waivers", "Findings that somebody has taken on, expired ones too.", waivers, "[WaiverView]"),
    Endpoint("POST", "/v1/waivers", "Take a finding on for a while.", waive, "WaiverView", GiveWaiver, statuses=(201,)),
    Endpoint(
        "POST", "/v1/waivers/remove", "Take a finding on no more.", unwaive, "nothing", TakeWaiver, statuses=(204,)
    ),
    Endpoint(
        "GET",
        "/v1/inventory",
        "What runs in an environment, or ran there at a moment: since when, by whom, how many instances were observed.",
        inventory,
        "InventoryView",
        query=(Parameter("environment", "Only in this environment."), _APPLICATION, _AT, _LIMIT),
    ),
    Endpoint(
        "GET",
        "/v1/where",
        "Where something runs: a package, an artifact, a digest, a release.",
        where,
        "WhereView",
        query=(
            Parameter("what", "openssl@3.0.7, a package URL, an artifact reference, a digest, or a release's id."),
            _AT,
            Parameter("ever", "Also where it ran before.", default="no", one_of=("no", "yes")),
            Parameter("limit", "At most so many.", int, 200, 5000),
        ),
    ),
)
