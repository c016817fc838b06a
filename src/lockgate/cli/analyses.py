"""What users got from a canary, judged once more."""

from cyclopts import App as Commands

from lockgate.charts import figures
from lockgate.charts.series import e_value
from lockgate.cli.output import BAD, GOOD, Json, Line, headline, line, show, table
from lockgate.cli.surroundings import App, deployment_meant
from lockgate.client import Client
from lockgate.messages import ReplayView

analysis = Commands(name="analysis", help="What users got from a canary.", help_format="plaintext")


@analysis.command
def replay(name: str = "", /, *, app: App = "", json: Json = False) -> int:
    """The verdict on a canary once more, from the windows that were stored with the deployment.

    Parameters
    ----------
    name
        The deployment; default: the newest.
    """
    client = Client()
    found = client.replay(deployment_meant(client, name, app))
    show(found, json, lambda: replay_lines(found))
    return 0 if found.agrees else 1


def replay_lines(found: ReplayView) -> list[Line]:
    """For people."""
    rows: list[list[Line | str]] = [
        ["windows", f"{found.windows}, {found.excluded} of them not counted"],
        ["evidence", f"{_times(found.against)} against it, of {_times(found.threshold)} that take it back"],
        ["decided", "not by the evidence" if found.decided is None else f"after window {found.decided}"],
        ["settings", found.config],
    ]
    same = ("It is what was written down, to the last digit.", GOOD)
    other = ("It is NOT what was written down with the deployment.", BAD)
    return [
        headline(f"{found.deployment} {found.component}: {found.advice}"),
        line("  ", found.verdict),
        *table((), rows, indent=2),
        line("  ", same if found.agrees else other),
    ]


def _times(logarithm: float) -> str:
    known = e_value(logarithm)
    return "nothing" if known is None else figures.e_value(known)
