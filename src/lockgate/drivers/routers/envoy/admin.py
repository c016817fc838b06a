"""Asking Envoy: its admin interface over a unix socket in the router's folder.

Everything is asked with a filter; the whole page of a large installation has megabytes. What a filter is, and the
format of the answers: Envoy's documentation, "Administration interface".
"""

import http.client
import json
import math
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lockgate.core.errors import Unavailable
from lockgate.core.ids import RevisionId
from lockgate.core.traffic import Key
from lockgate.core.window import Ratio
from lockgate.drivers.routers.envoy.render import FOREVER

PATIENCE = 2.0
"""Seconds Envoy may take to answer; it needs about one thousandth."""

_XDS = r"^(cluster_manager\.cds|listener_manager\.lds|http\.[^.]*\.rds\.[^.]*)\."
_NAMES = {"cluster_manager.cds": "cds", "listener_manager.lds": "lds"}


@dataclass(frozen=True, slots=True)
class Reading:
    """Requests as Envoy sees them at one moment."""

    running: Mapping[str, Mapping[str, int]]
    """Cluster name -> endpoint -> requests that run on it."""
    active: Mapping[str, int]
    """Statistics name -> requests that run."""
    pending: Mapping[str, int]
    """Statistics name -> requests that wait for a connection."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Cumulative counts of one revision."""

    by_class: Mapping[str, int]
    """Also ``cut``, if there are any."""
    latency_ms: Mapping[float, int]


@dataclass(frozen=True, slots=True)
class Hosts:
    """Clusters and their endpoints: the name of each -> its endpoints -> what Envoy says of them."""

    running: Mapping[str, Mapping[str, int]]
    counted: Mapping[str, Mapping[str, Ratio]]


class Admin:
    """One Envoy's admin interface. Every method raises Unavailable when it does not answer."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name

    def versions(self) -> dict[str, str]:
        """What is in force: ``cds``, ``lds`` and, for each listener, its name -> version of the file last accepted."""
        lines = self._stats(_XDS + "version_text$", "TextReadouts")
        return {_short(name): value.strip('"') for name, value in lines}

    def refusals(self) -> dict[str, int]:
        """How often Envoy has refused a file since it started; names as in :meth:`versions`."""
        found: dict[str, int] = {}
        for name, value in self._stats(_XDS + "update_(rejected|failure)$", "Counters"):
            found[_short(name)] = found.get(_short(name), 0) + int(value)
        return found

    def listeners(self) -> set[str]:
        """Names of the addresses on which Envoy listens."""
        answer = json.loads(self._get("/listeners?format=json"))
        return {status["name"] for status in answer.get("listener_statuses", ())}

    def reading(self, key: Key) -> Reading:
        """All requests of one key."""
        active, pending = self._gauges(key)
        return Reading(self.hosts(key).running, active, pending)

    def hosts(self, key: Key | None = None) -> Hosts:
        """Of all clusters, or of one key's."""
        name = "^" + re.escape(str(key)) + r"\|" if key else ""
        answer = json.loads(self._get(f"/clusters?format=json&filter={quote(name)}"))
        clusters = {
            status["name"]: {_endpoint(host): _figures(host) for host in status.get("host_statuses", ())}
            for status in answer.get("cluster_statuses", ())
        }
        running = {c: {e: figures.get("rq_active", 0) for e, figures in own.items()} for c, own in clusters.items()}
        return Hosts(running, {c: {e: _ratio(figures) for e, figures in own.items()} for c, own in clusters.items()})

    def counts(self, key: Key) -> dict[RevisionId, Counts]:
        """Of each revision that has been asked on the key; a request counts when its answer has begun. An answer that
        breaks off is a protocol error to Envoy, and so is one whose beginning makes no sense."""
        pattern = rf"^cluster\.{re.escape(str(key))}\|([^.|]*)\.upstream_(rq_[1-5]xx|rq_time|cx_protocol_error)$"
        classes: dict[RevisionId, dict[str, int]] = {}
        latencies: dict[RevisionId, dict[float, int]] = {}
        for name, value in self._stats(pattern, "All", "&histogram_buckets=cumulative"):
            found = re.match(pattern, name)
            if found and found[2] == "rq_time":
                latencies[RevisionId(found[1])] = _buckets(value)
            elif found and (count := int(value)):
                name = "cut" if found[2] == "cx_protocol_error" else found[2].removeprefix("rq_")
                classes.setdefault(RevisionId(found[1]), {})[name] = count
        return {revision: Counts(by_class, latencies.get(revision, {})) for revision, by_class in classes.items()}

    # --- behind the doors ---

    def _gauges(self, key: Key) -> tuple[dict[str, int], dict[str, int]]:
        pattern = rf"^cluster\.({re.escape(str(key))}\|.*)\.upstream_rq_(pending_)?active$"
        active: dict[str, int] = {}
        pending: dict[str, int] = {}
        for name, value in self._stats(pattern, "Gauges"):
            if found := re.match(pattern, name):
                (pending if found[2] else active)[found[1]] = int(value)
        return active, pending

    def _stats(self, pattern: str, kind: str, further: str = "") -> list[tuple[str, str]]:
        text = self._get(f"/stats?type={kind}&filter={quote(pattern)}{further}")
        return [(name, value) for name, _, value in (line.partition(": ") for line in text.splitlines()) if value]

    def _get(self, path: str) -> str:
        try:
            return self._asked(path)
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable("Envoy does not answer; it may be starting.") from error

    def _asked(self, path: str) -> str:
        folder = os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        connection = http.client.HTTPConnection("envoy", timeout=PATIENCE)
        try:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(PATIENCE)
            # By way of the descriptor: the folder's own name may be longer than the 107 bytes of a socket's address.
            connection.sock.connect(f"/proc/self/fd/{folder}/{self.name}")
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
            os.close(folder)
        if answer.status != 200:
            raise http.client.HTTPException(f"{answer.status} {text}")
        return text


def _short(name: str) -> str:
    """``cds``, ``lds``, or the route configuration's name."""
    where = name.rpartition(".")[0]
    return _NAMES.get(where) or where.rpartition(".")[2]


def _endpoint(host: Mapping[str, Mapping[str, Mapping[str, object]]]) -> str:
    where = host["address"].get("socket_address")
    if not where:
        return ""
    name = str(where["address"])
    return f"[{name}]:{where['port_value']}" if ":" in name else f"{name}:{where['port_value']}"


def _figures(host: Mapping[str, list[Mapping[str, str]]]) -> dict[str, int]:
    return {stat["name"]: int(stat.get("value", 0)) for stat in host["stats"]}


def _ratio(figures: Mapping[str, int]) -> Ratio:
    """``rq_total`` lacks the tries that found no connection, and has those that the client gave up."""
    failed = figures.get("rq_error", 0)
    return Ratio(failed, failed + figures.get("rq_success", 0))


def _buckets(text: str) -> dict[float, int]:
    """``B1(0,7) B2.5(1,9) B1e+09(1,9)``: upper bound, count of the last second, count since the start."""
    bounds = re.findall(r"B([0-9.e+]+)\(\d+,(\d+)\)", text)
    found = {float(bound) if float(bound) < FOREVER else math.inf: int(count) for bound, count in bounds}
    # An Envoy that an older Lockgate has started ends with a minute.
    return {math.inf: max(found.values()), **found} if found and math.inf not in found else found
