"""A recorded plan once more."""

from typing import Annotated

from cyclopts import Parameter

from lockgate.cli.deployments import Blind, Urgent, Wait, Watch, see_through
from lockgate.cli.output import Json
from lockgate.cli.surroundings import App, Reason, actor, deployment_meant
from lockgate.client import Client
from lockgate.messages.audit import Redeploy


def redeploy(
    name: str,
    /,
    *,
    as_recorded: Annotated[bool, Parameter(negative="")] = False,
    urgent: Urgent = False,
    blind: Blind = False,
    app: App = "",
    reason: Reason = "",
    watch: Watch = None,
    wait: Wait = False,
    json: Json = False,
) -> int:
    """Deploy exactly the plan of an earlier deployment once more; refused if anything would differ today, with what.

    Parameters
    ----------
    name
        The deployment, such as dep-7.
    as_recorded
        Also where the environment would be planned otherwise today, if its target is still there.
    """
    client = Client()
    message = Redeploy(reason, as_recorded, urgent, actor(), blind)
    view = client.redeploy(deployment_meant(client, name, app), message)
    return see_through(client, view, watch, wait, json)
