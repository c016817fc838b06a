"""Fakes of the ports, in memory. They pass the same contract suites as the real drivers, as far as memory can."""

import hashlib
import hmac
import math
import threading
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lockgate.core import keyring
from lockgate.core.canary import Metric
from lockgate.core.envelope import ROTATION, Envelope, Signature, pae
from lockgate.core.errors import Fenced, LockgateError, Unavailable
from lockgate.core.ids import InstanceId, Instant, RevisionId
from lockgate.core.inventory import Condition, Instance, Observed
from lockgate.core.keyring import Keyring, PublicKey, public_key
from lockgate.core.notification import Channel
from lockgate.core.plan import Fence, InstanceSpec
from lockgate.core.traffic import (
    ALL,
    Key,
    PoolStatus,
    Route,
    RouterCaps,
    RouteStatus,
    Sample,
    TargetCaps,
)
from lockgate.core.verification import HttpAnswer
from lockgate.core.window import Ratio, Reading
from lockgate.ports import LogChunk, Parcel, Phase, Polled


class FakeClock:
    """Time that passes only when somebody sleeps or says so."""

    def __init__(self, start: Instant = 1_800_000_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> Instant:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)

    def stir(self) -> None:
        """Nobody sleeps: time has passed when ``sleep`` returns."""

    def pass_by(self, seconds: float) -> None:
        """Negative: the clock jumps back."""
        with self._lock:
            self._now += seconds


@dataclass
class Fences:
    """Refuses what is older than the newest it has seen, key by key."""

    newest: dict[Key, int] = field(default_factory=dict)

    def check(self, key: Key, fence: Fence) -> None:
        """Raises Fenced."""
        if fence.generation < self.newest.get(key, 0):
            raise Fenced(f"{fence.deployment} has lost {key}: a newer claim exists.")
        self.newest[key] = fence.generation


@dataclass
class FakeTarget:
    """Instances become ready ``start_seconds`` after they were asked for, unless their revision is in ``broken``."""

    clock: FakeClock
    start_seconds: float = 0.05
    stop_seconds: float = 0.02
    prepare_seconds: float = 0.0
    broken: dict[RevisionId, str] = field(default_factory=dict)
    """Revision -> why its instances fail."""
    unpreparable: dict[RevisionId, str] = field(default_factory=dict)
    caps: TargetCaps = field(default_factory=TargetCaps)
    fences: Fences = field(default_factory=Fences)
    started: int = 0
    """Instances ever started."""
    _instances: dict[Key, dict[InstanceId, Instance]] = field(default_factory=dict)
    _stopping: dict[InstanceId, Instant] = field(default_factory=dict)
    _preparing: dict[tuple[Key, RevisionId], Instant] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def prepare(self, key: Key, spec: InstanceSpec, fence: Fence) -> Polled:
        with self._lock:
            self.fences.check(key, fence)
            if spec.revision in self.unpreparable:
                return Polled(Phase.FAILED, self.unpreparable[spec.revision])
            since = self._preparing.setdefault((key, spec.revision), self.clock.now())
            done = self.clock.now() - since >= self.prepare_seconds
            return Polled(Phase.DONE if done else Phase.WORKING, "" if done else "It is being built.")

    def observe(self, key: Key) -> Observed:
        with self._lock:
            self._forget_stopped(key)
            instances = tuple(self._seen(i) for i in self._instances.get(key, {}).values())
            return Observed(key, instances, self.clock.now())

    def ensure(self, key: Key, spec: InstanceSpec, count: int, fence: Fence) -> None:
        with self._lock:
            self.fences.check(key, fence)
            mine = self._instances.setdefault(key, {})
            slots = {i.slot for i in mine.values() if i.revision == spec.revision}
            free = (slot for slot in range(count + len(slots)) if slot not in slots)
            for _ in range(count - len(slots)):
                self._start(key, spec, next(free))

    def retire(self, key: Key, instances: Collection[InstanceId], fence: Fence) -> None:
        with self._lock:
            self.fences.check(key, fence)
            for name in instances:
                if name in self._instances.get(key, {}):
                    self._stopping.setdefault(name, self.clock.now())

    def logs(self, key: Key, instance: InstanceId, after: int, limit: int) -> LogChunk:
        return LogChunk("", after)

    def lose(self, key: Key, instance: InstanceId) -> None:
        """The instance is gone, as if its machine had failed."""
        with self._lock:
            self._instances.get(key, {}).pop(instance, None)

    def _start(self, key: Key, spec: InstanceSpec, slot: int) -> None:
        self.started += 1
        name = InstanceId(f"{spec.revision}-{slot}-{self.started}")
        endpoint = f"127.0.0.1:{10_000 + self.started}" if spec.takes_traffic else ""
        self._instances[key][name] = Instance(name, spec.revision, slot, Condition.STARTING, endpoint, self.clock.now())

    def _seen(self, instance: Instance) -> Instance:
        if instance.id in self._stopping:
            return replace(instance, condition=Condition.STOPPING)
        if self.clock.now() - instance.started_at < self.start_seconds:
            return instance
        if instance.revision in self.broken:
            return replace(instance, condition=Condition.FAILED, because=self.broken[instance.revision])
        return replace(instance, condition=Condition.READY)

    def _forget_stopped(self, key: Key) -> None:
        gone = [n for n, since in self._stopping.items() if self.clock.now() - since >= self.stop_seconds]
        for name in gone:
            if self._instances.get(key, {}).pop(name, None):
                del self._stopping[name]


