"""Values are read by many threads at once, and by the first of them that meets a type, too."""

import subprocess
import sys

import pytest

from lockgate.core.plan import InstanceSpec
from lockgate.decoding import converted, decoded
from lockgate.messages import Usable

FIRST_TO_MEET = """
import sys, threading
sys.setswitchinterval(1e-6)  # as busy as a loaded machine
import msgspec
from lockgate.core.deployment import Deployment
from lockgate.core.plan import InstanceSpec
from lockgate.decoding import converted, decoded
from lockgate.drivers.routers.envoy.book import Book

def read(start):
    start.wait()
    for kind in (Book, InstanceSpec, Deployment):
        for reading in (lambda: decoded(b"{}", kind), lambda: converted({}, kind)):
            try:
                reading()
            except msgspec.ValidationError:
                pass

start = threading.Barrier(6)
threads = [threading.Thread(target=read, args=(start,)) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_threads_that_meet_a_type_at_once_read_it_safely() -> None:
    """In new processes, since a type is met for the first time only once. Without the lock half of them crash."""
    runs = [subprocess.Popen([sys.executable, "-c", FIRST_TO_MEET]) for _ in range(12)]
    assert [run.wait(60) for run in runs] == [0] * len(runs)


def test_values_come_as_their_type() -> None:
    written = Usable("uv", True, "it is there")
    assert decoded('{"subject": "uv", "usable": true, "because": "it is there"}', Usable) == written
    assert converted({"subject": "uv", "usable": True, "because": "it is there"}, Usable) == written


def test_what_does_not_fit_is_refused_each_time() -> None:
    import msgspec

    for _ in range(2):
        with pytest.raises(msgspec.ValidationError):
            decoded("{}", InstanceSpec)
