"""Destinations: which addresses a message may be sent to, and sockets to those, and to nothing else.

Whoever may write a channel could have the server ask what only the server can reach: a cloud's metadata service hands
out credentials there. So a name is resolved once, what it stands for is looked at, and that very address is connected
to; a name that means another address a moment later gains nothing.
"""

import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from lockgate.core.errors import Denied, Unavailable

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)

_METADATA = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local: AWS, Azure, Google, Oracle and others
        "fe80::/10",
        "fd00:ec2::/32",  # AWS
        "fd20:ce::/32",  # Google
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.192/32",  # Oracle, once
    )
)
_TRANSLATED = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96"))
"""IPv6 networks whose last four bytes are an IPv4 address."""


@dataclass(frozen=True, slots=True)
class Destinations:
    """``everything``: also what is refused otherwise, since the server's owner says so."""

    everything: bool = False

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """What the name stands for now, all of it allowed. Raises :class:`Denied`, :class:`Unavailable`."""
        bare = host.strip("[]").rstrip(".").lower()
        if not self.everything and bare in METADATA_NAMES:
            raise _denied(host)
        try:
            found = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            because = f"The name {host} cannot be looked up: {getattr(error, 'strerror', None) or error}."
            raise Unavailable(because, "Look at its spelling and at this machine's name servers.") from None
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self.everything and any(map(is_refused, addresses)):
            raise _denied(host)
        return addresses

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connection to the first of them that takes it. Raises Denied, Unavailable."""
        last: OSError | None = None
        for address in self.addresses(host, port)[:3]:
            try:
                return socket.create_connection((address, port), timeout)
            except OSError as error:
                last = error
        raise Unavailable(f"{host}:{port} does not answer: {last}.") from last


def is_refused(address: str) -> bool:
    """Whether nothing is sent to this IP address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return any(form in network for form in _forms(ip) for network in _METADATA if form.version == network.version)


def _forms(ip: IP) -> Iterator[IP]:
    """The address, and the IPv4 address that it stands for."""
    yield ip
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            yield ip.ipv4_mapped
        if ip.sixtofour:
            yield ip.sixtofour
        if any(ip in network for network in _TRANSLATED):
            yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)


def _denied(host: str) -> Denied:
    because = (
        f"{host} is a link-local or metadata address, where nothing is sent: it may hand out this machine's rights."
    )
    return Denied(because, "Write another address; LOCKGATE_NOTIFY_LINK_LOCAL=true allows it for the whole server.")
