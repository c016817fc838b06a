"""All notifiers together: which service is spoken to by which."""

from collections.abc import Mapping

from lockgate.core.notification import Service
from lockgate.drivers.destinations import Destinations
from lockgate.drivers.notifiers.apprise import AppriseNotifier
from lockgate.drivers.notifiers.email import EmailNotifier
from lockgate.drivers.notifiers.slack import SlackNotifier
from lockgate.drivers.notifiers.teams import TeamsNotifier
from lockgate.drivers.notifiers.webhook import WebhookNotifier
from lockgate.drivers.posting import Poster
from lockgate.drivers.safe import reveal
from lockgate.ports import Notifier


def services(link_local: bool) -> Mapping[Service, Notifier]:
    """``link_local``: whether they may send to link-local and metadata addresses."""
    destinations = Destinations(link_local)
    poster = Poster(destinations)
    return {
        Service.SLACK: SlackNotifier(poster, reveal),
        Service.TEAMS: TeamsNotifier(poster, reveal),
        Service.EMAIL: EmailNotifier(destinations, reveal),
        Service.WEBHOOK: WebhookNotifier(poster, reveal),
        Service.APPRISE: AppriseNotifier(reveal),
    }
