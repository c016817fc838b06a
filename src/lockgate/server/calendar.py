"""The calls of API v1 about calendars, and the feed that a calendar program subscribes to.

Such programs send no headers, so the feed's address holds a token of its own. It opens that feed and nothing else.
"""

from starlette.exceptions import HTTPException

from lockgate.messages import CalendarView, FeedLink, NewFeed, RevokeFeed
from lockgate.server.endpoint import Answer, Call, Endpoint, File, Parameter
from lockgate.server.guard import FEED_PATH
from lockgate.server.ics import calendar_text

AHEAD, BACK = 90, 30
"""Days of a feed."""

_DAYS = Parameter("days", "So many days ahead.", int, 30, 400)
_BACK = Parameter("back", "So many days of the past.", int, 7, 40)
_ENVIRONMENT = Parameter("environment", "Only of this environment.")
_APPLICATION = Parameter("application", "Only deployments of this application.")


def calendar(call: Call) -> Answer:
    return Answer(_view(call, call.query.number("days"), call.query.number("back")))


def feed(call: Call) -> Answer:
    """With a token it is that feed's calendar, whatever else is asked; otherwise the guard knows who asks."""
    token = call.query.text("token")
    if not token:
        return _file(_view(call, AHEAD, BACK), "Lockgate")
    found = call.operations.calendar.feed_of(token)
    if found is None:
        raise HTTPException(401, "This link is not that of a feed, or it has been revoked. Ask for a new one.")
    return _file(call.operations.calendar.view(found.environment, found.application, AHEAD, BACK), found.name)


def _view(call: Call, days: int, back: int) -> CalendarView:
    query = call.query
    return call.operations.calendar.view(query.text("environment"), query.text("application"), days, back)


def _file(view: CalendarView, name: str) -> Answer:
    return Answer(File(calendar_text(view, name), "text/calendar"))


def subscribe(call: Call) -> Answer:
    made, token = call.operations.calendar.subscribe(call.read(NewFeed))
    return Answer(FeedLink(made, f"{call.access.door}{FEED_PATH}?token={token}"), 201)


def feeds(call: Call) -> Answer:
    return Answer(call.operations.calendar.feeds())


def revoke(call: Call) -> Answer:
    call.operations.calendar.revoke(call.path["name"], call.read(RevokeFeed))
    return Answer(None, 204)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/v1/calendar",
        "Windows and freezes, planned, waiting and past deployments, and what of that collides.",
        calendar,
        "CalendarView",
        query=(_ENVIRONMENT, _APPLICATION, _DAYS, _BACK),
    ),
    Endpoint(
        "GET",
        FEED_PATH,
        f"The same as an iCalendar file (RFC 5545), {BACK} days back and {AHEAD} ahead, for a calendar program.",
        feed,
        "a text/calendar file",
        query=(_ENVIRONMENT, _APPLICATION, Parameter("token", "Of a feed: instead of every other sign of who asks.")),
    ),
    Endpoint(
        "POST",
        "/v1/feeds",
        "Make a feed. Its link is told this once.",
        subscribe,
        "FeedLink",
        NewFeed,
        statuses=(201,),
    ),
    Endpoint("GET", "/v1/feeds", "Feeds that there are.", feeds, "[FeedView]"),
    Endpoint(
        "POST",
        "/v1/feeds/{name}/revoke",
        "The feed's link opens nothing any more.",
        revoke,
        "nothing",
        RevokeFeed,
        statuses=(204,),
    ),
)
