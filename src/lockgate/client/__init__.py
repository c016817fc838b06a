"""The typed client of Lockgate's HTTP API. Synchronous; the command line and the tests use the same one.

It speaks through ``http.client``, because a command must answer before its user blinks and the loopback needs no
more: importing it costs a third of a full HTTP library. A connection per request, so one client serves many threads.
The server's address is looked up anew for each request: a restarted server may listen elsewhere.
"""

from functools import partial
from pathlib import Path
from typing import Self

from lockgate.client.address import Address, address_from_environment, address_in, data_folder, no_server
from lockgate.client.deployments import DeploymentCalls
from lockgate.client.events import EventCalls
from lockgate.client.notices import NoticeCalls
from lockgate.client.people import PeopleCalls
from lockgate.client.record import RecordCalls
from lockgate.client.releases import ReleaseCalls
from lockgate.client.secrets import SecretCalls
from lockgate.client.status import StatusCalls
from lockgate.client.supply import SupplyCalls
from lockgate.client.wire import QUICK, SLOW, Refusal, problem_from

__all__ = [
    "QUICK",
    "SLOW",
    "Address",
    "Client",
    "Refusal",
    "address_from_environment",
    "address_in",
    "data_folder",
    "no_server",
    "problem_from",
]


class Client(
    ReleaseCalls,
    DeploymentCalls,
    StatusCalls,
    SupplyCalls,
    PeopleCalls,
    SecretCalls,
    RecordCalls,
    NoticeCalls,
    EventCalls,
):
    """Every method raises :class:`Refusal` when the server says no and :class:`Unavailable` when none answers."""

    __slots__ = ()

    @classmethod
    def of(cls, home: Path) -> Self:
        """Of the server that works on this data folder."""
        return cls(partial(address_in, home))

    @classmethod
    def at(cls, url: str, token: str) -> Self:
        return cls(lambda: Address(url, token, url))