@dataclass
class FakeRouter:
    """Takes every route at once. Requests on instances that leave end ``drain_seconds`` after the route changed."""

    clock: FakeClock
    drain_seconds: float = 0.05
    caps: RouterCaps = field(
        default_factory=lambda: RouterCaps(True, True, True, histogram=True, pins=True, sticky=True)
    )
    rate: float = 0.0
    """Requests per second of each key's users, shared by weight and without chance."""
    failing: dict[RevisionId, float] = field(default_factory=dict)
    """Share of the requests that fail."""
    fail_otherwise: float = 0.0
    _served: dict[Key, dict[RevisionId, dict[str, float]]] = field(default_factory=dict)
    """Revision -> address -> requests."""
    _served_until: dict[Key, Instant] = field(default_factory=dict)
    fences: Fences = field(default_factory=Fences)
    routes: dict[Key, Route] = field(default_factory=dict)
    applied: list[Route] = field(default_factory=list)
    untaken: set[Key] = field(default_factory=set)
    """Keys whose route is written down but not in force, as after a kill half way; the next apply mends that."""
    _changed: dict[Key, Instant] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def apply(self, route: Route, fence: Fence) -> None:
        with self._lock:
            self.fences.check(route.key, fence)
            self._serve(route.key)
            if self.routes.get(route.key) != route:
                self.applied.append(route)
                self._changed[route.key] = self.clock.now()
            self.routes[route.key] = route
            self.untaken.discard(route.key)

    def status(self, key: Key) -> RouteStatus:
        with self._lock:
            route = self.routes.get(key)
            now = self.clock.now()
            if route is None:
                return RouteStatus(False, {}, False, now, "No route has been given.")
            left = now - self._changed[key] >= self.drain_seconds
            pools = {
                p.revision: PoolStatus(p.endpoints, p.weight, 0 if left else 1, 0 if left else 1) for p in route.pools
            }
            audience = (route.pins, route.pinned, route.sticky)
            return RouteStatus(key not in self.untaken, pools, route.hold > 0, now, "", *audience)

    def sample(self, key: Key) -> Mapping[RevisionId, Sample]:
        with self._lock:
            self._serve(key)
            return {name: self._sample(name, served) for name, served in self._served.get(key, {}).items()}

    def _serve(self, key: Key) -> None:
        """What users got since the last time."""
        now, route = self.clock.now(), self.routes.get(key)
        since = self._served_until.get(key, now)
        served = self._served.setdefault(key, {})
        for pool in route.pools if route else ():
            own = served.setdefault(pool.revision, {})
            for endpoint in pool.endpoints:
                part = self.rate * (now - since) * pool.weight / ALL / len(pool.endpoints)
                own[endpoint] = own.get(endpoint, 0.0) + part
        self._served_until[key] = now

    def _sample(self, revision: RevisionId, served: Mapping[str, float]) -> Sample:
        share = self.failing.get(revision, self.fail_otherwise)
        requests, failed = int(sum(served.values())), int(sum(served.values()) * share)
        latency = {10.0: requests, math.inf: requests}
        endpoints = {endpoint: Ratio(int(count * share), int(count)) for endpoint, count in served.items()}
        return Sample("fake", requests, {"2xx": requests - failed, "5xx": failed}, latency, endpoints)

    def remove(self, key: Key, fence: Fence) -> None:
        with self._lock:
            self.fences.check(key, fence)
            self.routes.pop(key, None)


