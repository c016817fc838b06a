"""The prober and the question whose answer it was."""

import os
import socket
import sys
from collections.abc import Iterator
from subprocess import DEVNULL, Popen

import pytest

from lockgate.core.application import Health
from lockgate.drivers.listeners import holders, listening, stranger
from lockgate.drivers.probe import Probe, Prober, Verdict
from lockgate.testing.waiting import wait_until

HEALTH = Health("/health", passes=2, timeout=0.2, interval=0.02)


@pytest.fixture
def prober() -> Iterator[Prober]:
    made = Prober()
    yield made
    made.close()


class Answers:
    """A server that answers each connection with the next of these; the last one for ever."""

    def __init__(self, *answers: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answers = list(answers)
        self.confirmed: list[str] = []
        self.lost: list[str] = []
        self.open: list[socket.socket] = []

    def probe(self, health: Health = HEALTH, refuse: str = "") -> Probe:
        def confirm() -> str:
            self.confirmed.append(refuse)
            return refuse

        return Probe("127.0.0.1", self.port, health, confirm, self.lost.append)

    def serve(self, count: int = 1) -> None:
        for _ in range(count):
            connection, _ = self.listener.accept()
            connection.recv(4096)
            connection.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
            connection.close()

    def close(self) -> None:
        for one in [self.listener, *self.open]:
            one.close()


@pytest.fixture
def answers() -> Iterator[type[Answers]]:
    made: list[Answers] = []

    class Kept(Answers):
        def __init__(self, *words: bytes) -> None:
            super().__init__(*words)
            made.append(self)

    yield Kept
    for one in made:
        one.close()


GOOD, BAD = b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 503 Service Unavailable\r\n\r\n"


def verdict(prober: Prober, server: Answers, **words: object) -> Verdict:
    return prober.watch("it", 0, server.probe(**words))  # type: ignore[arg-type]


def test_only_good_answers_in_a_row_count(prober: Prober, answers: type[Answers]) -> None:
    server = answers(GOOD, BAD, GOOD, GOOD)
    verdict(prober, server)
    server.serve(3)
    assert not server.confirmed
    server.serve(1)
    wait_until(lambda: verdict(prober, server).ready)
    assert server.confirmed == [""]


def test_good_answers_of_somebody_else_count_for_nothing(prober: Prober, answers: type[Answers]) -> None:
    server = answers(GOOD)
    verdict(prober, server, refuse="Somebody else answered.")
    server.serve(5)
    wait_until(lambda: len(server.confirmed) == 2)
    assert verdict(prober, server).ready is None


def test_a_ready_one_is_lost_after_three_bad_answers_and_found_again(prober: Prober, answers: type[Answers]) -> None:
    server = answers(GOOD, GOOD, BAD, BAD, GOOD, BAD, BAD, BAD, GOOD, GOOD)
    verdict(prober, server)
    server.serve(7)
    assert not server.lost
    server.serve(1)
    wait_until(lambda: server.lost)
    assert server.lost == [f"GET /health on 127.0.0.1:{server.port} answered 503."]
    assert verdict(prober, server).ready is False
    server.serve(2)
    wait_until(lambda: verdict(prober, server).ready)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"HTTP/1.1 302 Found\r\n\r\n", "answered 302."),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "answered 404."),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "answered something that is not HTTP."),
        (b"HTTP/1", "was cut off without an answer."),
        (b"", "was cut off without an answer."),
    ],
)
def test_what_is_not_a_good_answer_is_told(
    prober: Prober, answers: type[Answers], answer: bytes, sentence: str
) -> None:
    server = answers(answer)
    verdict(prober, server)
    server.serve(1)
    assert wait_until(lambda: v if (v := verdict(prober, server)).because.endswith(sentence) else None).ready is None


def test_one_that_hangs_is_told_and_delays_nobody(prober: Prober, answers: type[Answers]) -> None:
    hanging, other = answers(GOOD), answers(GOOD)
    prober.watch("hangs", 0, hanging.probe())
    hanging.open.append(hanging.listener.accept()[0])
    verdict(prober, other)
    other.serve(2)
    wait_until(lambda: verdict(prober, other).ready)
    late = wait_until(lambda: v if "within" in (v := prober.watch("hangs", 0, hanging.probe())).because else None)
    assert late.because.endswith("was not answered within 0.2 s.")


def test_another_life_begins_again(prober: Prober, answers: type[Answers]) -> None:
    server = answers(GOOD)
    verdict(prober, server)
    server.serve(2)
    wait_until(lambda: verdict(prober, server).ready)
    assert prober.verdict("it", 1) is None
    assert prober.watch("it", 1, server.probe()).ready is None


def test_one_that_nobody_has_looked_at_yet_is_told_from_one_that_fails(prober: Prober, answers: type[Answers]) -> None:
    server = answers(BAD)
    assert not prober.watch("it", 0, server.probe()).checked
    server.serve(1)
    wait_until(lambda: verdict(prober, server).checked)


def test_what_is_known_of_an_adopted_one_holds_until_it_fails(prober: Prober, answers: type[Answers]) -> None:
    server = answers(BAD)
    assert prober.watch("it", 0, server.probe(), True).ready
    server.serve(3)
    wait_until(lambda: verdict(prober, server).ready is False)


def test_what_is_forgotten_is_not_asked_any_more(prober: Prober, answers: type[Answers]) -> None:
    server = answers(BAD)
    verdict(prober, server)
    server.serve(1)
    prober.forget("it")
    server.listener.settimeout(0.3)
    with pytest.raises(TimeoutError):
        server.serve(10)
    assert prober.verdict("it", 0) is None


# --- whose socket it is ---


def listener(host: str, port: int = 0) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def inode(one: socket.socket) -> int:
    return os.fstat(one.fileno()).st_ino


def test_a_listening_socket_is_found_with_its_holder() -> None:
    with listener("127.0.0.1") as one:
        port = one.getsockname()[1]
        assert listening("127.0.0.1", port) == {inode(one)}
        holder = holders({inode(one)}, {os.getpid()})[inode(one)]
        assert holder.holds()
    assert listening("127.0.0.1", port) == set()
    assert not holder.holds()


def test_a_socket_for_all_addresses_counts_unless_one_is_bound_to_the_address() -> None:
    with listener("0.0.0.0") as wild:
        port = wild.getsockname()[1]
        assert listening("127.0.0.1", port) == {inode(wild)}
    with listener("::") as six:
        assert listening("127.0.0.1", six.getsockname()[1]) == {inode(six)}


def test_a_connected_socket_is_no_listener() -> None:
    with listener("127.0.0.1") as one, socket.create_connection(one.getsockname()) as other:
        assert listening("127.0.0.1", other.getsockname()[1]) == set()


def test_a_stranger_is_named() -> None:
    script = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); s.accept()"
    )
    with Popen([sys.executable, "-c", script], stdout=-1, stderr=DEVNULL) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        inodes = listening("127.0.0.1", port)
        assert stranger("127.0.0.1", port, inodes).endswith(f"(process {other.pid}).")
        other.kill()
