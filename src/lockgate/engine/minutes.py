"""Minutes: what gates put on record about a deployment, written when it changes."""

from lockgate.core.audit import Event
from lockgate.core.deployment import Deployment
from lockgate.core.gate import Verdict
from lockgate.core.ids import Instant, short
from lockgate.engine import life
from lockgate.ports import History

KIND = "deployment.judged"
LOOKED_THROUGH = 1000
"""Events of a deployment that has not begun."""


def of(history: History, row: Deployment, verdicts: tuple[Verdict, ...], now: Instant) -> Event | None:
    """The event to write; None: nothing is put on record, or nothing has changed since it last was."""
    record = {f"{v.gate}/{rule}": said for v in verdicts for rule, said in v.record.items()}
    if not record or record == _last(history, row):
        return None
    because = "; ".join(_words(name.partition("/")[2], said) for name, said in record.items())
    return life.event_of(row, KIND, f"Judged by: {because}.", now, data=record)


def _last(history: History, row: Deployment) -> dict[str, str]:
    events = history.events(0, LOOKED_THROUGH, deployment=row.id)
    last = next((event for event in reversed(events) if event.kind == KIND), None)
    return {name: said for name, said in last.data.items() if "/" in name} if last else {}


def _words(rule: str, said: str) -> str:
    digest, _, answer = said.partition(" ")
    return f"{rule} {short(digest)} {answer}"
