"""The calls of API v1: what each row of the table does with a request that has been understood."""

from collections.abc import Callable

from lockgate.charts.plot import FORMATS, svg
from lockgate.charts.topics import CHARTS
from lockgate.messages import Ask, CreateRelease, Deploy, Lift, Promote, RollBack
from lockgate.server.endpoint import Answer, Call, Image
from lockgate.server.operations import Wanted


def check(call: Call) -> Answer:
    return Answer({"problems": call.operations.check(call.read(CreateRelease))})


def create_release(call: Call) -> Answer:
    release, created = call.operations.create_release(call.read(CreateRelease))
    return Answer(release, 201 if created else 200)


def releases(call: Call) -> Answer:
    return Answer(call.operations.releases(call.query.text("application"), call.query.number("limit")))


def release(call: Call) -> Answer:
    return Answer(call.operations.release(call.query.text("application"), call.path["name"]))


def preview(call: Call) -> Answer:
    return Answer(call.operations.preview(call.read(Deploy)))


def deploy(call: Call) -> Answer:
    return Answer(call.operations.deploy(call.read(Deploy)), 201)


def promote(call: Call) -> Answer:
    return Answer(call.operations.promote(call.read(Promote)), 201)


def roll_back(call: Call) -> Answer:
    return Answer(call.operations.roll_back(call.read(RollBack)), 201)


def deployments(call: Call) -> Answer:
    query = call.query
    place = query.text("application"), query.text("environment")
    return Answer(call.operations.deployments(*place, query.several["state"], query.number("limit")))


def deployment(call: Call) -> Answer:
    return Answer(call.operations.deployment(call.path["id"]))


def explain(call: Call) -> Answer:
    return Answer(call.operations.explain(call.path["id"]))


def analysis(call: Call) -> Answer:
    return Answer(call.operations.analysis(call.path["id"]))


def replay(call: Call) -> Answer:
    return Answer(call.operations.replay(call.path["id"]))


def chart(call: Call) -> Answer:
    """One picture, as a file of its own."""
    view = call.operations.analysis(call.path["id"])
    picture = CHARTS[call.query.text("chart")](view)
    return Answer(Image(svg(picture, FORMATS[call.query.text("format")])))


def ask(want: Wanted) -> Callable[[Call], Answer]:
    def asked(call: Call) -> Answer:
        return Answer(call.operations.ask(call.path["id"], want, call.read(Ask)))

    return asked


def status(call: Call) -> Answer:
    return Answer(call.operations.status(call.query.text("application"), call.query.text("environment")))


def environments(call: Call) -> Answer:
    return Answer(call.operations.environments())


def events(call: Call) -> Answer:
    query = call.query
    page = query.number("after"), query.number("limit")
    return Answer(call.operations.events(*page, query.text("application"), query.text("deployment")))


def logs(call: Call) -> Answer:
    text = call.query.text
    where = text("application"), text("environment"), text("component"), text("instance")
    return Answer(call.operations.logs(*where, call.query.prefixed["after."], call.query.number("limit")))


def quarantines(call: Call) -> Answer:
    return Answer(call.operations.quarantines())


def lift(call: Call) -> Answer:
    call.operations.lift(call.read(Lift))
    return Answer(None, 204)


def doctor(call: Call) -> Answer:
    return Answer(call.operations.doctor())


def log_in(call: Call) -> Answer:
    return Answer(
        {
            "url": call.access.login_url(call.caller.name, call.caller.token)
            if call.caller.personal
            else call.access.login_url()
        },
        201,
    )