@dataclass
class FakeHttp:
    """Answers by path; 200 where nothing is said."""

    answers: dict[str, int] = field(default_factory=dict)
    """Path -> status; 0: no answer."""
    broken: set[str] = field(default_factory=set)
    """Addresses (``host:port``) at which everything is answered with 500."""
    asked: list[str] = field(default_factory=list)
    answered_by: list[str] = field(default_factory=list)
    """Revisions that the next answers say they are of; none: they do not say."""

    def request(self, method: str, url: str, headers: Mapping[str, str], timeout: float) -> HttpAnswer:
        path = "/" + url.split("/", 3)[3]
        self.asked.append(url)
        status = 500 if url.split("/")[2] in self.broken else self.answers.get(path, 200)
        if not status:
            raise Unavailable("no answer came")
        headers = {"x-lockgate-revision": self.answered_by.pop(0)} if self.answered_by else {}
        return HttpAnswer(status, headers, b"", 0.001)


@dataclass
class FakeTask:
    """Ends as told: words[0] ``true`` is done, ``false`` failed, ``forever`` never ends."""

    started: dict[str, Sequence[str]] = field(default_factory=dict)

    def start(self, handle: str, inputs: Mapping[str, str], words: Sequence[str], timeout: float, fence: Fence) -> None:
        self.started.setdefault(handle, words)

    def poll(self, handle: str) -> Polled:
        word = self.started[handle][0]
        if word == "forever":
            return Polled(Phase.WORKING)
        return Polled(Phase.DONE, "ended with 0") if word == "true" else Polled(Phase.FAILED, "ended with 1")

    def cancel(self, handle: str) -> None:
        if handle in self.started:
            self.started[handle] = ("false",)


@dataclass
class FakeMetrics:
    """Says what it was told: metric and side -> reading, or the error that it raises."""

    told: dict[tuple[str, str], Reading | LockgateError] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def read(self, metric: Metric, labels: Mapping[str, str], at: Instant) -> Reading:
        self.asked.append((metric.name, dict(labels)))
        found = self.told.get((metric.name, labels.get("side", "")), Reading(at, because="Nothing was told."))
        if isinstance(found, LockgateError):
            raise found
        return replace(found, at=at)


@dataclass
class FakeTicker:
    """Remembers wakes; runs the handler when told, in the caller's thread."""

    wakes: list[Instant | None] = field(default_factory=list)

    def wake(self, at: Instant | None = None) -> None:
        self.wakes.append(at)

    def run(self, handler: "object") -> None:
        raise AssertionError("a fake ticker is not run; call the worker's round instead")

    def stop(self) -> None:
        return None


class FakeSigner:
    """Signatures that everybody could make who knows the public key: good for stories, not for secrets."""

    def __init__(self, name: str = "key") -> None:
        self._name = name
        self._ring = Keyring((self._key(1, 0.0),))

    def _key(self, number: int, at: Instant) -> PublicKey:
        body = b64encode(f"{self._name} {number}".encode()).decode()
        return public_key(f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n", at)

    def ring(self) -> Keyring:
        return self._ring

    def sign(self, message: bytes) -> Signature:
        return Signature(self._ring.current.id, _mac(self._ring.current.pem, message))

    def verify(self, pem: str, message: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(signature, _mac(pem, message))

    def rotate(self, at: Instant, actor: str, reason: str) -> Keyring:
        new = self._key(len(self._ring.keys) + 1, at)
        payload = keyring.rotation(self._ring.current, new, actor, reason)
        envelope = Envelope(ROTATION, payload, (self.sign(pae(ROTATION, payload)),))
        self._ring = self._ring.followed_by(new, envelope)
        return self._ring


def _mac(pem: str, message: bytes) -> bytes:
    return hmac.digest(pem.encode(), message, hashlib.sha256)


@dataclass
class FakeNotifier:
    """Takes every parcel, unless the channel is in ``trouble``."""

    trouble: dict[str, LockgateError] = field(default_factory=dict)
    """Channel -> what it raises."""
    remark: str = ""
    sent: list[tuple[str, Parcel]] = field(default_factory=list)
    """Channel and parcel, attempts that failed included."""
    held: dict[str, threading.Event] = field(default_factory=dict)
    """Channel -> it hangs until that is set."""

    def send(self, channel: Channel, parcel: Parcel) -> str:
        self.sent.append((channel.name, parcel))
        if channel.name in self.held:
            self.held[channel.name].wait(20)
        if channel.name in self.trouble:
            raise self.trouble[channel.name]
        return self.remark

    def titles(self, channel: str) -> list[str]:
        return [parcel.message.title for name, parcel in self.sent if name == channel]
